"""What the router says about itself: the texts of Weave 2.x, and a report in JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from weave_http import __version__, constants
from weave_http.router.data.overlay import Overlay
from weave_http.router.mesh.codec import VERSIONS
from weave_http.router.mesh.peering import Peering
from weave_http.router.mesh.topology import PeerFact

PROTOCOL = "weave-http"
_STATES = ("established", "pending", "retrying", "failed", "connecting")


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """One line of `weave status connections`.

    Args:
        address: of the other end, or the target as spelt.
        outbound: whether we dialled, or would.
        state: established, connecting, retrying, failed or waiting.
        info: who is there, or what went wrong.
        attributes: of an established one.
    """

    address: str
    outbound: bool
    state: str
    info: str
    attributes: tuple[tuple[str, str | int], ...] = ()


def connections(peering: Peering, overlay: Overlay, now: float) -> list[ConnectionStatus]:
    """Return the state of all connections, and of all targets without one.

    Args:
        peering: the mesh.
        overlay: the data plane.
        now: monotonic time in seconds.
    """
    attributes = (("name", "fastdp"), ("mtu", overlay.mtu))
    found = [
        ConnectionStatus(
            str(connection.remote), connection.outbound, "established", f"fastdp {connection.who}", attributes
        )
        for connection in peering.connections.values()
    ]
    for target in peering.targets:
        if target.peer in peering.connections:
            continue
        if target.dialling:
            state, info = ("retrying", target.error) if target.error else ("connecting", "")
        elif target.error:
            state, info = "failed", f"{target.error}, retry: {_when(target.next_at, now)}"
        else:
            state, info = "waiting", f"until: {_when(target.next_at, now)}"
        found.append(ConnectionStatus(target.address, True, state, info))
    return found


def summary(peering: Peering, overlay: Overlay, now: float, more: Iterable[tuple[str, str]] = ()) -> str:
    """Return the text of `weave status`; arguments as for `connections`, and more lines as labels and texts."""
    count = Counter(status.state for status in connections(peering, overlay, now))
    states = ", ".join(f"{count[state]} {state}" for state in _STATES if count[state])
    facts = peering.gossip.peers
    links = sum(len(fact.value.links) for fact in facts)
    me = peering.me
    lines = [
        ("Version", __version__),
        ("", ""),
        ("Service", "router"),
        ("Protocol", f"{PROTOCOL} {_versions()}"),
        ("Name", f"{me.name}({me.nickname})"),
        ("Encryption", "disabled"),
        ("PeerDiscovery", "enabled" if me.discovery else "disabled"),
        ("Targets", str(len(peering.targets.given))),
        ("Connections", f"{count.total()} ({states})" if states else str(count.total())),
        ("Peers", f"{len(facts)} (with {links} established connections)" if links else str(len(facts))),
        ("TrustedSubnets", "none"),
        *more,
    ]
    return "".join(f"{label:>15}: {text}\n" if label else "\n" for label, text in lines)


def connections_text(statuses: Iterable[ConnectionStatus]) -> str:
    """Return the text of `weave status connections`."""
    lines = (
        [
            _arrow(outbound=status.outbound),
            f"{status.address:<21}",
            f"{status.state:<11}",
            status.info,
            *(f"{key}={value}" for key, value in status.attributes if key != "name"),
        ]
        for status in statuses
    )
    return "".join(" ".join(line).rstrip() + "\n" for line in lines)


def peers_text(facts: Sequence[PeerFact]) -> str:
    """Return the text of `weave status peers`."""
    nicknames = {fact.owner: fact.value.nickname for fact in facts}
    lines = []
    for fact in facts:
        lines.append(f"{fact.owner}({fact.value.nickname})\n")
        for link in fact.value.links:
            who = f"{link.peer}({nicknames.get(link.peer, '?')})"
            lines.append(f"   {_arrow(outbound=link.outbound)} {link.address!s:<21} {who:<37} established\n")
    return "".join(lines)


def targets_text(targets: Iterable[str]) -> str:
    """Return the text of `weave status targets`."""
    return "".join(f"{target}\n" for target in targets)


def report(peering: Peering, overlay: Overlay, now: float) -> dict[str, Any]:
    """Return what `weave report` shows, with Weave's names; arguments as for `connections`."""
    me = peering.me
    facts = peering.gossip.peers
    nicknames = {fact.owner: fact.value.nickname for fact in facts}
    return {
        "Ready": True,
        "Version": __version__,
        "Router": {
            "Protocol": PROTOCOL,
            "ProtocolMinVersion": VERSIONS[0],
            "ProtocolMaxVersion": VERSIONS[1],
            "Encryption": False,
            "PeerDiscovery": me.discovery,
            "Name": me.name,
            "NickName": me.nickname,
            "Port": me.port,
            "Peers": [
                {
                    "Name": fact.owner,
                    "NickName": fact.value.nickname,
                    "UID": fact.stamp.uid,
                    "Version": fact.stamp.version,
                    "Connections": [
                        {
                            "Name": link.peer,
                            "NickName": nicknames.get(link.peer, ""),
                            "Address": str(link.address),
                            "Outbound": link.outbound,
                            "Established": True,
                        }
                        for link in fact.value.links
                    ],
                }
                for fact in facts
            ],
            "Connections": [
                {
                    "Address": status.address,
                    "Outbound": status.outbound,
                    "State": status.state,
                    "Info": status.info,
                    "Attrs": dict(status.attributes),
                }
                for status in connections(peering, overlay, now)
            ],
            "TerminationCount": peering.terminations,
            "Targets": peering.targets.given,
            "TrustedSubnets": [],
            "Interface": constants.VXLAN_DEVICE,
            "OverlayDiagnostics": {"fastdp": {"FloodDestinations": sorted(overlay.destinations)}},
        },
    }


def _versions() -> str:
    low, high = VERSIONS
    return str(high) if low == high else f"{low}..{high}"


def _arrow(*, outbound: bool) -> str:
    return "->" if outbound else "<-"


def _when(at: float | None, now: float) -> str:
    if at is None:
        return "never"
    moment = datetime.now(UTC) + timedelta(seconds=at - now)
    return moment.isoformat(sep=" ", timespec="seconds")
