"""The topic of names: who is told which names, and whose names are believed. Sans-I/O: messages in, messages out.

How it spreads, and what is believed of whom, is as with all topics (`weave_http.router.mesh.gossip`). What is told are
changes of an origin's log (`weave_http.router.names.register`) from where the neighbour knows it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set

from weave_http.addresses import IP
from weave_http.records import replace
from weave_http.router.mesh.facts import NOTHING, Stamp
from weave_http.router.mesh.gossip import Gossip
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Kind, Message
from weave_http.router.mesh.neighbours import NOBODY, Neighbour, View
from weave_http.router.names import packing
from weave_http.router.names.packing import Names
from weave_http.router.names.register import Heard, Update
from weave_http.router.names.zone import MOST_NAMES, Entry, Zone

LINGER = 10.0
"""Seconds for which the names of a peer that is out of reach are still answered, unless it said goodbye: its containers
go on without their router, which is probably only starting anew."""
MOST_OF_ONE = 20_000
"""Names of one peer: it gives no more itself."""
MOST_CLAIMED = 50_000
"""Names of third peers that one neighbour may tell."""


class NameGossip(Gossip):
    """The names of all peers.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.
    """

    name = "names"
    kinds = (Kind("names", Names, packing.read_names, packing.pack_names),)

    def __init__(self, name: PeerName, uid: int) -> None:
        super().__init__(name)
        self.zone = Zone(name, uid)
        self._begun: dict[Neighbour, Update] = {}
        """The part of a long update that each neighbour has said so far."""
        self._skipped: dict[Neighbour, tuple[PeerName, Stamp]] = {}
        """A long update of each neighbour that is too long."""
        self.view = replace(NOBODY, present=frozenset([name]))
        self._left: set[PeerName] = set()
        self._until: dict[PeerName, float] = {}

    # -- what is known ---------------------------------------------------------------------------------------

    def addresses(self, hostname: str, now: float) -> set[IP]:
        """Return the addresses of a fully qualified lower-case name without its last dot."""
        return self.zone.having(hostname, self._visible(now))

    def hostnames(self, address: IP, now: float) -> set[str]:
        """Return the names of an address."""
        return self.zone.called(address, self._visible(now))

    def entries(self, now: float) -> list[Entry]:
        """Return all names, sorted."""
        return self.zone.entries(self._visible(now))

    def _visible(self, now: float) -> Collection[str]:
        if not self._until:
            return self.view.present
        return self.view.present | {origin for origin, until in self._until.items() if until > now}

    @property
    def origins(self) -> Set[PeerName]:
        """Names of the peers something is known of, ourselves included."""
        return self.zone.origins

    def stamp(self, origin: PeerName) -> Stamp:
        """Return up to which stamp an origin's names are known."""
        return self.zone.stamp(origin) or NOTHING

    def supersede(self, stamp: Stamp) -> bool:
        """Go beyond a stamp that others took for ours; return whether that was necessary."""
        if stamp <= self.zone.own.stamp:
            return False
        self.zone.own.supersede(stamp)
        return True

    def withdraw(self, origin: PeerName) -> None:
        """Keep an origin's names, but let whatever is heard next replace them."""
        register = self.zone.get(origin)
        if register is not None and origin != self._me:
            register.withdraw()

    # -- neighbours ------------------------------------------------------------------------------------------

    def parted(self, neighbour: Neighbour, now: float) -> None:
        """End with a neighbour; from now on others are believed about its names."""
        super().parted(neighbour, now)
        self._begun.pop(neighbour, None)
        self._skipped.pop(neighbour, None)

    def left(self, peer: PeerName) -> None:
        """Note that a peer said goodbye: its names are not answered a moment longer than it is there."""
        self._left.add(peer)

    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in names."""
        update = self._whole(neighbour, message) if isinstance(message, Names) else None
        if update is not None:
            self._hear(neighbour, update, view, now)
        return False

    def _hear(self, neighbour: Neighbour, update: Update, view: View, now: float) -> None:
        origin, stamp = update.origin, update.stamp
        if origin == self._me:
            self.reassert(stamp, now)
            return
        self.compare_lives(neighbour, origin, stamp, now)
        of_itself = origin == neighbour.peer
        # Of someone who is not known yet nothing is kept; when he is, it is asked for.
        known = of_itself or origin in view.links
        if not known:
            self.pass_over(origin)
        if not known or not self.sources.believes(neighbour, origin, stamp, view.connected):
            return
        if not self._has_room(neighbour, update, of_itself=of_itself):
            return
        if of_itself and self.sources.of(origin) is not neighbour and stamp < self.stamp(origin):
            # What others said of a neighbour doesn't count any more, not even if it is later.
            self.withdraw(origin)
            self.say_to_all([origin])
        heard = self.zone.merge(update)
        if heard is Heard.GAP:
            self.ask(neighbour, origin)
        elif heard is Heard.STALE:
            self.note(neighbour, origin, stamp)
        else:
            register = self.zone.get(origin)
            self.came_from(neighbour, origin, stamp, len(register) if register else 0)
            self._left.discard(origin)

    def _has_room(self, neighbour: Neighbour, update: Update, *, of_itself: bool) -> bool:
        register = self.zone.get(update.origin)
        before = len(register) if register and update.base else 0
        added = sum(change.present for change in update.changes)
        claimed = 0 if of_itself else self.sources.load(neighbour)[1]
        return before + added <= MOST_OF_ONE and claimed + added <= MOST_CLAIMED

    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour; it counts as told."""
        messages: list[Message] = []
        for origin in self.candidates(neighbour):
            register, before = self.zone.get(origin), self.known(neighbour, origin)
            self.settled(neighbour, origin)
            if register is None or register.stamp <= before or register.incomplete:
                continue
            if self.is_told(origin, neighbour.peer):
                update = register.since(before)
                messages += _parts(update) if update else ()
                self.note(neighbour, origin, register.stamp)
        return messages

    def settle(self, view: View, now: float) -> float | None:
        """Conclude anew whose names count; return when there will be more to conclude."""
        new = set(view.links) - set(self.view.links) - view.connected
        self._left -= view.connected
        before, present = self.view.present, set(view.present) - self._left
        self.reconsider(replace(view, present=present))
        self._until = {origin: until for origin, until in self._until.items() if origin not in present and until > now}
        for origin in before - present - self._left:
            self._until[origin] = now + LINGER
        for origin in self._left:
            self._until.pop(origin, None)
        gone = (self.origins - set(view.links) - view.connected | self.sources.expired(now)) - {self._me}
        self.zone.drop(gone)
        self._left &= self.origins
        self.forget(gone)
        if gone:  # and there is room again
            self.retract([register.origin for register in self.zone if register.incomplete], now)
        self.ask_for(new)
        times = [*self._until.values(), *([self.sources.expires_at] if self.sources.expires_at is not None else [])]
        return min(times, default=None)

    def _whole(self, neighbour: Neighbour, message: Names) -> Update | None:
        """Return an update when all of it has been said."""
        update, begun = message.update, self._begun.pop(neighbour, None)
        this = (update.origin, update.stamp)
        if self._skipped.pop(neighbour, None) == this:
            if message.more:
                self._skipped[neighbour] = this
            return None
        if begun is not None and (begun.origin, begun.stamp, begun.base) == (update.origin, update.stamp, update.base):
            last = begun.changes[-1].version if begun.changes else 0
            changes = [change for change in update.changes if change.version > last]
            update = replace(update, changes=(*begun.changes, *changes))
        if not message.more:
            return update
        waiting = sum(len(each.changes) for each in self._begun.values()) + len(update.changes)
        if len(update.changes) > MOST_OF_ONE or waiting > MOST_NAMES:
            self._skipped[neighbour] = this
        else:
            self._begun[neighbour] = update
        return None


def _parts(update: Update) -> Iterator[Names]:
    """Yield an update as messages that are not too long."""
    size, changes = packing.CHANGES_PER_MESSAGE, update.changes
    for start in range(0, max(1, len(changes)), size):
        yield Names(replace(update, changes=changes[start : start + size]), start + size < len(changes))
