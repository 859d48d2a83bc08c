"""`ping`: asks over the network itself, and says which way each answer came."""

from __future__ import annotations

import time
from collections.abc import Mapping

from weave_http import constants
from weave_http.addresses import IP, order, parse_ip
from weave_http.errors import ExitCode, HostError, UsageError
from weave_http.hints import Any
from weave_http.host.dns_names import addresses_of
from weave_http.host.doctor.finding import Seen, address_of
from weave_http.host.host import Host
from weave_http.net import bridge, fdb, probe
from weave_http.operations import Ping

INTERVAL = 1.0
"""Seconds from one question to the next."""


def run(host: Host, op: Ping) -> int:
    """Print a line an answer, and a sum; return 1 if nobody answered.

    Raises:
        HostError: nobody is called so, there is no bridge, or the question would not fit.
    """
    seen = Seen(host)
    described = bridge.describe()
    if described is None:
        raise HostError("there is no bridge weave", hint="make it: weave launch")
    if op.size > described[0].mtu:
        raise HostError(f"{op.size} bytes are more than the network's MTU, {described[0].mtu}")
    address = _find(seen, op.target)
    host.say(f"PING {op.target} ({address}) over the network, {op.size} bytes")
    times = []
    for number in range(1, op.count + 1):
        began = time.monotonic()
        answer = probe.ask([address], size=op.size, seconds=INTERVAL).get(address)
        if answer is None:
            host.say(f"seq={number} no answer")
        else:
            times.append(answer.seconds * 1000)
            host.say(f"seq={number} time={times[-1]:.2f} ms {_way(seen, answer.mac)}")
        if number < op.count:
            time.sleep(max(0.0, began + INTERVAL - time.monotonic()))
    lost = 100 * (op.count - len(times)) // op.count
    figures = f", {min(times):.2f}/{sum(times) / len(times):.2f}/{max(times):.2f} ms" if times else ""
    host.say(f"{op.count} asked, {len(times)} answered, {lost}% lost{figures}")
    return ExitCode.OK if times else ExitCode.FAILURE


def _find(seen: Seen, target: str) -> IP:
    """Return the address to ask: given, of a peer, of a container of this host, or of a name. Raises `HostError`."""
    try:
        return parse_ip(target)
    except UsageError:
        pass
    peers = {who: ip for ip, who in seen.peers.items()}
    for who, ip in peers.items():
        name, _, nickname = who.partition("(")
        if target in (name, nickname.rstrip(")")):
            if ip.version == 6:
                raise HostError(
                    f"{target} is reached over IPv6 ({ip}), and answers no question for that address on the network",
                    hint="ask for a container there, or look at the way: weave status peers, weave rtt",
                )
            return ip
    host = seen.host
    container: Mapping[str, Any] | None
    try:
        container = host.container(target)
    except HostError:
        container = None
    if container is not None and container["State"]["Pid"]:
        return addresses_of(host, container, target)[0]
    found = sorted(map(parse_ip, _named(host, target)), key=order)
    if not found:
        hint = "expected a connected peer, a running container of this host, a name of weave status dns, or an address"
        raise HostError(f"nobody on the network is called {target}", hint=hint)
    return found[0]


def _named(host: Host, name: str) -> list[str]:
    """Return the addresses of a name in the DNS; none without a server."""
    from weave_http.host import dns_query

    try:
        where, port = host.router.dns_address()
        domain = host.router.domain().rstrip(".")
        fqdn = name if "." in name.rstrip(".") else f"{name}.{domain}"
        return dns_query.addresses(fqdn, str(where), port)
    except (HostError, UsageError):
        return []


def _way(seen: Seen, mac: str) -> str:
    """Return behind which host an address of a frame is, and how frames get there."""
    ip = {**fdb.learnt(), **fdb.learnt(constants.VXLAN_DEVICE_6)}.get(mac)
    if ip is None:
        return "on this host"
    who = seen.peers.get(ip, "")
    none: Mapping[str, Any] = {}
    attrs = next((each["Attrs"] for each in seen.connections if address_of(each["Address"]) == ip), none)
    path = next((each for each in seen.report.get("Paths", ()) if who.startswith(each["Peer"])), none)
    way = f"over {', '.join(path['Via'])}" if path.get("Via") else path.get("State", "")
    mtu = path.get("MTU") or attrs.get("mtu")
    return " ".join(filter(None, ["from", who, str(ip), attrs.get("name"), way, f"mtu={mtu}" if mtu else ""]))
