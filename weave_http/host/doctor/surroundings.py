"""Checks of what else is on the host: kernel, firewall, routes, name servers, and what another Weave left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from weave_http import constants
from weave_http.addresses import Cidr, parse_cidr
from weave_http.host.doctor.finding import Finding, Seen, address_of, error, ok, warning
from weave_http.host.host_files import inside, name_servers
from weave_http.net import bridge, firewall, routes
from weave_http.net.interfaces import links_named

_SYSCTL = Path("/proc/sys/net")
_OLD_LINKS = ("datapath", "vethwe-bridge", "vethwe-pcap", "vethwe-datapath")
"""Devices that the original Weave makes, and this one doesn't."""
_OLD_IMAGES = ("weaveworks/", "docker.io/weaveworks/", "zettio/")


def forwarding(seen: Seen) -> Iterator[Finding]:
    """Look whether the host forwards packets between its interfaces."""
    if (_SYSCTL / "ipv4/ip_forward").read_text().strip() == "1":
        yield ok("net.ipv4.ip_forward is 1")
    else:
        text = "net.ipv4.ip_forward is 0: containers reach neither published ports nor other networks"
        yield warning(text, "sysctl -w net.ipv4.ip_forward=1; Docker sets it when it starts")


def firewall_rules(seen: Seen) -> Iterator[Finding]:
    """Look whether our rules are where they belong, and whose rules there are beside them."""
    backend = ((seen.info.get("FirewallBackend") or {}).get("Driver") or "iptables").partition("+")[0]
    used = [program.removeprefix("iptables-") for program in firewall.in_use()]
    if bridge.describe() is None:
        yield ok(f"no bridge yet; rule sets in use: {', '.join(used) or 'none'}; the engine's: {backend}")
        return
    pending = firewall.pending(seen.host.docker_bridge)
    for program, lines in pending.items():
        hint = "the router mends that every 3 s: look who takes it away; without a router: weave launch"
        yield error(f"{program} lacks {len(lines)} lines of weave's rules, as: {lines[0]}", hint)
    if "firewalld" in _programs(seen.host.procfs):
        ports = f"{constants.PEER_PORT}/tcp and {constants.PEER_PORT + 1}/udp"
        yield warning(
            "firewalld runs, and its rules come on top of weave's",
            f"open {ports}, and: firewall-cmd --permanent --zone=trusted --add-interface={constants.BRIDGE}",
        )
    elif not pending:
        yield ok(f"weave's rules are first; rule sets in use: {', '.join(used) or 'none'}; the engine's: {backend}")


def routes_of_host(seen: Seen) -> Iterator[Finding]:
    """Look for other ways of the host to what is on the network."""
    report = seen.report
    texts = [*report.get("Exposed", {}), *(cidr for each in report.get("Attachments", {}).values() for cidr in each)]
    addresses: list[Cidr] = list(dict.fromkeys(map(parse_cidr, texts)))
    found = routes.overlaps(addresses)
    for cidr, route in found.items():
        yield warning(f"{cidr} overlaps the route {route} of this host", "choose another subnet for one of them")
    if not found:
        yield ok(f"{len(addresses)} addresses of this host on the network overlap no route")


def leftovers(seen: Seen) -> Iterator[Finding]:
    """Look for what an original Weave left."""
    links = links_named(_OLD_LINKS)
    mark = bridge.marked()
    if bridge.describe() is not None and not mark.startswith(bridge.OURS):
        links.append(constants.BRIDGE)
    for name in links:
        yield warning(f"device {name} is of another Weave", "weave reset by that version, or: ip link delete " + name)
    containers = seen.host.engine.containers.list(all=True)
    for each in containers:
        if str(each.get("Image", "")).startswith(_OLD_IMAGES):
            name = next(iter(each.get("Names") or [each["Id"]])).lstrip("/")
            text = f"container {name} is of another Weave, image {each['Image']}"
            yield warning(text, f"if nothing needs it: docker rm -f {name}")
            links.append(name)
    if not links:
        yield ok("nothing of another Weave")


def resolver(seen: Seen) -> Iterator[Finding]:
    """Look at the host's name servers, which the router asks about other names."""
    dns = seen.report.get("DNS") or {}
    if seen.report and not dns:
        yield ok("names are switched off, so none are asked for")
        return
    text = ""
    with suppress(OSError):
        text = inside(Path(seen.host.procfs, "1", "root"), "/etc/resolv.conf").read_text(errors="replace")
    servers = name_servers(text)
    own = address_of(dns.get("Address", ""))
    others = [str(server) for server in servers if server != own]
    if not servers:
        yield warning(
            "the host's /etc/resolv.conf lists no name server", "without one containers find weave's names only"
        )
    elif not others:
        hint = "list another one, too, or containers find weave's names only"
        yield error(f"the host's only name server is weave's own, {own}", hint)
    elif own in servers:
        yield warning(
            f"the host asks weave's own server {own}", "the router leaves it out, to make no loop; so may you"
        )
    else:
        local = [server for server in others if server.startswith("127.")]
        more = f"; {local[0]} is on this host, and must not ask weave's {own}" if local and own else ""
        yield ok(f"other names are asked of {', '.join(others)}{more}")


def ipv6(seen: Seen) -> Iterator[Finding]:
    """Look whether the bridge has IPv6 only as long as the host is exposed by such an address."""
    switch = _SYSCTL / "ipv6/conf" / constants.BRIDGE / "disable_ipv6"
    if not (_SYSCTL / "ipv6").exists():
        yield ok("this kernel has no IPv6")
    elif switch.exists() and switch.read_text().strip() != "1":
        described = bridge.describe()
        if described and any(cidr.version == 6 for cidr in described[1]):
            yield ok("the host is exposed by an address of IPv6")
            return
        text = f"the bridge {constants.BRIDGE} has IPv6, though the host is exposed by no such address"
        yield error(
            text, f"sysctl -w net.ipv6.conf.{constants.BRIDGE}.disable_ipv6=1; the router does that when it starts"
        )
    else:
        yield ok("the bridge has no IPv6 of the host's")


def _programs(procfs: str) -> set[str]:
    """Return the names of the programs that run on the host."""
    found = set()
    for pid in filter(str.isdecimal, os.listdir(procfs)):
        with suppress(OSError):  # it may have ended meanwhile
            found.add(Path(procfs, pid, "comm").read_text().strip())
    return found
