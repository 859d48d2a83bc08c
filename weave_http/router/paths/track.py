"""What is known of one way to a peer, from probes that were answered and such that were not. Pure.

A round is some probes sent at once. On a way that is good it is a single one, as large as a frame can be; and none
while the peer's questions say that our answers, which were as large, arrive. What stays without an answer is asked
again at once, with smaller ones beside it: three rounds tell whether nothing passes, or only what is smaller, and then
which size does. A bad way counts as good again after it has been so for a while, the longer the more often it was bad.

A busy host answers late, which must not look like a size that does not pass. So the largest goes first: it does not
pass if a smaller one of the same round, which was sent after it, has its answer. Answers to earlier rounds say no more
than that their size passes.
"""

from __future__ import annotations

from enum import Enum

from weave_http.records import dataclass, field
from weave_http.router.paths.frame import LEAST

PATIENCE = 0.35
"""Seconds for which an answer is waited for, at least."""
MOST_PATIENCE = 2.0
PAUSE = 0.05
"""Seconds between a round without a clear outcome and the next one."""
ROUNDS = 3
"""Rounds in a row without an answer after which nothing, or nothing large, passes."""
SILENCE = 10.0
"""Seconds of doubt after which a way is bad, even if the peer's router gives no sign of life otherwise: a busy one may
be late with both. Of a dead link its connection knows sooner."""
BAD_INTERVAL = 1.0
"""Seconds between rounds on a way where not everything passes."""
PROVED = 2.0
"""Seconds for which a way has to be good before it counts again; twice as many each time it was bad soon before."""
MOST_PROVED = 60.0
LONE_PROVED = 8.0
"""Seconds that are enough where no other way is used meanwhile: frames go there anyway."""
CALM = 120.0
"""Seconds after which it does not count any more that a way was bad."""
HELD = 60.0
"""Seconds for which a way is not probed because the peer takes no frames of ours yet: its kernel has to follow."""
GRID = 0.5
"""Seconds: rounds on good ways begin at multiples of it, so that a router wakes up for several at once."""
_LATER = 0.1
"""Seconds by which a round may begin later than it is due, to be at such a time; else it is at the one before."""
ASK_AGAIN = 20.0
"""Seconds after which a round is due even though the peer's questions say that all is well: how long it takes, only an
own one tells."""
LOOK_AGAIN = 30.0
"""Seconds after which it is looked anew how much passes, where not all does."""
_SPREAD = 15
_KEEP_RTT = 8


class State(Enum):
    """What a way is worth."""

    CHECKING = "checking"
    GOOD = "good"
    BAD = "bad"


@dataclass(slots=True)
class _Round:
    """Probes sent at once.

    Args:
        sizes: bytes of each, the largest first.
        began: when they were sent.
        until: when the last answer must be there.
        answered: sizes that were, now or of an earlier round.
        is_heard: whether one of its own was.
    """

    sizes: tuple[int, ...]
    began: float
    until: float
    answered: set[int] = field(default_factory=set)
    is_heard: bool = False


class Track:
    """One way.

    Args:
        full: bytes of the largest packet that the network may have.
        now: the time, in seconds of any clock that only goes forward.

    Attributes:
        state: what it is worth.
        mtu: bytes of the largest packet that passes; 0 before that is known.
        next_at: when there is something to do.
        wants_pulse: whether it matters if the peer's router gives a sign of life.
        covered: whether another way is used as long as this one is bad.
    """

    def __init__(self, full: int, now: float) -> None:
        self.full = full
        self.state = State.CHECKING
        self.mtu = 0
        self.next_at = now
        self.wants_pulse = False
        self.covered = False
        self._began = self._asked_at = self._confirmed_until = now
        self._is_held = False
        self._round: _Round | None = None
        self._misses = 0
        self._full_misses = 0
        self._good_since: float | None = None
        self._full_since: float | None = None
        self._doubt_at = now
        self._pulse_at: float | None = None
        self._bad_at = -CALM
        self._falls = 0
        self._low, self._high = 0, full
        """What passes, and the least that does not, as far as this search knows."""
        self._searched_at: float | None = None
        self._rtts: list[float] = []

    @property
    def rtt(self) -> float:
        """The round trip in seconds, 0 before one was measured: the shortest of the last few."""
        return min(self._rtts, default=0.0)

    @property
    def recovers(self) -> bool:
        """Whether probes are answered again, though not for long enough yet."""
        return self.state is State.BAD and self._good_since is not None

    def set_full(self, full: int, now: float) -> None:
        """Note that the network may have other packets."""
        if full != self.full:
            self.full, self.mtu = full, min(self.mtu, full)
            self._begin_search()
            self.next_at = now

    def hold(self, now: float, *, held: bool) -> None:
        """Don't probe a way that was not probed yet, or begin to."""
        if held and self.state is State.CHECKING and self._round is None and now < self._began + HELD:
            self.next_at, self._is_held = self._began + HELD, True
        elif self._is_held:
            self.next_at, self._is_held = now, False

    def send(self, now: float) -> tuple[int, ...]:
        """Begin a round if one is due; return the sizes of its probes in order, some of them more than once."""
        if now < self.next_at or self._round is not None:
            return ()
        sizes = self._sizes(now)
        self._asked_at = now
        self._round = _Round(sizes, now, now + self._patience)
        self.next_at = self._round.until
        return sizes

    def answered(self, size: int, sent_at: float, now: float) -> None:
        """Note an answer: the question had so many bytes, and was sent at that time."""
        self._misses = 0
        self._pulse_at = None
        self.wants_pulse = False
        self._rtts = [*self._rtts[1 - _KEEP_RTT :], now - sent_at]
        if self._round is not None:
            self._round.answered.add(size)
            self._round.is_heard |= sent_at >= self._round.began
            if self._round.answered >= set(self._round.sizes):
                self.next_at = now
        if size == self.full:
            self._full_misses = 0

    @property
    def is_calm(self) -> bool:
        """Whether all passes, as far as is known, and nothing speaks against it."""
        return self.state is State.GOOD and self.mtu == self.full and not self._in_doubt

    def confirmed(self, until: float) -> None:
        """Note that the peer got an answer of ours that was as large as a packet can be.

        Args:
            until: when to ask by ourselves if no more is heard.
        """
        self._confirmed_until = until
        if self.is_calm and self._round is None:
            self.next_at = max(self.next_at, self._spared_until)

    def doubted(self, now: float) -> None:
        """Note that the peer asked, and did not get such an answer of ours."""
        if self.is_calm and self._round is None:
            self.next_at = now

    @property
    def _spared_until(self) -> float:
        """When to ask even though the peer's questions say that all is well."""
        return min(self._confirmed_until, self._asked_at + ASK_AGAIN)

    def pulse(self, now: float) -> None:
        """Note that the peer's router gave a sign of life on its connection."""
        if self.wants_pulse:
            self._pulse_at = now

    def conclude(self, interval: float, now: float) -> bool:
        """End a round whose time is over; return whether what is known changed.

        Args:
            interval: seconds between rounds as long as all is good.
            now: the time.
        """
        if self._round is None or now < self.next_at:
            return False
        before = self.state, self.mtu
        this, self._round = self._round, None
        if this.answered:
            self._some_passes(this, now)
        else:
            self._nothing_passes(now)
        if (self._in_doubt or self._searching) and self.state is not State.BAD:
            self.next_at = now + PAUSE
        elif self.is_calm:
            self.next_at = max(now, (this.began + interval + _LATER) // GRID * GRID, self._spared_until)
        else:
            self.next_at = now + BAD_INTERVAL
        return before != (self.state, self.mtu)

    @property
    def _patience(self) -> float:
        return min(max(PATIENCE, 4 * max(self._rtts, default=0.0)), MOST_PATIENCE)

    @property
    def _in_doubt(self) -> bool:
        """Whether the last round had no answer, or none to its largest probes."""
        return bool(self._misses or self._full_misses)

    @property
    def _searching(self) -> bool:
        return bool(self._low) and self._high - self._low > 1 and self.mtu != self.full

    def _sizes(self, now: float) -> tuple[int, ...]:
        if self.state is State.BAD or self._misses >= ROUNDS or (self.state is State.CHECKING and not self._in_doubt):
            return (self.full, LEAST)
        if self.is_calm:
            return (self.full,)
        if self._misses and not self._full_misses and self._searched_at is None:
            return (self.full, self.full, LEAST, LEAST)
        if self._searched_at is not None and now >= self._searched_at + LOOK_AGAIN:
            self._begin_search()
        if self._searched_at is not None:
            return (self.full, self.mtu, self.mtu, LEAST)
        # A size that gets lost by chance would be taken for one that does not pass: each is asked twice.
        low = max(self._low, LEAST)
        step = max(1, -(-(self._high - low) // (_SPREAD + 1)))
        between = range(low + step, self._high, step)
        return tuple(size for size in (self.full, *reversed(between), low) for _ in range(2))

    def _begin_search(self) -> None:
        self._low, self._high, self._searched_at = 0, self.full, None

    def _some_passes(self, this: _Round, now: float) -> None:
        if self.full in this.answered:
            self._low, self._high, self._searched_at = self.full, self.full, None
            self._full_since = self._full_since if self._full_since is not None else now
        elif this.is_heard:
            self._full_since = None
            if self._low >= self.full:
                self._begin_search()
            if self._searched_at is not None and self.mtu not in this.answered:
                self._begin_search()  # less passes than a moment ago
            if self._searched_at is None:
                self._full_misses += 1
            self._low = max(self._low, *this.answered)
            failed = [size for size in this.sizes if size > self._low]
            self._high = min([self._high if self._high > self._low else self.full, *failed])
        if self.state is not State.GOOD and not self._is_proved(now):
            return
        self.state = State.GOOD
        if self.full in this.answered:
            if self.mtu == 0 or self._has_been_full(now):
                self.mtu = self.full
        elif self._full_misses >= ROUNDS and self._high - self._low <= 1:
            if self.mtu != self._low:
                self._fall(now)
            self.mtu, self._searched_at, self._full_misses = self._low, now, 0

    def _nothing_passes(self, now: float) -> None:
        self._misses += 1
        if self._misses == 1:
            self._begin_search()
            self._doubt_at = now
        self._good_since = self._full_since = None
        self.wants_pulse = self.state is not State.BAD
        alive = self._pulse_at is not None or now - self._doubt_at >= SILENCE
        if self.state is not State.BAD and self._misses >= ROUNDS and alive:
            self.state = State.BAD
            self.wants_pulse = False
            self._begin_search()
            self._fall(now)

    def _fall(self, now: float) -> None:
        self._falls = self._falls + 1 if now - self._bad_at < CALM else 1
        self._bad_at = now

    @property
    def _hold(self) -> float:
        return min(PROVED * 2.0 ** max(0, self._falls - 1), MOST_PROVED if self.covered else LONE_PROVED)

    def _is_proved(self, now: float) -> bool:
        """Tell whether a way that was not good has been it for long enough."""
        if self.state is State.CHECKING:
            return True
        self._good_since = self._good_since if self._good_since is not None else now
        return now - self._good_since >= self._hold

    def _has_been_full(self, now: float) -> bool:
        return self.mtu == self.full or (self._full_since is not None and now - self._full_since >= self._hold)
