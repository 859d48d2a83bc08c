"""The texts of `weave status`, as Weave 2.x has them, from the report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from weave_http.router.control.report import Connection, Dns, Ipam, Network, Path, Peer, Report

_STATES = ("established", "pending", "retrying", "failed", "connecting")
_ID_LENGTH = 12
_LARGE = 1 << 32
Lines = list[tuple[str, str]]
"""Labels and texts; both empty for an empty line."""


def summary(report: Report) -> str:
    """Return the text of `weave status`."""
    lines: Lines = [
        ("Version", report.version),
        ("", ""),
        *_router(report),
        *(_ipam(report.ipam) if report.ipam else ()),
        *(_dns(report.dns) if report.dns else ()),
        *(_networks(report.networks) if report.networks else ()),
    ]
    return "".join(f"{label:>15}: {text}\n" if label else "\n" for label, text in lines)


def _router(report: Report) -> Lines:
    router = report.router
    count = Counter(connection.state for connection in router.connections)
    states = ", ".join(f"{count[state]} {state}" for state in _STATES if count[state])
    links = sum(len(peer.connections) for peer in router.peers)
    low, high = router.protocol_min_version, router.protocol_max_version
    lines = [
        ("Service", "router"),
        ("Protocol", f"{router.protocol} {high if low == high else f'{low}..{high}'}"),
        ("Name", f"{router.name}({router.nickname})"),
        ("Encryption", "enabled" if router.encryption else "disabled"),
        ("PeerDiscovery", "enabled" if router.peer_discovery else "disabled"),
        ("Targets", str(len(router.targets))),
        ("Connections", f"{count.total()} ({states})" if states else str(count.total())),
        ("Peers", f"{len(router.peers)}" + (f" (with {links} established connections)" if links else "")),
        ("TrustedSubnets", ", ".join(router.trusted_subnets) or "none"),
        ("MTU", str(report.overlay.mtu)),
    ]
    ill = Counter(path.state for path in report.paths if path.state in ("relayed", "unreachable"))
    troubles = [
        ("NameClash", router.name_clash),
        ("Data", ", ".join(f"{number} {state}" for state, number in sorted(ill.items()))),
        ("Overlay", report.overlay.trouble),
        ("Engine", report.engine.trouble and f"lost since {report.engine.lost_since}: {report.engine.trouble}"),
        ("Memory", report.memory.trouble),
        ("Metrics", report.metrics.trouble),
    ]
    return [*lines, *((label, text) for label, text in troubles if text)]


def _ipam(ipam: Ipam) -> Lines:
    return [
        ("", ""),
        ("Service", "ipam"),
        ("Status", ipam.status),
        ("Range", ipam.range),
        ("DefaultSubnet", ipam.default_subnet),
    ]


def _dns(dns: Dns) -> Lines:
    lines = [
        ("", ""),
        ("Service", "dns"),
        ("Domain", dns.domain),
        ("Upstream", ", ".join(map(str, dns.upstream)) or "none"),
        ("TTL", str(dns.ttl)),
        ("Entries", str(len(dns.entries))),
    ]
    return [*lines, ("Status", f"not serving: {dns.trouble}")] if dns.trouble else lines


def _networks(networks: Sequence[Network]) -> Lines:
    ill = sum(bool(each.trouble) for each in networks)
    count = f"{len(networks)}" + (f" ({ill} not as {'it' if ill == 1 else 'they'} should be)" if ill else "")
    return [("", ""), ("Service", "plugin"), ("Networks", count)]


def connections(connections: Iterable[Connection]) -> str:
    """Return the text of `weave status connections`."""
    lines = (
        [
            _arrow(outbound=each.outbound),
            f"{each.address:<21}",
            f"{each.state:<11}",
            each.info,
            *(f"{key}={value}" for key, value in each.attrs.items() if key != "name"),
        ]
        for each in connections
    )
    return "".join(" ".join(line).rstrip() + "\n" for line in lines)


def peers(peers: Iterable[Peer], paths: Iterable[Path]) -> str:
    """Return the text of `weave status peers`."""
    lines = []
    troubles = {path.peer: path.trouble for path in paths}
    for peer in peers:
        lines.append(f"{peer.name}({peer.nickname})\n")
        for link in peer.connections:
            who = f"{link.name}({link.nickname or '?'})"
            lines.append(f"   {_arrow(outbound=link.outbound)} {link.address:<21} {who:<37} established\n")
        if troubles.get(peer.name):
            lines.append(f"   data: {troubles[peer.name]}\n")
    return "".join(lines)


def entries(dns: Dns) -> str:
    """Return the text of `weave status dns`."""
    return "".join(
        f"{entry.hostname.removesuffix('.' + dns.domain):<12} {entry.address!s:<15}"
        f" {entry.container_id[:_ID_LENGTH]:<12} {entry.origin}\n"
        for entry in dns.entries
    )


def shares(ipam: Ipam) -> str:
    """Return the text of `weave status ipam`."""
    lines = []
    for each in ipam.entries:
        who, part = f"{each.peer}({each.nickname or '?'})", 100 * each.size / ipam.range_num_ips
        further = "".join(
            f" + {_short(size)} IPs ({100 * size / whole:04.1f}%)"
            for size, whole in zip(each.sizes[1:], ipam.range_sizes[1:], strict=True)
        )
        away = "" if each.is_known_peer else " - unreachable!"
        lines.append(f"{who:<37} {each.size:>8} IPs ({part:04.1f}% of total){further} ({each.active} active){away}\n")
    return "".join(lines)


def networks(networks: Iterable[Network]) -> str:
    """Return the text of `weave status networks`."""
    lines = []
    for each in networks:
        lines.append(
            f"{each.name:<15} VNI {each.vni or '-':<8} {each.design} on {', '.join(each.hosts) or 'no host'}\n"
        )
        if each.trouble:
            lines.append(f"   {each.trouble}\n")
    return "".join(lines)


def _short(size: int) -> str:
    """Return a number of addresses: large ones as powers of two, or nearly so."""
    return str(size) if size < _LARGE else f"2^{math.log2(size):.3g}"


SECTIONS: dict[str, Callable[[Report], str | None]] = {
    "": summary,
    "connections": lambda report: connections(report.router.connections),
    "peers": lambda report: peers(report.router.peers, report.paths),
    "targets": lambda report: "".join(f"{target}\n" for target in report.router.targets),
    "ipam": lambda report: shares(report.ipam) if report.ipam else None,
    "dns": lambda report: entries(report.dns) if report.dns else None,
    "networks": lambda report: networks(report.networks) if report.networks is not None else None,
}
"""Texts by the section's name, the summary's by an empty one; None for one that is switched off."""


def _arrow(*, outbound: bool) -> str:
    return "->" if outbound else "<-"
