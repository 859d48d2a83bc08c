"""The names that one peer gives, as a log that others follow. Pure.

Only the peer itself, the *origin*, writes. Each change counts the version up and is kept with it: a name given, or a
name taken away. Whoever knows the log up to some version is told the changes after it and then knows it up to a later
one; what was missed on the way never has to be guessed. So, unlike in a set where every name has a version of its own,
nothing that comes late can bring a name back: what isn't later than what is known is ignored as a whole.

Names that were taken away are kept only to be told, and only so many. Who lags behind more than that, or knows the
origin's earlier process, or nothing, is told all there is instead (`Update.base` 0), and forgets what he had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

from weave_http.addresses import IP, order
from weave_http.records import dataclass
from weave_http.router.mesh.facts import NOTHING, Stamp
from weave_http.router.mesh.identity import PeerName

MOST_TOMBSTONES = 1024
"""Names taken away that are kept to be told."""


@dataclass(frozen=True, slots=True)
class Name:
    """One name of one address.

    Args:
        hostname: fully qualified, lower case, without the last dot.
        address: what it means.
        owner: full id of the container, or `weave:expose` or `weave:extern`.
    """

    hostname: str
    address: IP
    owner: str

    def __lt__(self, other: Name) -> bool:
        """Sort by hostname, then by address, those of IPv4 first."""
        return (self.hostname, order(self.address), self.owner) < (other.hostname, order(other.address), other.owner)


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Args:
        version: of the log after it.
        name: what changed.
        present: whether it was given, rather than taken away: a tombstone.
    """

    version: int
    name: Name
    present: bool


@dataclass(frozen=True, slots=True)
class Update:
    """Changes of an origin's names, as they are told.

    Args:
        origin: name of the peer whose names they are.
        stamp: of the log after these changes.
        base: version after which they begin: nobody who knows less can use them. 0: forget what you had.
        changes: by version, in that order.
    """

    origin: PeerName
    stamp: Stamp
    base: int
    changes: tuple[Change, ...]


class Heard(Enum):
    """What became of an update."""

    NEWS = "news"
    STALE = "stale"
    GAP = "gap"


class Register:
    """The names of one origin.

    Args:
        origin: name of the peer.
        stamp: version of the log.
        index: told each name that comes (True) or goes (False).
        most_tombstones: how many names taken away are kept.
    """

    def __init__(
        self,
        origin: PeerName,
        stamp: Stamp = NOTHING,
        *,
        index: Callable[[Name, bool], None] = lambda name, present: None,
        most_tombstones: int = MOST_TOMBSTONES,
    ) -> None:
        self.origin = origin
        self.stamp = stamp
        self.incomplete = False
        """Whether names were passed over, because there was no room for them."""
        self._floor = stamp.version
        self._index = index
        self._most_tombstones = most_tombstones
        self._tombstones = 0
        self._changes: dict[Name, Change] = {}
        """The last change of each name, by version, because each new one goes to the end."""

    def __len__(self) -> int:
        return len(self._changes) - self._tombstones

    def __iter__(self) -> Iterator[Change]:
        """Yield the names that there are now, with the version that they came with; later changes don't disturb."""
        return (change for change in list(self._changes.values()) if change.present)

    def __contains__(self, name: Name) -> bool:
        change = self._changes.get(name)
        return change is not None and change.present

    # -- the origin's own ----------------------------------------------------------------------------------

    def say(self, name: Name, *, present: bool) -> bool:
        """Give a name, or take it away; return whether that is a change."""
        if (name in self) == present:
            return False
        self.stamp = self.stamp.next()
        self._apply(Change(self.stamp.version, name, present))
        return True

    def supersede(self, stamp: Stamp) -> None:
        """Go on after a stamp that others took for ours: it is an earlier life's, or a lie.

        It is a new life: a version more could be one that the earlier life had, with other names.
        """
        if stamp > self.stamp:
            names = [change.name for change in self]
            self._changes = {name: Change(version, name, True) for version, name in enumerate(names, start=1)}
            self._tombstones = 0
            self.stamp = Stamp(stamp.uid + 1, len(names) + 1)
            self._floor = self.stamp.version

    # -- told and heard ------------------------------------------------------------------------------------

    def since(self, known: Stamp) -> Update | None:
        """Return what has to be told to someone who knows the log up to a stamp; nothing when it is as late as ours."""
        if known >= self.stamp:
            return None
        base = known.version if known.uid == self.stamp.uid and known.version >= self._floor else 0
        changes = []
        for change in reversed(self._changes.values()):
            if change.version <= base:
                break
            if base or change.present:
                changes.append(change)
        return Update(self.origin, self.stamp, base, tuple(reversed(changes)))

    def merge(self, update: Update, room: int) -> Heard:
        """Take in what was heard of the origin.

        Args:
            update: what was heard.
            room: how many more names may be kept; those beyond are passed over.
        """
        if update.stamp <= self.stamp:
            return Heard.STALE
        before: list[Name] = []
        if update.base == 0:
            before = [change.name for change in self]
            self._changes, self._tombstones = {}, 0
            self._floor = update.stamp.version
            self.incomplete = False
        elif update.stamp.uid != self.stamp.uid or update.base > self.stamp.version:
            return Heard.GAP
        for change in update.changes:  # some of them may be known: they are repeated in their order, which is no change
            if not change.present or change.name in self or len(self) < room:
                self._apply(change)
            else:
                self.incomplete = True
        for name in before:
            if name not in self:
                self._index(name, False)
        self.stamp = update.stamp
        return Heard.NEWS

    def withdraw(self) -> None:
        """Keep the names, but let whatever is heard next replace them."""
        self.stamp = NOTHING

    def clear(self) -> None:
        """Forget all names."""
        gone = [change.name for change in self]
        self._changes, self._tombstones = {}, 0
        for name in gone:
            self._index(name, False)

    def _apply(self, change: Change) -> None:
        before = self._changes.pop(change.name, None)
        if before is not None and not before.present:
            self._tombstones -= 1
        self._changes[change.name] = change
        if not change.present:
            self._tombstones += 1
            self._prune_tombstones()
        if change.present or before is not None:
            self._index(change.name, change.present)

    def _prune_tombstones(self) -> None:
        if self._tombstones <= self._most_tombstones:
            return
        surplus = self._tombstones - self._most_tombstones // 2
        oldest = [change for change in self._changes.values() if not change.present][:surplus]
        for change in oldest:
            del self._changes[change.name]
        self._tombstones -= len(oldest)
        self._floor = max(self._floor, oldest[-1].version)
