"""All ways that are probed: what to send when, and what answers say. Pure.

Each end of a way wants to know what passes from it to the other one. While all is well, one question and one answer
tell both: the answer is as large as the question, and the next question says that it arrived. Who asks is settled by
the two names. As soon as anything fails to come each end asks by itself, and answers are small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from math import ceil
from secrets import randbits

from weave_http.records import dataclass
from weave_http.router.data.plan import Way
from weave_http.router.mesh.identity import PeerName, goes_first
from weave_http.router.paths.frame import Probe
from weave_http.router.paths.track import GRID, State, Track

INTERVAL = 1.5
"""Seconds between probes on a way that is good, at least."""
MOST_A_SECOND = 34
"""Questions that a host asks in a second while all is well: with more than 102 peers, of which it asks about half, each
has a turn less often. It is for all hosts the same, who know how long to wait for a question."""
SLOW, MOST_SLOWER = 1.5, 4.0
"""So many times longer than it should a host's event loop may take to come round before it asks less often; and at most
so many times less often it does: a host with too little processor has better use for it."""
LATE = 0.6
"""Seconds by which a question may be late before the one who would answer it asks by himself."""
HEARD = 5.0
"""Seconds for which a probe of a peer shows that something comes from there."""
TURN = 8.0
"""Seconds for which probes over other hosts have one source address."""
_NONCE_BITS = 63
_KEEP_NONCES = 10.0


@dataclass(frozen=True, slots=True)
class Sending:
    """A probe to be sent.

    Args:
        way: which one it is for.
        probe: it.
    """

    way: Way
    probe: Probe


class Prober:
    """The ways to all peers.

    Args:
        me: name of this peer.
        nonce: returns a number that nobody else knows.
        proved: called with the name of a peer when something came back from it on the direct way.

    Attributes:
        interval: seconds between probes on a way that is good.
        is_urgent: whether something is to be sent sooner than `next_at` was before the last probe came.
        slowness: of this host's event loop (`LoopClock.slowness`), set by its owner.
    """

    def __init__(
        self,
        me: PeerName,
        nonce: Callable[[], int] = lambda: randbits(_NONCE_BITS),
        proved: Callable[[PeerName], None] = lambda peer: None,
    ) -> None:
        self._me = me
        self._nonce = nonce
        self._proved = proved
        self._tracks: dict[Way, Track] = {}
        self._asked: dict[int, tuple[Way, int, float]] = {}
        """Way, size and time of each question."""
        self._to_confirm: dict[Way, tuple[int, int]] = {}
        """Number and size of the last large answer that came on each way."""
        self._unconfirmed: dict[Way, tuple[int, int]] = {}
        """The same of the last one that was sent."""
        self.interval = INTERVAL
        self.slowness = 1.0
        self.is_urgent = False
        self._heard: dict[tuple[PeerName, int], float] = {}
        self._by_label: dict[tuple[str, int], Way] = {}

    def want(
        self, ways: Mapping[Way, int], now: float, covered: Set[Way] = frozenset(), held: Set[Way] = frozenset()
    ) -> None:
        """Probe these ways from now on, and no others.

        Args:
            ways: all of them, and the bytes of the largest packet that the network may have as far as each goes.
            now: the time, in seconds of any clock that only goes forward.
            covered: those instead of which others are used.
            held: those whose peers don't take our frames yet.
        """
        for way in self._tracks.keys() - ways.keys():
            del self._tracks[way]
        for way, full in ways.items():
            if way in self._tracks:
                self._tracks[way].set_full(full, now)
            else:
                self._tracks[way] = Track(full, now)
            self._tracks[way].covered = way in covered
            self._tracks[way].hold(now, held=way in held)
        self._by_label = {(way.peer, way.label): way for way in self._tracks}
        for backs in (self._to_confirm, self._unconfirmed):
            for way in backs.keys() - self._tracks.keys():
                del backs[way]
        slower = min(max(1.0, self.slowness / SLOW), MOST_SLOWER)
        turn = ceil(len(self._tracks) / 2 / MOST_A_SECOND / GRID) * GRID
        self.interval = slower * max(INTERVAL, turn)
        self._heard = {key: at for key, at in self._heard.items() if now - at < HEARD}

    def track(self, way: Way) -> Track | None:
        """Return what is known of a way, None if it is not probed."""
        return self._tracks.get(way)

    def state(self, way: Way) -> State:
        """Return what a way is worth."""
        track = self._tracks.get(way)
        return track.state if track else State.CHECKING

    def hears(self, peer: PeerName, label: int, now: float) -> bool:
        """Tell whether questions of a peer come in on a way."""
        return now - self._heard.get((peer, label), now - HEARD) < HEARD

    @property
    def in_doubt(self) -> set[PeerName]:
        """Names of the peers of which it matters whether their router gives a sign of life."""
        return {PeerName(way.peer) for way, track in self._tracks.items() if track.wants_pulse}

    @property
    def next_at(self) -> float | None:
        """When there is something to do."""
        return min((track.next_at for track in self._tracks.values()), default=None)

    def due(self, now: float) -> tuple[list[Sending], bool]:
        """Return what has to be sent now, and whether it is known of any way that it is another than before."""
        changed, sending, self.is_urgent = False, [], False
        for way, track in self._tracks.items():
            if track.next_at > now:
                continue
            changed |= track.conclude(self.interval, now)
            peer = PeerName(way.peer)
            for size in track.send(now):
                nonce = self._nonce()
                self._asked[nonce] = way, size, now
                wide = track.is_calm and goes_first(self._me, peer)
                back = self._to_confirm.pop(way, (0, 0))
                question = Probe(False, self._me, peer, way.label, nonce, size, wide, *back, _turn(way, now))
                sending.append(Sending(way, question))
        if sending:
            self._asked = {nonce: each for nonce, each in self._asked.items() if now - each[2] < _KEEP_NONCES}
        return sending, changed

    def hear(self, probe: Probe, now: float) -> Sending | None:
        """Take in what came; return what is to be answered.

        A question that comes on a way that we don't have ourselves gets no answer: both ends use one way.
        """
        if probe.target != self._me:
            return None
        if not probe.answer:
            return self._hear_question(probe, now)
        way, size, sent_at = self._asked.pop(probe.nonce, (None, 0, 0.0))
        track = self._tracks.get(way) if way is not None else None
        if way is not None and track is not None and size == probe.size:
            track.answered(size, sent_at, now)
            if probe.back:
                self._to_confirm[way] = probe.back, probe.back_size
            self._comes_back(probe, now)
        return None

    def _hear_question(self, probe: Probe, now: float) -> Sending | None:
        way = self._by_label.get((probe.source, probe.label))
        if way is None:
            return None
        self._heard[probe.source, probe.label] = now
        track = self._tracks[way]
        unconfirmed = self._unconfirmed.pop(way, None)
        if unconfirmed == (probe.back, probe.back_size):
            self._comes_back(probe, now)
            if not goes_first(self._me, probe.source):
                track.confirmed(now + self.interval + LATE)
        elif unconfirmed is not None:
            track.doubted(now)
            self.is_urgent = True
        back, back_size = 0, 0
        if probe.wide and track.is_calm and probe.size >= track.full:  # never more than what was asked with
            back, back_size = self._unconfirmed[way] = self._nonce(), track.full
        answer = Probe(
            True,
            self._me,
            probe.source,
            probe.label,
            probe.nonce,
            probe.size,
            back=back,
            back_size=back_size,
            turn=_turn(way, now),
        )
        return Sending(way, answer)

    def _comes_back(self, probe: Probe, now: float) -> None:
        """Note that something of ours has come back in a probe."""
        self._heard[probe.source, probe.label] = now
        if not probe.label:
            self._proved(probe.source)

    def pulse(self, peer: PeerName, now: float) -> None:
        """Note that a peer's router gave a sign of life on its connection."""
        for way, track in self._tracks.items():
            if way.peer == peer:
                track.pulse(now)


def _turn(way: Way, now: float) -> int:
    return int(now // TURN) if way.label else 0
