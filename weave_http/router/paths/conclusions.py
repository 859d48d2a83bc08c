"""What follows from probes and from what peers say: which ways to probe and to use, what to do for others. Pure.

The direct way is used as long as nothing speaks against it. If one of its ends finds that nothing passes there, a way
over others is tried, and used when probes have passed it from end to end. Peers that are not connected get one as well,
once the mesh has been calm for a while: in one that only forms they are about to be. A way in use stays so while it is
good, even if one in between is not heard of: its kernel goes on without its router.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from time import monotonic

from weave_http import constants
from weave_http.addresses import IP
from weave_http.net.relays import Relays, labels
from weave_http.router.data.plan import Way
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.neighbours import View
from weave_http.router.paths import routes
from weave_http.router.paths.facts import Says, Seen
from weave_http.router.paths.prober import Prober
from weave_http.router.paths.routes import Graph
from weave_http.router.paths.track import State

CALM = 5.0
"""Seconds without a connection made or lost anywhere, after which those that there are not are not waited for."""
PATIENCE, PATIENCE_PER_PEER = 60.0, 0.5
"""Seconds, and more for each peer, after which they are not, however much comes and goes."""
_APART_PER_PEER = 0.03
"""Seconds for each peer from one look at all ways to the next: such a look takes longer, the more there are."""
_SHARE, _MOST_APART = 0.05, 10.0
"""What part of the time is for looks, also where this process gets little of the processor; and at most so many seconds
from one look to the next."""
LINGER = 60.0
"""Seconds for which rules for a path stay when it is not wanted any more."""
LAZY, LAZY_PER_PEER = 10.0, 1.0
"""Seconds, and more for each peer, between two times that all are told how long round trips take."""
SETTLED = 10.0
"""Seconds after the start during which rules of an earlier router stay as they are."""
Pair = tuple[PeerName, PeerName]
Laid = Callable[[Way], Way | None]
"""Returns a way over others as frames take it, through the tunnel if they have to; None as long as there is none."""


class Conclusions:
    """What this router concludes.

    Args:
        me: name of this peer.
        port: UDP port for data.
        prober: knows the ways.
        now: the time, in seconds of any clock that only goes forward.
        between_families: whether hosts in between may go from IPv4 to IPv6: with frames that can be unpacked there.
        clock: tells how long a look at all ways takes.

    Attributes:
        in_use: ways over others that are used.
        ends: ways over others that this host has a part in as an end, by virtual address.
        says: what this peer says.
        mtu: bytes of the largest packet that passes between all hosts.
        look_again_at: when to conclude again, because ways changed that were looked at only just before; else None.
    """

    def __init__(
        self,
        me: PeerName,
        port: int,
        prober: Prober,
        now: float,
        *,
        between_families: bool = True,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._me = me
        self._between_families = between_families
        self._labels = labels(port)
        self._prober = prober
        self._began = now
        self._clock = clock
        self.in_use: dict[PeerName, Way] = {}
        self.ends: dict[IP, Way] = {}
        self._over: dict[str, tuple[Way, float]] = {}
        self.says = Says()
        self.mtu = constants.GREATEST_MTU
        self._told_at = now - LAZY
        self._calm_since = self._latched_at = now
        self._links: Mapping[PeerName, Set[PeerName]] = {}
        self._unconnected: frozenset[Pair] = frozenset()
        self._relays: dict[Relays, float] = {}
        self._looked_at: tuple[Mapping[PeerName, object], Mapping[PeerName, Says], bool] = {}, {}, False
        self._found: list[routes.Path] = []
        self._apart_until = now
        self.look_again_at: float | None = None

    def conclude(
        self,
        connected: Mapping[PeerName, IP],
        straight: Mapping[PeerName, IP],
        view: View,
        says: Mapping[PeerName, Says],
        full: Mapping[int, int],
        now: float,
        *,
        forwards: bool,
        local: Mapping[PeerName, IP],
        laid: Laid = lambda way: way,
        is_clear: Callable[[str], bool] = lambda peer: True,
        waited_for: Set[PeerName] = frozenset(),
    ) -> None:
        """Conclude anew.

        Args:
            connected: underlay addresses of the neighbours that answer probes.
            straight: where frames for them go directly: there, or into a tunnel. It may lack some.
            view: who is there.
            says: what the peers that are there say of their ways.
            full: bytes of the largest packet that the network may have, as far as this host's link goes, by version of
                IP underneath.
            now: the time.
            forwards: whether this host passes packets on.
            local: own addresses of the connections.
            laid: says how frames take a way over others.
            is_clear: tells whether data to a peer goes as it is.
            waited_for: neighbours whose kernels don't take our frames yet.
        """
        direct = {peer: Way(peer, ip) for peer, ip in straight.items()}
        says = {**says, self._me: self.says}
        found = self._paths(view, says, now)
        ends = [end for path in found if (end := routes.way(path, self._me, connected))]
        relayed = {PeerName(way.peer): way for end in ends if (way := laid(end))}
        self._choose(direct, relayed, says, now)
        # The tunnel leads to a peer over one path at a time: the one that all hosts conclude by now.
        self._over = {peer: each for peer, each in self._over.items() if each[1] > now} | {
            peer: (way, now + LINGER) for peer, way in (self.in_use | relayed).items()
        }
        room = {peer: full[ip.version] for peer, ip in connected.items()}
        over_others = {way: full[way.ip.version] for way in (*relayed.values(), *self.in_use.values())}
        covered = {way for peer, way in direct.items() if peer in self.in_use}
        held = {way for peer, way in direct.items() if peer in waited_for}
        self._prober.want(over_others | {way: room[peer] for peer, way in direct.items()}, now, covered, held)
        current = routes.relays(found, self._me, connected, is_clear)
        if current or self._relays:
            self._relays = {relays: until for relays, until in self._relays.items() if until > now} | {
                current: now + LINGER
            }
        there = {leg.virtual for relays in self._relays for leg in relays.legs}
        known = self.ends | {end.ip: end for end in ends}
        self.ends = {ip: way for ip, way in known.items() if ip in there}
        over_ipv6 = {peer for peer, ip in connected.items() if ip.version == 6}
        self._say(direct, room, over_ipv6, full[4], local, now, forwards=forwards)
        self.mtu = min(each.mtu for each in (*says.values(), self.says))

    @property
    def over(self) -> dict[str, Way]:
        """The ways over others that there are, used or not yet, and those not wanted any more for a while.

        The other end may use one for a moment longer than this one.
        """
        return {peer: way for peer, (way, _) in self._over.items()}

    def relays(self, now: float) -> Relays | None:
        """Return this host's part in paths, also in such as are only just not wanted any more.

        None for what an earlier router had, as long as it is not known better.
        """
        if not self._relays and now < self._began + SETTLED:
            return None
        latest = sorted(self._relays, key=lambda each: -self._relays[each])
        return Relays(
            tuple(dict.fromkeys(leg for relays in latest for leg in relays.legs)),
            tuple(dict.fromkeys(forward for relays in latest for forward in relays.forwards)),
        )

    def is_direct_good(self, way: Way, there: Seen | None) -> bool:
        """Tell whether neither end finds anything wrong with a direct way."""
        return self._prober.state(way) is not State.BAD and (there is None or there.good)

    # -- ways over others ------------------------------------------------------------------------------------

    def _paths(self, view: View, says: Mapping[PeerName, Says], now: float) -> list[routes.Path]:
        links = view.links
        if links != self._links:
            self._links, self._calm_since = links, now
        calm = now - self._calm_since >= CALM or now - self._latched_at >= PATIENCE + PATIENCE_PER_PEER * len(links)
        if calm:
            self._latched_at = now
        # All ways of all hosts are looked at when one of them has changed, and not each second.
        is_news = self._looked_at != (links, says, calm)
        self.look_again_at = self._apart_until if is_news and now < self._apart_until else None
        if is_news and self.look_again_at is None:
            began = self._clock()
            self._found = self._look(links, says, calm=calm)
            apart = max(_APART_PER_PEER * len(says), min((self._clock() - began) / _SHARE, _MOST_APART))
            self._looked_at, self._apart_until = (links, says, calm), now + apart
        return self._found

    def _look(
        self, links: Mapping[PeerName, Set[PeerName]], says: Mapping[PeerName, Says], *, calm: bool
    ) -> list[routes.Path]:
        good = all(seen.good for each in says.values() for seen in each.seen.values())
        if good and all(says.keys() - links.get(peer, ()) <= {peer} for peer in says):
            self._unconnected = frozenset()
            return []  # as in most networks at most times; to look at all ways takes a while
        if good and not calm and not self._unconnected:
            return []
        graph = Graph(links, says, between_families=self._between_families)
        unlinked = graph.unlinked()
        unconnected = {(a, b) for a, b in unlinked if b not in links.get(a, ()) or a not in links.get(b, ())}
        if calm:
            self._unconnected = frozenset(unconnected)
        else:
            self._unconnected &= unconnected
        return routes.paths(graph, unlinked - unconnected | self._unconnected, self._labels)

    def _choose(
        self,
        direct: Mapping[PeerName, Way],
        relayed: Mapping[PeerName, Way],
        says: Mapping[PeerName, Says],
        now: float,
    ) -> None:
        for peer in {*self.in_use, *relayed}:
            straight, over, current = direct.get(peer), relayed.get(peer), self.in_use.get(peer)
            there = says[peer].seen.get(self._me) if peer in says else None
            if straight is not None and self.is_direct_good(straight, there):
                # One that was only just connected has to show what it is worth before a good way is left for it.
                if current is None or self._prober.state(straight) is State.GOOD:
                    self.in_use.pop(peer, None)
            elif over is not None and self._prober.state(over) is State.GOOD:
                self.in_use[peer] = over
            elif current is not None and self._prober.state(current) is State.BAD:
                del self.in_use[peer]

    # -- what we say -----------------------------------------------------------------------------------------

    def _say(
        self,
        direct: Mapping[PeerName, Way],
        room: Mapping[PeerName, int],
        over_ipv6: Set[PeerName],
        full: int,
        local: Mapping[PeerName, IP],
        now: float,
        *,
        forwards: bool,
    ) -> None:
        seen = {
            peer: self._seen(way, local.get(peer), now, over_ipv6=peer in over_ipv6) for peer, way in direct.items()
        }
        used = [track.mtu for way in self.in_use.values() if (track := self._prober.track(way)) and track.mtu]
        used += [each.mtu for peer, each in seen.items() if each.good and each.mtu and peer not in self.in_use]
        used += [room[peer] for peer in direct]  # known before anything is probed: over IPv6 there is less
        mtu = max(constants.LEAST_MTU, min([full, *used]))
        says = Says(mtu, forwards, seen)
        if _plain(says) != _plain(self.says):
            self.says = says
        elif says != self.says and now >= self._told_at + LAZY + LAZY_PER_PEER * len(seen):
            self.says, self._told_at = says, now

    def _seen(self, way: Way, local: IP | None, now: float, *, over_ipv6: bool) -> Seen:
        track = self._prober.track(way)
        if track is not None and track.state is State.BAD:
            return Seen(False, self._prober.hears(PeerName(way.peer), 0, now), local=local, over_ipv6=over_ipv6)
        if track is None or track.state is State.CHECKING:
            return Seen(True, over_ipv6=over_ipv6)
        before = self.says.seen.get(PeerName(way.peer))
        rtt = int(track.rtt * 1e6)
        if before is not None and before.rtt / 2 <= rtt <= before.rtt * 2:
            rtt = before.rtt
        return Seen(True, True, rtt, track.mtu if track.mtu < track.full else 0, over_ipv6=over_ipv6)


def _plain(says: Says) -> tuple[object, ...]:
    """Return what is said without what may be told later."""
    seen = {peer: _untimed(each) for peer, each in says.seen.items()}
    return says.mtu, says.forwards, {peer: each for peer, each in seen.items() if each != _USUAL}


def _untimed(seen: Seen) -> tuple[object, ...]:
    return seen.good, seen.hears, seen.mtu, seen.local, seen.over_ipv6


_USUAL = _untimed(Seen(True))
"""What is mostly said of a way: that there is such a one can be told later."""
