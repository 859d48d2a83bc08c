"""Which names have to be told to whom, and which are believed. Sans-I/O: messages in, messages out.

Two neighbours begin by saying how far they know each origin's names (`Have`), and from then on tell each other what
comes after. What is told on a connection arrives, in its order; where it nevertheless can't be used, or is dropped
later, that is said by another `Have`, and told again from there. So the worst that a mistake costs is a little traffic.

As with the facts of the topology, what a connected peer says of its own names is believed from itself alone.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Hashable, Iterator, Mapping
from dataclasses import replace

from weave_http.router.mesh.codec import Have, Message, Names
from weave_http.router.mesh.facts import Stamp
from weave_http.router.names import packing
from weave_http.router.names.register import NOTHING, Heard, Update
from weave_http.router.names.zone import MOST_NAMES, Entry, Zone

LINGER = 10.0
"""Seconds for which the names of a peer that is out of reach are still answered, unless it said goodbye: its containers
go on without their router, which is probably only starting anew."""
STAMPS_PER_MESSAGE = 1024
_LATEST = 2**62
"""Nobody gets so far; stamps beyond are a lie that must not be outdone."""


class NameGossip:
    """The names, and which neighbour has heard which of them.

    A neighbour is a connection rather than a name, because there may be two for a moment; `key` stands for it.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.
    """

    def __init__(self, name: str, uid: int) -> None:
        self.zone = Zone(name, uid)
        self._me = name
        self._known: dict[Hashable, dict[str, Stamp] | None] = {}
        """What each neighbour knows; None before it said so."""
        self._begun: dict[Hashable, Update] = {}
        """The part of a long update that each neighbour has said so far."""
        self._to_say: dict[Hashable, set[str]] = {}
        """For which origins each neighbour has to be told how far we know."""
        self._there = {name}
        self._links: Mapping[str, Collection[str]] = {}
        self._refused: set[str] = set()
        self._left: set[str] = set()
        self._until: dict[str, float] = {}

    # -- what is known -------------------------------------------------------------------------------------

    def addresses(self, hostname: str, now: float) -> set[str]:
        """Return the addresses of a fully qualified lower-case name without its last dot."""
        return self.zone.having(hostname, self._visible(now))

    def hostnames(self, address: str, now: float) -> set[str]:
        """Return the names of an IPv4 address."""
        return self.zone.called(address, self._visible(now))

    def entries(self, now: float) -> list[Entry]:
        """Return all names, sorted."""
        return self.zone.entries(self._visible(now))

    def _visible(self, now: float) -> Collection[str]:
        if not self._until:
            return self._there
        return self._there | {origin for origin, until in self._until.items() if until > now}

    # -- neighbours ----------------------------------------------------------------------------------------

    def met(self, key: Hashable) -> None:
        """Begin with a neighbour."""
        self._known[key] = None
        self._to_say[key] = self.zone.origins

    def parted(self, key: Hashable, neighbour: str) -> None:
        """End with a neighbour; from now on others are believed about its names, and must know where to begin."""
        if key in self._known:
            del self._known[key], self._to_say[key]
            self._begun.pop(key, None)
            self._say_to_all({neighbour})

    def left(self, peer: str) -> None:
        """Note that a peer said goodbye: its names are not answered a moment longer than it is there."""
        self._left.add(peer)

    def survey(self, key: Hashable) -> None:
        """Say anew to a neighbour how far all names are known, in case something went wrong."""
        if key in self._to_say:
            self._to_say[key] = self.zone.origins

    def hear_of(self, key: Hashable, have: Have) -> bool:
        """Take in how far a neighbour knows the names; return whether all have to be told something now."""
        if key not in self._known:
            return False
        known = self._known[key] = self._known[key] or {}
        known.update(have.stamps)
        return any(self._outdo(stamp) for origin, stamp in have.stamps if origin == self._me)

    def hear(
        self, key: Hashable, neighbour: str, message: Names, connected: Container[str], owners: Container[str]
    ) -> bool:
        """Take in what a neighbour says; return whether anything of it is news.

        Args:
            key: the neighbour.
            neighbour: its name.
            message: what it says.
            connected: names of all neighbours.
            owners: names of all peers that are known.
        """
        update = self._whole(key, message)
        if update is None:
            return False
        origin = update.origin
        if origin == self._me:
            return self._outdo(update.stamp)
        if origin != neighbour and origin in connected:
            return False
        if origin != neighbour and origin not in owners:
            self._refused.add(origin)
            return False
        heard = self.zone.merge(update)
        if heard is Heard.GAP:
            self._to_say[key].add(origin)
            return False
        known = self._known[key] = self._known[key] or {}
        known[origin] = max(known.get(origin, NOTHING), update.stamp)
        if heard is Heard.NEWS:
            self._left.discard(origin)
        return heard is Heard.NEWS

    def is_told(self, origin: str, neighbour: str) -> bool:
        """Return whether a neighbour hears of an origin's names from us, as far as the topology goes.

        Not those that it hears at first hand, because both say that they are connected, and not those of who is out of
        reach, or hearsay would keep the dead alive.
        """
        if origin in (self._me, neighbour):
            return origin == self._me
        links = self._links
        direct = neighbour in links.get(origin, ()) and origin in links.get(neighbour, ())
        return origin in self._there and not direct

    def tell(self, key: Hashable, neighbour: str) -> list[Message]:
        """Return what has to be told to a neighbour now; it counts as told.

        Args:
            key: the neighbour.
            neighbour: its name.
        """
        if key not in self._known:
            return []
        messages: list[Message] = list(self._haves(self._to_say[key]))
        self._to_say[key] = set()
        known = self._known[key]
        if known is None:
            return messages
        for register in self.zone:
            origin = register.origin
            before = known.get(origin, NOTHING)
            if register.stamp > before and self.is_told(origin, neighbour):
                update = register.since(before)
                messages += _parts(update) if update else ()
                known[origin] = register.stamp
        return messages

    def settle(
        self, links: Mapping[str, Collection[str]], there: Collection[str], connected: Collection[str], now: float
    ) -> None:
        """Conclude anew whose names count.

        Args:
            links: whom each peer that is known, reachable or not, says that it is connected to.
            there: names of the reachable peers, ourselves included.
            connected: names of all neighbours.
            now: the time, in seconds of any clock that only goes forward.
        """
        self._links = links
        self._left -= set(connected)
        present = set(there) - self._left
        self._until = {origin: until for origin, until in self._until.items() if origin not in present and until > now}
        for origin in self._there - present - self._left:
            self._until[origin] = now + LINGER
        for origin in self._left:
            self._until.pop(origin, None)
        self._there = present
        gone = self.zone.origins - set(links) - set(connected) - {self._me}
        self.zone.drop(gone)
        self._left -= gone
        for known in self._known.values():
            for origin in gone if known else ():
                known.pop(origin, None)  # type: ignore[union-attr]
        back = self._refused & set(links)
        self._refused -= back
        self._say_to_all(gone | back)

    def _whole(self, key: Hashable, message: Names) -> Update | None:
        """Return an update when all of it has been said."""
        if key not in self._known:
            return None
        update, begun = message.update, self._begun.pop(key, None)
        if begun is not None and (begun.origin, begun.stamp, begun.base) == (update.origin, update.stamp, update.base):
            last = begun.changes[-1].version if begun.changes else 0
            changes = [change for change in update.changes if change.version > last]
            update = replace(update, changes=(*begun.changes, *changes)[:MOST_NAMES])
        if message.more:
            self._begun[key] = update
            return None
        return update

    def _say_to_all(self, origins: set[str]) -> None:
        for to_say in self._to_say.values():
            to_say |= origins

    def _haves(self, origins: set[str]) -> Iterator[Have]:
        stamps = [(origin, self.zone.stamp(origin) or NOTHING) for origin in sorted(origins)]
        for start in range(0, len(stamps), STAMPS_PER_MESSAGE):
            yield Have(tuple(stamps[start : start + STAMPS_PER_MESSAGE]))

    def _outdo(self, stamp: Stamp) -> bool:
        if stamp <= self.zone.own.stamp or max(stamp.uid, stamp.version) >= _LATEST:
            return False
        self.zone.own.outdo(stamp)
        return True


def _parts(update: Update) -> Iterator[Names]:
    """Yield an update as messages that are not too long."""
    size, changes = packing.CHANGES_PER_MESSAGE, update.changes
    for start in range(0, max(1, len(changes)), size):
        yield Names(replace(update, changes=changes[start : start + size]), start + size < len(changes))
