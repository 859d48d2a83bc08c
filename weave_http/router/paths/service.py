"""Probes the paths to all peers, and keeps the data plane and the other routers told of what follows from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from weave_http import constants
from weave_http.addresses import IP
from weave_http.net.links import index_of
from weave_http.net.tunnel import is_tunnelled
from weave_http.records import dataclass
from weave_http.router.data.plan import Reach, Way, everybody, is_open, open_relays, plan
from weave_http.router.mesh.connections import Connection
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.peering import Peering
from weave_http.router.paths import reasons, sockets
from weave_http.router.paths.conclusions import Conclusions
from weave_http.router.paths.facts import Says
from weave_http.router.paths.gossip import PathGossip
from weave_http.router.paths.prober import Prober
from weave_http.router.paths.sockets import Listener
from weave_http.router.paths.track import State
from weave_http.router.tasks import Tasks

if TYPE_CHECKING:
    from weave_http.router.keys.service import Tunnels

logger = logging.getLogger(__name__)

_LOOK, _LOOK_PER_PEER = 1.0, 0.1
"""Seconds, and more for each peer, after which all is concluded anew, whether anything happened or not."""
_LEAST_WAIT = 0.05
_GATHER, _GATHER_PER_PEER = 0.2, 0.02
"""Seconds, and more for each peer, for which news and late answers are gathered before anything is concluded."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a peer is reached.

    Args:
        peer: its name.
        state: `checking`, `direct`, `relayed` or `unreachable`.
        reason: what is wrong with the direct way and what helps, empty if nothing is.
        rtt: round trip in seconds, 0 before one was measured.
        mtu: bytes that pass there, 0 before that is known.
        via: names of the hosts in between.
    """

    peer: PeerName
    state: str
    reason: str = ""
    rtt: float = 0.0
    mtu: int = 0
    via: tuple[PeerName, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether frames are known to reach it."""
        return self.state in ("direct", "relayed")

    @property
    def text(self) -> str:
        """State, way and reason, for the log."""
        over = f" over {', '.join(self.via)}" if self.via else ""
        return f"{self.state}{over}{': ' if self.reason else ''}{self.reason}"


class Paths:
    """The paths of this host.

    Args:
        peering: the mesh.
        gossip: what peers say about their ways.
        port: UDP port for data.
        full: returns the bytes of the largest packet that the network may have, as far as this host's link goes, for a
            version of IP underneath; 0 before that is known.
        changed: called when the kernel has to follow.
        tunnels: by which frames are encrypted; None on a network without a password.

    Attributes:
        admits: tells whether frames may be exchanged with a peer.
    """

    def __init__(
        self,
        peering: Peering,
        gossip: PathGossip,
        port: int,
        full: Callable[[int], int],
        changed: Callable[[], None],
        tunnels: Tunnels | None = None,
    ) -> None:
        self._peering = peering
        self._gossip = gossip
        self._port = port
        self._full = full
        self._tell_changed = changed
        self._tunnels = tunnels
        self.admits: Callable[[str], bool] = everybody
        self._me = peering.me.name
        self._source = peering.me.source if tunnels is None else None  # in a tunnel, that of this host there
        self._prober = Prober(self._me, proved=self._proved)
        self._conclusions = Conclusions(self._me, port, self._prober, monotonic(), between_families=tunnels is None)
        self._tasks = Tasks("a probe")
        self._asking: set[PeerName] = set()
        self._look_at = 0.0
        self._wake = asyncio.Event()
        self._listeners: dict[str, Listener] = {}
        self._reach = Reach({})
        self._states: dict[PeerName, str] = {}
        self._forwards = False
        gossip.changed = self.look

    def followed(self, reach: Reach) -> None:
        """Note that the kernel follows: those who are reached are told that their frames are taken."""
        before, self._gossip.taken = self._gossip.taken, reach.ways.keys()
        if self._gossip.taken - before:
            self._peering.wake()

    def look(self) -> None:
        """Conclude anew in a moment."""
        self._look_at = 0.0
        self._wake.set()

    def reach(self, now: float) -> Reach:
        """Return how each peer is reached, at a monotonic time in seconds."""
        peering, conclusions = self._peering, self._conclusions
        ways = plan(peering.connected, peering.lost, now, conclusions.in_use.values(), self.admits)
        relays, mtu = open_relays(conclusions.relays(now), conclusions.ends, self.admits), conclusions.mtu
        neighbours = {peer: ip for peer, ip in peering.connected.items() if self.admits(peer)}
        if self._tunnels is None:
            return Reach(ways, relays, mtu, clear=frozenset(neighbours.values()))
        direct = plan(peering.connected, peering.lost, now, admits=self.admits)
        over = {peer: way for peer, way in conclusions.over.items() if is_open(way, self.admits)}
        found = self._tunnels.secured(ways, direct, over)
        clear = frozenset(ip for peer, ip in neighbours.items() if self._tunnels.is_clear(peer))
        return Reach(found.ways, relays, mtu, found.peers, clear)

    def _direct(self, underlay: Mapping[PeerName, IP]) -> dict[PeerName, IP]:
        """Return where frames for neighbours go directly, without those that can't get any."""
        return dict(underlay) if self._tunnels is None else self._tunnels.at(underlay)

    async def run(self) -> None:
        """Probe until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._wake.clear()
                now = monotonic()
                if now >= self._look_at:
                    self._forwards = sockets.forwards()
                    self._look_at = now + _LOOK + _LOOK_PER_PEER * len(self._peering.connections)
                    self._listen(loop)
                    self._conclude(now)
                sending, changed = self._prober.due(monotonic())
                sockets.send(((each.way.ip, each.probe) for each in sending), self._port, self._source)
                self._ask_for_pulses()
                if changed:
                    self._conclude(now)
                next_at = self._prober.next_at
                await self._pause(min(self._look_at, next_at or self._look_at) - monotonic())
        finally:
            await self._tasks.stop()
            for name in list(self._listeners):
                self._deafen(loop, name)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(_LEAST_WAIT, seconds)):
                await self._wake.wait()
        if not self._look_at:
            await asyncio.sleep(_GATHER + _GATHER_PER_PEER * len(self._peering.connections))

    # -- probes ----------------------------------------------------------------------------------------------

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen on the devices, which may be others than a moment ago; that for IPv6 need not be there."""
        for name in (constants.VXLAN_DEVICE, constants.VXLAN_DEVICE_6):
            if name in self._listeners and not self._listeners[name].is_stale:
                continue
            self._deafen(loop, name)
            if name == constants.VXLAN_DEVICE_6 and index_of(name) is None:
                continue
            try:
                self._listeners[name] = Listener(name)
            except OSError as error:
                logger.warning("paths are not probed: can't listen on %s: %s", name, error.strerror or error)
                continue
            loop.add_reader(self._listeners[name].socket, self._hear, self._listeners[name])

    def _deafen(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        listener = self._listeners.pop(name, None)
        if listener is not None:
            loop.remove_reader(listener.socket)
            listener.close()

    def _hear(self, listener: Listener) -> None:
        now = monotonic()
        answers = []
        for probe in listener.receive(self._me):
            answer = self._prober.hear(probe, now)
            if answer is not None:
                answers.append((answer.way.ip, answer.probe))
        if answers:
            sockets.send(answers, self._port, self._source)
        if self._prober.is_urgent:
            self._wake.set()

    def _proved(self, peer: PeerName) -> None:
        connection = self._peering.connections.get(peer)
        if connection is not None:
            connection.pulse.proved(self._prober.interval)

    def _ask_for_pulses(self) -> None:
        """Ask the routers of peers whose way is in doubt for a sign of life, on their connections."""
        for peer in self._prober.in_doubt - self._asking:
            connection = self._peering.connections.get(peer)
            if connection is not None:
                self._asking.add(peer)
                self._tasks.start(self._pulse(peer, connection))

    async def _pulse(self, peer: PeerName, connection: Connection) -> None:
        try:
            if await connection.alive():
                self._prober.pulse(peer, monotonic())
        finally:
            self._asking.discard(peer)

    # -- conclusions -----------------------------------------------------------------------------------------

    def _conclude(self, now: float) -> None:
        full = {version: self._full(version) for version in (4, 6)}
        if not full[4]:
            return
        there = {
            peer: connection
            for peer, connection in self._peering.connections.items()
            if self._gossip.name in connection.neighbour.features
        }
        underlay = {peer: connection.remote.ip for peer, connection in there.items()}
        self._prober.slowness = self._peering.slowness
        self._conclusions.conclude(
            underlay,
            self._direct(underlay),
            self._gossip.view,
            self._gossip.says,
            full,
            now,
            forwards=self._forwards,
            local={peer: connection.wire.local for peer, connection in there.items()},
            laid=self._tunnels.laying() if self._tunnels else lambda way: way,
            is_clear=self._tunnels.is_clear if self._tunnels else lambda peer: True,
            waited_for=there.keys() - self._gossip.taking,
        )
        if self._conclusions.look_again_at is not None:
            self._look_at = min(self._look_at, self._conclusions.look_again_at)
        if self._gossip.say(self._conclusions.says):
            self._peering.wake()
        reach = self.reach(now)
        if reach != self._reach:
            self._reach = reach
            self._tell_changed()
        self._log()

    @property
    def said(self) -> Mapping[PeerName, Says]:
        """What each peer that is there says of its ways, this one included."""
        return {peer: says for peer, says in self._gossip.says.items() if peer in self._gossip.view.present} | {
            self._me: self._conclusions.says
        }

    # -- for people ------------------------------------------------------------------------------------------

    @property
    def standings(self) -> list[Standing]:
        """How each peer that is there is reached, sorted by name."""
        return [self._standing(peer) for peer in sorted(self._gossip.view.present - {self._me})]

    def _standing(self, peer: PeerName) -> Standing:
        connection = self._peering.connections.get(peer)
        over = self._conclusions.in_use.get(peer)
        at = self._direct({peer: connection.remote.ip}) if connection is not None else {}
        direct = Way(peer, at[peer]) if peer in at else None
        why = self._why(peer, direct) if direct is not None else ""
        way = over or direct
        track = self._prober.track(way) if way is not None else None
        if not self.admits(peer):
            state, why = "unreachable", "it is not agreed yet whose addresses are whose"
        elif over is not None:
            state, why = "relayed", why or "there is no connection to it"
        elif direct is None and connection is not None:
            state, why = "unreachable", self._unencrypted(peer)
        elif direct is None:
            state, why = "unreachable", self._no_way(peer)
        elif connection is not None and self._gossip.name not in connection.neighbour.features:
            state, why = "direct", "not checked: its router is of an older version"
        elif track is None:
            state = "checking"
        elif track.recovers:
            state, why = "checking", "answers come again, for a moment only"
        elif track.state is State.BAD:
            state = "unreachable"
        elif track.state is State.GOOD:
            state = "direct"
        else:
            state, why = "checking", why or ("" if peer in self._gossip.taking else "its kernel takes no frames yet")
        rtt, mtu = (track.rtt, track.mtu) if track is not None else (0.0, 0)
        return Standing(peer, state, why, rtt, mtu, tuple(map(PeerName, over.via)) if over else ())

    def _no_way(self, peer: PeerName) -> str:
        """Return why a peer is not reached to which there is no connection."""
        fact = self._peering.membership.topology.get(peer)
        theirs = {link.address.ip.version for link in fact.value.links} if fact else set()
        ours = {connection.remote.ip.version for connection in self._peering.connections.values()}
        return reasons.no_way(theirs, ours, encrypted=self._tunnels is not None)

    def _unencrypted(self, peer: PeerName) -> str:
        """Return why there is no tunnel to a neighbour."""
        if self._tunnels is None:
            return ""
        return self._tunnels.why(peer) or "its key was not heard of yet"

    def _why(self, peer: PeerName, way: Way) -> str:
        says, track, now = self._gossip.says.get(peer), self._prober.track(way), monotonic()
        there = says.seen.get(self._me) if says else None
        if track is None:
            return ""
        if not self._conclusions.is_direct_good(way, there):
            hears, answers = self._prober.hears(peer, 0, now), track.state is State.GOOD
            # What gets lost is what carries the frames, at the host that it goes to.
            outer = self._peering.connections[peer].remote.ip if is_tunnelled(way.ip) else way.ip
            port = self._tunnels.port if self._tunnels and outer != way.ip else self._port
            return reasons.reason(port, outer, hears=hears, there=there, answers=answers)
        return reasons.smaller(track.mtu, track.full) if 0 < track.mtu < track.full else ""

    def _log(self) -> None:
        """Say which peers are reached otherwise than a moment ago."""
        standings = self.standings
        for each in standings:
            text = each.text
            if each.state != "checking" and text != self._states.get(each.peer, "direct"):
                logger.info("data to %s: %s", each.peer, text)
                self._states[each.peer] = text
        there = {each.peer for each in standings}
        self._states = {peer: text for peer, text in self._states.items() if peer in there}
