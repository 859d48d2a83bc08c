"""What the router changes in the kernel: bridge, rules, exposed addresses, VXLAN. Every function here blocks."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

from weave_http import constants
from weave_http.addresses import IP, Cidr
from weave_http.errors import HostError
from weave_http.net import bridge, conntrack, expose, ingress, segments, teardown, transit, tunnel
from weave_http.net.backend import Backend
from weave_http.net.iptables import Kept
from weave_http.net.offload import Offload
from weave_http.net.ports import Ports, port_names
from weave_http.net.relays import Relays, ensure_routes, look_up_anew
from weave_http.net.rules import Guard, data_rules
from weave_http.net.vxlan import MORE_6, Vxlan
from weave_http.net.wireguard import OVERHEAD, PAD, TunnelPeer
from weave_http.records import dataclass
from weave_http.router.data.plan import Way
from weave_http.router.data.segments import Further, Segment, destinations
from weave_http.router.data.tunnel import Tunnel

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """How things are after they were put right.

    Args:
        mtu: of the overlay, in bytes.
        exposed: addresses of the host on the network, and whether each masquerades.
        mended: whether rules had to be changed.
        unguarded: ports by which a container may send whatever it likes, though that is to be enforced.
    """

    mtu: int
    exposed: Mapping[Cidr, bool]
    mended: bool
    unguarded: Collection[str] = ()


class Kernel:
    """The bridge, its ports, the rules, the host's addresses, and the way to other hosts.

    Args:
        name: peer name: the MAC address of a bridge that has to be made.
        port: UDP port of the VXLAN device.
        mtu: of the overlay, in bytes; None to derive it from the underlay's.
        local_ports: TCP ports of the loopback interface, which only programs of this host may reach: of the router's
            API, of its metrics.
        docker_bridge: name of the engine's default bridge.
        procfs: where the host's /proc is mounted; None if nobody has said so. Ports of dead containers are then left
            alone: to a router in a container, its own /proc has no other container's processes.
        tunnels: by which frames are encrypted, the one to hosts that are reached directly, and the one to those that
            are reached over others; None on a network without a password.
        enforce: whether containers may send only from the addresses and the MAC that they were given.
        source: address of this host that frames are sent from, but for those in a tunnel; None to leave that to the
            routes.
        offload: whether packets go into a tunnel in user space joined, where that can be had.
    """

    def __init__(
        self,
        name: str,
        port: int,
        mtu: int | None = None,
        *,
        local_ports: tuple[int, ...] = (constants.ROUTER_HTTP_PORT, constants.METRICS_PORT),
        docker_bridge: str = constants.DOCKER_BRIDGE,
        procfs: str | None = None,
        tunnels: tuple[Tunnel, Tunnel] | None = None,
        enforce: bool = False,
        source: IP | None = None,
        offload: bool = True,
    ) -> None:
        self._name = name
        self._port = port
        self._failed: dict[str, str] = {}
        self._tunnels = tunnels
        self._offload = Offload(wanted=offload)
        self._overhead = OVERHEAD if tunnels else 0
        self._relays: Relays | None = None
        self._source = None if tunnels else source  # in a tunnel frames come from this host's address there
        self._backend: Backend = Vxlan(port, self._source)
        self._mtu = mtu
        self._ceiling = 0
        self._settled_mtu = 0
        self._sources: Collection[IP] = ()
        self._docker_bridge = docker_bridge
        self._ports = Ports(procfs) if procfs else None
        self._enforce = enforce
        self._kept = Kept()
        self._guard = Guard(port - 1, local_ports, docker_bridge)

    def converge(
        self,
        exposed: Mapping[Cidr, bool],
        relays: Relays | None = None,
        limit: int = constants.GREATEST_MTU,
        sources: Collection[IP] = (),
    ) -> Found:
        """Have all as it must be, but for the destinations.

        Args:
            exposed: addresses of the host that must be on the network, and whether each masquerades.
            relays: this host's part in paths over others; None for what it is already.
            limit: bytes of the largest packet that passes between all hosts.
            sources: underlay addresses of the hosts whose frames are let in as they are.

        Raises:
            HostError: the kernel refused. That there is no tunnel is no failure; it is said by the tunnel.
        """
        overhead = self._backend.overhead + self._overhead
        if not self._ceiling:
            # What an earlier router was told does not hold for this one: at first the MTU is derived anew.
            state = bridge.ensure_bridge(mtu=self._mtu, mac=self._name, overhead=overhead, fresh=True)
            self._ceiling = state.mtu
        mtu = max(constants.LEAST_MTU, min(self._ceiling, limit))
        state = bridge.ensure_bridge(mtu=mtu, mac=self._name, overhead=overhead)
        self._sources = sources
        sealed = self._tunnels is not None
        data = {each: data_rules(sources, self._port, tunnel=sealed, version=each) for each in (4, 6)}
        outcome = expose.expose(
            lambda: exposed, self._docker_bridge, guard=self._guard, relayed=relays, data=data, kept=self._kept
        )
        if relays is not None:
            self._relay(relays, fresh=outcome.changed)
        if self._tunnels:
            # However narrow the network is: probes look whether more passes.
            _ensure_tunnels(*self._tunnels, relays, self._ceiling + self._backend.overhead)
            self._offload.ensure({each.name: each.network for each in (tunnel.DIRECT, tunnel.RELAYED)})
        else:
            tunnel.remove()
        self._backend.ensure(state.mtu)
        if self._ports and (dead := self._ports.remove_dead()):
            logger.info("removed %s: no process is at the other end any more", ", ".join(dead))
        if self._ports and self._settled_mtu != mtu:
            changed = self._ports.set_mtu(mtu)
            if changed:
                logger.info("the MTU of %s is %d bytes now", ", ".join(changed), mtu)
            # Once more, until there is nothing to change: a container that is being attached may have the earlier one.
            self._settled_mtu = 0 if changed else mtu
        return Found(state.mtu, outcome.exposed, outcome.changed, self._unguarded())

    def _relay(self, relays: Relays, *, fresh: bool) -> None:
        """Have what paths over others need beside the rules, which have changed just now if they are `fresh`."""
        if relays or self._relays != Relays():  # an earlier router's, as long as nothing is known
            ensure_routes(relays)
            transit.ensure(relays.transits)
        if fresh or relays != self._relays:
            conntrack.forget_stale(relays, self._port)
        self._relays = relays

    def _unguarded(self) -> Collection[str]:
        try:
            return ingress.tidy(port_names() if self._enforce else ())
        except HostError:
            if self._enforce:
                raise
            return ()

    def sign_bridge(self, uid: int) -> None:
        """Write on the bridge, for as long as it lasts, whose it is, and what executors have to enforce.

        Raises:
            HostError: it can't be written, or this kernel can't enforce it.
        """
        if self._enforce:
            ingress.check_enforceable()
        bridge.mark(" ".join([bridge.OURS, str(uid), *([ingress.ENFORCE] if self._enforce else [])]))

    def hide(self, addresses: Collection[Cidr]) -> None:
        """Take addresses of the host off the network. Raises `HostError`."""
        expose.hide(addresses, self._docker_bridge)

    def full(self, version: int) -> int:
        """Return the bytes of the largest packet that the network may have, as far as this host's link goes.

        Whoever wished for an MTU has it over both; probes tell what passes. 0 before it is known.

        Args:
            version: of IP underneath.
        """
        room = self._ceiling
        if version == 6 and self._mtu is None:
            room -= MORE_6
            if self._tunnels:  # whose device is as wide as IPv4 allows: what WireGuard adds up to PAD needs room, too
                room -= (room + self._backend.overhead) % PAD
        return max(constants.LEAST_MTU, room) if self._ceiling else 0

    def destinations(self) -> set[IP]:
        """Return the underlay addresses that frames for all go to. Raises `HostError`."""
        return self._backend.destinations()

    def send_to(self, wanted: Collection[IP], peers: Sequence[TunnelPeer] = ()) -> None:
        """Have frames for all go to these underlay addresses and nowhere else.

        Args:
            wanted: where.
            peers: of the tunnels.

        Raises:
            HostError: the kernel refused.
        """
        for each in self._tunnels or ():
            each.apply(peers, wanted)
        changed = self._backend.apply(wanted, self._sources)
        if changed:
            logger.info("data goes to %s", ", ".join(sorted(map(str, wanted))) or "no other host")
        # The other end of a path may change its way at any time.
        legs = {leg.by.version for leg in self._relays.legs} if self._relays is not None else {4}
        look_up_anew(legs | {4} if changed else legs)

    def carry(self, further: Further, ways: Mapping[str, Way], mtu: int) -> dict[str, str]:
        """Have further networks there, each with its own destinations, and no others.

        Args:
            further: the networks.
            ways: how each peer is reached that frames go to.
            mtu: of the overlay, in bytes.

        Returns:
            why the kernel does not have some of them, by the Docker network's id: one that fails costs no other.
        """
        failed = {}
        for each in further.segments:
            try:
                self._carry(each, further.heard, ways, mtu)
            except (HostError, OSError) as error:
                failed[each.network] = str(error)
                if self._failed.get(each.network) != str(error):
                    logger.error("network %s: %s", each.network[:12], error)
        self._failed = failed
        try:
            for name in segments.remove_others([each.network for each in further.segments]):
                logger.info("removed %s: its network is gone", name)
        except (HostError, OSError) as error:
            logger.error("%s", error)
        return failed

    def _carry(self, each: Segment, heard: Collection[str], ways: Mapping[str, Way], mtu: int) -> None:
        name = segments.bridge_name(each.network)
        segments.ensure_bridge(name, mtu)
        vxlan = Vxlan(self._port, self._source, bridge=name, devices=segments.device_names(each.network), vni=each.vni)
        vxlan.ensure(mtu)
        wanted = destinations(each, heard, ways, vxlan.destinations())
        if vxlan.apply(wanted):
            logger.info("VNI %d goes to %s", each.vni, ", ".join(sorted(map(str, wanted))) or "no other host")

    def leave(self) -> None:
        """Take down what leads to other hosts. Raises `HostError`."""
        teardown.leave()


def _ensure_tunnels(direct: Tunnel, over: Tunnel, relays: Relays | None, mtu: int) -> None:
    """Have the one, and the other one as long as a host is reached over others, or may be as far as is known."""
    direct.ensure(mtu)
    there = over.exists()
    if any(leg.tunnelled for leg in relays.legs) if relays is not None else there:
        over.ensure(mtu)
    elif there:
        over.remove()


def bridge_mac() -> str:
    """Return the MAC address of the bridge, empty when there is none."""
    found = bridge.describe()
    return found[0].mac if found else ""


def is_bridge_of(uid: int) -> bool:
    """Return whether the bridge is the one that the router of that UID had."""
    return bridge.marked().split()[1:2] == [str(uid)]


def bridge_addresses() -> set[Cidr]:
    """Return the addresses of the bridge."""
    found = bridge.describe()
    return set(found[1]) if found else set()
