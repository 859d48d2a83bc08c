"""What the router says about itself, as values.

A section is a dataclass here, made in `weave_http.router.control.describe` (in `control` where that is one line), and
shown in `weave_http.router.control.status` if it has a place in the texts. In JSON it has Weave's names
(`weave_http.router.control.as_json`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weave_http import __version__, constants
from weave_http.addresses import IP
from weave_http.records import dataclass, field
from weave_http.router.mesh.codec import VERSIONS

PROTOCOL = "weave-http"


@dataclass(frozen=True, slots=True)
class Link:
    """A connection, as one of its ends says it."""

    name: str
    nickname: str
    address: str
    outbound: bool
    established: bool = True


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer, as it says itself."""

    name: str
    nickname: str
    uid: int
    version: int
    connections: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of this router, or a target without one.

    Args:
        address: of the other end, or the target as spelt.
        outbound: whether we dialled, or would.
        state: established, connecting, retrying, failed or waiting.
        info: who is there, or what went wrong.
        attrs: of an established one.
        target: what a person gave to be dialled, while there is no connection to it.
        encryption: of data to the peer: `kernel` or `user-space`; empty if it goes as it is, or not at all.
    """

    address: str
    outbound: bool
    state: str
    info: str
    attrs: Mapping[str, str | int] = field(default_factory=dict)
    target: str | None = None
    encryption: str = ""


@dataclass(frozen=True, slots=True)
class Router:
    """This router in the mesh."""

    name: str
    nickname: str
    port: int
    peer_discovery: bool
    peers: tuple[Peer, ...]
    connections: tuple[Connection, ...]
    termination_count: int
    targets: tuple[str, ...]
    overlay_diagnostics: Mapping[str, Any]
    protocol: str = PROTOCOL
    protocol_min_version: int = VERSIONS[0]
    protocol_max_version: int = VERSIONS[1]
    encryption: bool = False
    trusted_subnets: tuple[str, ...] = ()
    interface: str = constants.VXLAN_DEVICE
    name_clash: str = ""
    """What to do about two hosts with one peer name, while there are such."""


@dataclass(frozen=True, slots=True)
class NameEntry:
    """A name that some host gives."""

    hostname: str
    origin: str
    container_id: str
    address: IP
    version: int
    tombstone: int = 0


@dataclass(frozen=True, slots=True)
class Dns:
    """How names are served.

    Args:
        domain: with its last dot.
        upstream: servers that are asked about other names.
        address: where it is listened, empty if it isn't.
        ttl: seconds for which an answer may be kept.
        entries: all names that are known.
        queries: how many were answered, by where the answer came from: `local`, `upstream`, `failed`.
        trouble: why names are not served, empty if they are.
    """

    domain: str
    upstream: tuple[IP, ...]
    address: str
    ttl: int
    entries: tuple[NameEntry, ...]
    trouble: str
    queries: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Share:
    """What one peer may hand out.

    Args:
        peer: its name.
        nickname: for people.
        blocks: of its share.
        size: addresses in all; of the first range if there are two.
        sizes: of each range.
        active: how many of them are in use, as it said last.
        is_known_peer: whether it is in reach.
    """

    peer: str
    nickname: str
    blocks: tuple[str, ...]
    size: int
    sizes: tuple[int, ...]
    active: int
    is_known_peer: bool


@dataclass(frozen=True, slots=True)
class Ipam:
    """How addresses are handed out.

    Args:
        range: out of which.
        range_num_ips: its size; of the first one if there are two.
        range_sizes: of each range.
        active_ips: in use on this host.
        default_subnet: for those who name none.
        status: in a few words.
        number: of the agreement that counts.
        voters: whose vote the next one needs.
        entries: shares, this host's first.
    """

    range: str
    range_num_ips: int
    range_sizes: tuple[int, ...]
    active_ips: int
    default_subnet: str
    status: str
    number: int
    voters: tuple[str, ...]
    entries: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """A further Docker network.

    Args:
        name: on all hosts.
        network_id: of the Docker network on this host; empty if it is not made yet.
        vni: its number; 0 while this host's kernel does not have it.
        design: how it was asked for, in a few words.
        subnets: of its containers, one a version of IP.
        internal: whether these have no way out.
        hosts: nicknames of the hosts that have it, this one included.
        trouble: what is wrong with it, or why it is there yet although it was removed; empty if all is well.
    """

    name: str
    network_id: str
    vni: int
    design: str
    subnets: tuple[str, ...]
    internal: bool
    hosts: tuple[str, ...]
    trouble: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """The data plane.

    Args:
        mtu: in bytes.
        trouble: why the kernel is not as it should be, or why there is no tunnel; empty if all is well.
        encryption: who encrypts: `kernel` or `user-space`; empty without a password, and without a tunnel.
    """

    mtu: int
    trouble: str
    encryption: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """How frames reach a peer.

    Args:
        peer: its name.
        nickname: for people.
        state: `checking` (no answer yet), `direct`, `relayed`, or `unreachable`.
        reason: what is wrong with the direct way and what helps, empty if nothing is.
        rtt: round trip in seconds, 0 before one was measured.
        mtu: in bytes, of what passes on the network there; 0 before it is known.
        via: nicknames of the hosts in between, the nearest first.
    """

    peer: str
    nickname: str
    state: str
    reason: str
    rtt: float
    mtu: int
    via: tuple[str, ...]

    @property
    def trouble(self) -> str:
        """What there is to say, for people; empty if frames reach it as they should."""
        if self.state == "relayed":
            return f"over {', '.join(self.via)}: {self.reason}"
        if self.state == "unreachable":
            return f"no data passes: {self.reason}"
        return self.reason


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine of this host.

    Args:
        lost_since: as ISO 8601 in UTC, empty while it answers.
        trouble: why it does not answer, empty while it does.
    """

    lost_since: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What survives the router.

    Args:
        trouble: why something does not, empty if all does.
    """

    trouble: str


@dataclass(frozen=True, slots=True)
class Metrics:
    """Where metrics are served for Prometheus.

    Args:
        address: empty where they are not.
        trouble: why they are not although they should be, empty if nothing is wrong.
    """

    address: str
    trouble: str


@dataclass(frozen=True, slots=True)
class VersionCheck:
    """Whether somebody is asked for later versions: nobody is."""

    enabled: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """All there is to know.

    Args:
        paths: how frames reach each peer.
        data_passes: whether they do reach each one, as far as a probe and its answer show.
        dns: None when names are switched off.
        ipam: None when no addresses are handed out.
        networks: further Docker networks; None when the router is no plugin.
    """

    router: Router
    overlay: Overlay
    paths: tuple[Path, ...]
    data_passes: bool
    engine: Engine
    memory: Memory
    attachments: Mapping[str, list[str]]
    exposed: Mapping[str, Mapping[str, object]]
    dns: Dns | None
    metrics: Metrics = Metrics("", "")
    ipam: Ipam | None = None
    networks: tuple[Network, ...] | None = None
    ready: bool = True
    version: str = __version__
    version_check: VersionCheck = VersionCheck()


@dataclass(frozen=True, slots=True)
class Missing:
    """What is not as it was asked for. It is short, as who waits for the mesh asks again and again.

    Args:
        targets: all of them, as spelt.
        unconnected: why there is no connection, by target.
        unreached: how the peers are reached that no data is known to reach.
    """

    targets: tuple[str, ...]
    unconnected: Mapping[str, str]
    unreached: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """The direct way from a peer to a neighbour of its, as that peer says.

    Args:
        peer: its name.
        nickname: for people.
        other: name of the neighbour.
        other_nickname: for people.
        rtt: in seconds, roughly; 0 before one was measured.
        good: whether its probes are answered.
    """

    peer: str
    nickname: str
    other: str
    other_nickname: str
    rtt: float
    good: bool
