"""Client of the router's HTTP API, on the Engine client's wire, because the executor has imported that.

The API listens on 127.0.0.1 of its host and serves no one else, so there is neither TLS nor a proxy here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote, urlencode

from weave_http import constants
from weave_http.addresses import IP, Cidr, PeerAddress, Subnet, parse_cidr, parse_ip, parse_port
from weave_http.engine.address import Endpoint
from weave_http.engine.errors import TransportError, Unreachable
from weave_http.engine.wire.contract import Request, Timeouts
from weave_http.engine.wire.pool import WireTransport
from weave_http.errors import UsageError
from weave_http.hints import Any
from weave_http.host.router_api import NotOffered, RouterAPI, RouterError, RouterUnavailable

__all__ = ["NotOffered", "RouterClient", "RouterError", "RouterUnavailable"]

LOOPBACK = "127.0.0.1"


class RouterClient(RouterAPI):
    """Calls to one router; every call is one connection, so there is nothing to close.

    Args:
        host: address of the router's API.
        port: its TCP port.
        timeout: seconds of silence after which a call fails.

    Every method raises `RouterUnavailable` or `RouterError`.
    """

    def __init__(self, host: str = LOOPBACK, port: int = constants.ROUTER_HTTP_PORT, *, timeout: float = 10.0) -> None:
        self._host = host
        self._port = port
        self._timeouts = Timeouts(connect=timeout, quick=timeout)

    def status(self, section: str = "") -> str:
        """Return the text of `GET /status` or of `GET /status/{section}`: targets, connections, peers or dns."""
        return self._call("GET", f"/status/{quote(section, safe='')}" if section else "/status")

    def report(self) -> dict[str, Any]:
        """Return `GET /report`: all the router knows."""
        return self._object("/report")

    def missing(self) -> dict[str, Any]:
        """Return which targets are not connected and which peers no data reaches, with reasons (`GET /missing`)."""
        return self._object("/missing")

    def round_trips(self) -> list[dict[str, Any]]:
        """Return what each peer measured to each of its neighbours (`GET /rtt`)."""
        found = self._object("/rtt")["RoundTrips"]
        return list(found)

    def report_text(self, template: str) -> str:
        """Return the report (`GET /report`) as a Go template puts it, without one as JSON to read.

        Args:
            template: for Go's text/template; it is filled here, so that it can't cost the router anything.

        Raises:
            RouterError: it makes no sense, or does not fit the report.
        """
        if not template:
            return self._call("GET", "/report")
        from weave_http.host.template import TemplateError, render

        report = self.report()
        try:
            return render(template, report)
        except TemplateError as error:
            raise RouterError(error.message) from error

    def version(self) -> str:
        """Return the router's version (`GET /version`)."""
        return self._call("GET", "/version").strip()

    def connect(self, peers: Iterable[PeerAddress], replace: bool = False) -> None:
        """Add peers to the ones that are dialled (`POST /connect`).

        Args:
            peers: the good ones among them are taken even if others are refused with `RouterError`.
            replace: dial these alone from now on.
        """
        pairs = [("peer", str(peer)) for peer in peers]
        self._call("POST", "/connect", form=[*pairs, ("replace", "true")] if replace else pairs)

    def forget(self, peers: Iterable[PeerAddress]) -> None:
        """Stop dialling peers; unknown ones are ignored (`POST /forget`)."""
        self._call("POST", "/forget", form=[("peer", str(peer)) for peer in peers])

    def change_password(self, password: str, grace: float) -> None:
        """Change the network's password (`PUT /password`).

        Args:
            password: the new one.
            grace: seconds for which the one before it is taken, too.
        """
        body = json.dumps({"password": password, "grace": grace}).encode()
        self._call("PUT", "/password", body=body)

    def attachments(self) -> dict[str, list[str]]:
        """Return the addresses in CIDR notation by container id (`GET /attachments`)."""
        return {container: list(addresses) for container, addresses in self._object("/attachments").items()}

    def set_attachment(self, container: str, addresses: Iterable[Cidr]) -> None:
        """Record the addresses that a container gets again whenever it starts (`PUT /attachment/{id}`).

        Args:
            container: full container id.
            addresses: all of them.
        """
        body = json.dumps({"addresses": list(map(str, addresses))}).encode()
        self._call("PUT", f"/attachment/{quote(container, safe='')}", body=body)

    def delete_attachment(self, container: str) -> None:
        """Forget a container's addresses; unknown ids are fine (`DELETE /attachment/{id}`)."""
        self._call("DELETE", f"/attachment/{quote(container, safe='')}")

    def exposed(self) -> dict[str, dict[str, Any]]:
        """Return `masquerade` and `names` of each exposed address in CIDR notation (`GET /expose`)."""
        return self._object("/expose")

    def expose(self, addresses: Iterable[Cidr], *, masquerade: bool = True, name: str = "") -> None:
        """Put the host on the network, for good (`POST /expose`): all of the addresses, or none.

        Args:
            addresses: of the host.
            masquerade: whether packets between these subnets and elsewhere bear the host's address.
            name: what else the addresses are called; empty for nothing.
        """
        pairs = [*(("address", str(cidr)) for cidr in addresses), ("skipNAT", str(not masquerade).lower())]
        self._call("POST", "/expose", form=[*pairs, ("fqdn", name)] if name else pairs)

    def hide(self, addresses: Iterable[Cidr]) -> None:
        """Take the host off the network again; absent addresses are fine (`DELETE /expose?address=`)."""
        self._call("DELETE", f"/expose?{urlencode([('address', cidr) for cidr in addresses])}")

    def put_name(self, owner: str, address: IP, name: str) -> None:
        """Give an address a name in the DNS (`PUT /name/{id}/{ip}`); a name outside of the domain is dropped silently.

        Args:
            owner: full container id, or `weave:expose` or `weave:extern`.
            address: of the owner.
            name: fully qualified.
        """
        self._call("PUT", f"/name/{quote(owner, safe=':')}/{address}", form=[("fqdn", name)])

    def delete_name(self, owner: str, address: IP | None = None, name: str = "") -> None:
        """Take names away (`DELETE /name/{id}[/{ip}][?fqdn=]`); what is left out stands for all there are."""
        where = f"/name/{quote(owner, safe=':')}" + (f"/{address}" if address else "")
        self._call("DELETE", f"{where}?{urlencode({'fqdn': name})}" if name else where)

    def allocate(self, owner: str, subnet: Subnet) -> list[Cidr]:
        """Hand out an address of a subnet, or of each default one (`POST /ip/{id}[/{subnet}]`).

        Args:
            owner: full container id, or `weave:expose`.
            subnet: where; the same address again if the owner has one there.
        """
        return list(map(parse_cidr, self._call("POST", f"{_ip(owner)}{_of(subnet)}").split()))

    def claim(self, owner: str, address: Cidr) -> None:
        """Note that an owner has an address that somebody chose (`PUT /ip/{id}/{cidr}`)."""
        self._call("PUT", f"{_ip(owner)}/{address}")

    def addresses_of(self, owner: str, subnet: Subnet | None = None) -> list[Cidr]:
        """Return what an owner was handed out (`GET /ip/{id}[/{subnet}]`)."""
        try:
            return list(map(parse_cidr, self._call("GET", f"{_ip(owner)}{_of(subnet)}").split()))
        except NotOffered:
            return []

    def release_address(self, owner: str, address: IP) -> None:
        """Take an address back (`DELETE /ip/{id}/{ip}`)."""
        self._call("DELETE", f"{_ip(owner)}/{address}")

    def prime(self) -> None:
        """Return when addresses can be handed out (`GET /ring`)."""
        self._call("GET", "/ring")

    def give_back(self) -> None:
        """Give all addresses back to the other hosts, and the vote (`DELETE /ip`)."""
        self._call("DELETE", "/ip")

    def proxy_addresses(self) -> list[str]:
        """Return where the router serves the Docker API, as docker's `-H` has it (`GET /proxyaddrs`)."""
        return self._call("GET", "/proxyaddrs").split()

    def domain(self) -> str:
        """Return the domain of the names, with its last dot (`GET /domain`)."""
        return self._call("GET", "/domain").strip()

    def dns_address(self) -> tuple[IP, int]:
        """Return the address and port of the DNS server (`GET /dns-address-port`).

        Raises:
            NotOffered: there is none; the message says why.
        """
        host, _, port = self._call("GET", "/dns-address-port").strip().rpartition(":")
        try:
            return parse_ip(host), parse_port(port)
        except UsageError as error:
            where = f"{self._host}:{self._port}"
            raise RouterError(f"the router at {where} answered something else than an address") from error

    def leave(self) -> None:
        """Say goodbye to the peers and take the VXLAN device down (`DELETE /peer`); the process stays."""
        self._call("DELETE", "/peer")

    def remove_peer(self, who: str) -> str:
        """Take over what a peer that is gone for good has left (`DELETE /peer/{name or nickname}`); return a line."""
        return self._call("DELETE", f"/peer/{quote(who, safe=':')}").strip()

    def _object(self, path: str) -> dict[str, Any]:
        wrong = f"the router at {self._host}:{self._port} answered {path} with something else than JSON"
        text = self._call("GET", path)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RouterError(wrong) from error
        if not isinstance(value, dict):
            raise RouterError(wrong)
        return value

    def _call(
        self,
        method: str,
        path: str,
        *,
        form: list[tuple[str, str]] | None = None,
        body: bytes | None = None,
    ) -> str:
        where = f"{self._host}:{self._port}"
        content = urlencode(form).encode() if form is not None else body
        kind = "application/x-www-form-urlencoded" if form is not None else "application/json"
        fields = (("Connection", "close"), *((("Content-Type", kind),) if content is not None else ()))
        endpoint = Endpoint("tcp", host=self._host, port=self._port, source="the router")
        transport = WireTransport(endpoint, self._timeouts)
        try:
            with transport.send(Request(method, path, headers=fields, body=content)) as response:
                status, text = response.status, response.read().decode(errors="replace")
        except Unreachable as error:
            raise RouterUnavailable(f"no router answers at {where}", hint="start one: weave launch") from error
        except TransportError as error:
            raise RouterError(error.message) from error
        finally:
            transport.close()
        if status == 503:
            raise RouterUnavailable(f"the router at {where} is not ready yet")
        if status >= 300:
            lines = "; ".join(line for line in text.splitlines() if line)
            refusal = NotOffered if status == 404 else RouterError
            raise refusal(lines or f"{method} {path} was answered {status}")
        return text


def _ip(owner: str) -> str:
    return f"/ip/{quote(owner, safe=':')}"


def _of(subnet: Subnet | None) -> str:
    if subnet is None:
        return ""
    return f"/{subnet.network}" if subnet.network else "/default"
