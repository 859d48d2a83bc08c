"""The base class of topics: how information that one peer owns and stamps spreads from neighbour to neighbour.

Two neighbours begin by saying how far they know each origin that they don't hear themselves (`Have`), and from then on
tell each other what comes after. What is told on a connection arrives, in its order; where it nevertheless can't be
used, or is dropped later, that is said by another `Have`, and told again from there. So the worst that a mistake costs
is a little traffic.

What a connected peer says of itself is believed from itself alone, and what is said of us from no one: we supersede it.
Of everything else it is kept in mind from which neighbour it came. When that connection ends, or the neighbour says
that it knows less now, all that came from there is *withdrawn*: it goes on counting for a moment, the others are asked
what they know, and whatever they say replaces it. Who holds something only because we told it withdraws it in turn. So
a lie does not outlive the connection over which it came, and a truth is there again after a round trip.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from time import time

from weave_http.router.mesh.facts import NOTHING, Stamp
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.lives import Lives
from weave_http.router.mesh.messages import MOST_STAMPS, Have, Kind, Message
from weave_http.router.mesh.neighbours import NOBODY, Neighbour, View
from weave_http.router.mesh.sources import Sources

REASSERT = 1.0
"""Seconds between two answers to stale news of ourselves: two of the same name must not shout at each other."""
TELLERS = 3
"""Peers that tell another one what a third one says: of those that are connected to both, that many are enough."""
MOST_PASSED_OVER = 1024
"""Names of unknown peers that are remembered; if there were more, all that become known are asked for."""


class Gossip(ABC):
    """Which neighbour knows how much of each origin, and from whom we know it.

    Args:
        me: name of this peer.
        clock: tells the time, in seconds since 1970.

    Attributes:
        view: who is there, as concluded last.
        sources: from whom we know what we know.
    """

    name: str
    kinds: Sequence[Kind]

    def __init__(self, me: PeerName, clock: Callable[[], float] = time) -> None:
        self.view = NOBODY
        self._me = me
        self._clock = clock
        self._known: dict[Neighbour, dict[PeerName, Stamp] | None] = {}
        """What each neighbour knows; None before it said so."""
        self._followed: Set[PeerName] = frozenset()
        """Names of the neighbours; to one of them there may be two connections for a moment."""
        self._to_say: dict[Neighbour, set[PeerName]] = {}
        """For which origins each neighbour has to be told how far we know."""
        self._pending: dict[Neighbour, dict[PeerName, None]] = {}
        """Of which origins, other than ourselves, there may be something to tell each neighbour, in that order."""
        self.sources = Sources()
        self._to_tell = False
        """Whether there is more to tell anyone than before."""
        self._passed_over: set[PeerName] = set()
        """Of whom something was said, and not kept, because they were not known."""
        self._lives = Lives()
        self._reassert_at = 0.0

    # -- what a topic knows ----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def origins(self) -> Set[PeerName]:
        """Names of the peers something is known of, ourselves included."""

    @abstractmethod
    def stamp(self, origin: PeerName) -> Stamp:
        """Return up to which stamp an origin is known."""

    @abstractmethod
    def supersede(self, stamp: Stamp) -> bool:
        """Go beyond a stamp that others took for ours; return whether that was necessary."""

    @abstractmethod
    def withdraw(self, origin: PeerName) -> None:
        """Keep what an origin said, but at the stamp `NOTHING`, so that anything replaces it."""

    @abstractmethod
    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour that said how far it knows; note it as told (`note`)."""

    @abstractmethod
    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in what a neighbour says of this topic; return whether to conclude anew. Raises `Malformed`."""

    def hear(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in a message of a neighbour; return whether others have to hear of it, or it has to be concluded anew.

        Raises:
            Malformed: it was not well-formed after all.
        """
        if not self.is_neighbour(neighbour):
            return False
        self._lives.news = self._to_tell = False
        news = False
        if isinstance(message, Have):
            self.hear_have(neighbour, message, now)
        else:
            news = self.take_in(neighbour, message, view, now)
        return news or self._to_tell or self._lives.news

    # -- neighbours ------------------------------------------------------------------------------------------

    def met(self, neighbour: Neighbour) -> None:
        """Begin with a neighbour."""
        self._to_say[neighbour] = self._of_concern_to(neighbour)
        self._known[neighbour] = None
        self._followed = {each.peer for each in self._known}
        self._pending[neighbour] = dict.fromkeys(self.origins)
        self._lives.met(neighbour)

    def parted(self, neighbour: Neighbour, now: float) -> None:
        """End with a neighbour; withdraw what it said, and ask the others about it.

        If there is another connection to the same peer already, that peer alone is asked.
        """
        if neighbour not in self._known:
            return
        del self._known[neighbour], self._to_say[neighbour], self._pending[neighbour]
        self._followed = {each.peer for each in self._known}
        self._lives.parted(neighbour)
        heirs = [other for other in self._known if other.peer == neighbour.peer]
        self.retract(self.sources.from_neighbour(neighbour), now, heirs or self._known)
        self.sources.parted(neighbour)
        self.say_to(heirs or self._known, [neighbour.peer])

    def left(self, peer: PeerName) -> None:  # noqa: B027
        """Note that a peer said goodbye: for most topics no more than the end of its connection."""

    def resend(self, neighbour: Neighbour) -> None:
        """Say anew to a neighbour how far is known what it tells, in case something went wrong."""
        if neighbour in self._to_say:
            self._to_say[neighbour] |= self._of_concern_to(neighbour)

    def _of_concern_to(self, neighbour: Neighbour) -> set[PeerName]:
        """Return of which origins a neighbour has to know how far we know them.

        Of the others we hear from themselves, and need not be told: with many peers these are nearly all.
        """
        return {origin for origin in self.origins if origin == neighbour.peer or origin not in self._followed}

    def is_neighbour(self, neighbour: Neighbour) -> bool:
        """Tell whether a neighbour is one still."""
        return neighbour in self._known

    def owes(self, neighbour: Neighbour) -> bool:
        """Tell whether there may be something to tell a neighbour."""
        if neighbour not in self._known:
            return False
        if self._to_say[neighbour] or self._lives.owes(neighbour):
            return True
        return self._known[neighbour] is not None and self.may_owe(neighbour)

    def tell(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what has to be told to a neighbour now; it counts as told."""
        if neighbour not in self._known:
            return []
        messages: list[Message] = []
        later = self._lives.take(neighbour)
        if later or self._to_say[neighbour]:
            ours = {origin: self.stamp(origin) for origin in self._to_say[neighbour] | later.keys()}
            # By the first it learns of a later life; by the second, what we have of that origin ourselves.
            messages += [*self._haves(later.items() - ours.items()), *self._haves(ours.items())]
            self._to_say[neighbour] = set()
        if self._known[neighbour] is not None and self.may_owe(neighbour):
            messages += self.updates(neighbour, now)
        return messages

    def may_owe(self, neighbour: Neighbour) -> bool:
        """Tell whether there may be something new to a neighbour: mostly, when anything is told, there is not."""
        return bool(self._pending[neighbour]) or self.known(neighbour, self._me) < self.stamp(self._me)

    # -- of whom something may have to be told ---------------------------------------------------------------

    def candidates(self, neighbour: Neighbour) -> list[PeerName]:
        """Return of which origins there may be something to tell a neighbour, ourselves included.

        It is asked each time that anything is told, and mostly there is nothing: so it is kept rather than found out.
        """
        return [self._me, *(origin for origin in self._pending[neighbour] if origin != self._me)]

    def settled(self, neighbour: Neighbour, origin: PeerName) -> None:
        """Note that nothing of an origin has to be told to a neighbour until something changes."""
        self._pending[neighbour].pop(origin, None)

    def postpone(self, neighbour: Neighbour, origin: PeerName) -> None:
        """Note that what an origin says is told to a neighbour later."""
        self._pending[neighbour][origin] = None

    def reconsider(self, after: View) -> None:
        """Go by another view; note whose news may concern whom otherwise than before.

        Args:
            after: who is there now.
        """
        before, self.view = self.view, after
        changed_origins = dict.fromkeys([*(before.present ^ after.present), *(before.fresh - after.fresh)])
        for neighbour, pending in self._pending.items():
            pending.update(changed_origins)
            if neighbour.peer in before.fresh and neighbour.peer not in after.fresh:
                pending.update(dict.fromkeys(self.origins))
        changed = {
            peer: before.links.get(peer, frozenset()) ^ after.links.get(peer, frozenset())
            for peer in before.links.keys() | after.links.keys()
            if before.links.get(peer) is not after.links.get(peer)
        }
        if not changed:
            return
        # Who is connected to whom decides for all that these say, and hear, from whom others have it (`is_told`).
        # Those who are new, and all that is new to them, are looked at when they are it no more.
        everyone, some = self.origins - after.fresh, changed.keys() - after.fresh
        for neighbour, pending in self._pending.items():
            if neighbour.peer not in after.fresh:
                about = everyone if neighbour.peer in changed else some
                pending.update((origin, None) for origin in about if not after.at_first_hand(origin, neighbour.peer))

    def is_told(self, origin: PeerName, neighbour: PeerName) -> bool:
        """Tell whether a neighbour hears what an origin says from us.

        What third peers say it hears from a few of those that are connected to both, and not from all: else each change
        would come to it as often as there are hosts. All find the same few; we count those of our own neighbours, of
        which we know that they are there and have this topic.
        """
        view = self.view
        if not view.is_told(self._me, origin, neighbour):
            return False
        if origin == self._me:
            return True
        mine, before = _turn(self._me, origin), 0
        for other in view.links.get(origin, frozenset()) & view.links.get(neighbour, frozenset()):
            if other in self._followed and _turn(other, origin) < mine:
                before += 1
                if before == TELLERS:
                    return False
        return True

    def _consider(self, origin: PeerName) -> None:
        """Note that an origin's news has to be told to those who hear it from us."""
        for neighbour, pending in self._pending.items():
            if self.is_told(origin, neighbour.peer):
                pending[origin] = None
                self._to_tell = True

    # -- what a neighbour knows ------------------------------------------------------------------------------

    def known(self, neighbour: Neighbour, origin: PeerName) -> Stamp:
        """Return up to which stamp a neighbour knows an origin."""
        return (self._known.get(neighbour) or {}).get(origin, NOTHING)

    def note(self, neighbour: Neighbour, origin: PeerName, stamp: Stamp) -> None:
        """Note that a neighbour knows an origin up to a stamp, because it said so or was told."""
        known = self._known[neighbour]
        if known is None:
            known = self._known[neighbour] = {}
        if origin in self.origins:  # so that nobody can make us remember much
            known[origin] = max(known.get(origin, NOTHING), stamp)

    def hear_have(self, neighbour: Neighbour, have: Have, now: float) -> None:
        """Take in how far a neighbour knows."""
        known = self._known[neighbour]
        if known is None:
            known = self._known[neighbour] = {}
        lost = []
        for origin, stamp in have.stamps:
            if origin not in self.origins:
                continue
            known[origin] = stamp
            self._pending[neighbour][origin] = None
            if origin == self._me:
                self.reassert(stamp, now)
                continue
            self.compare_lives(neighbour, origin, stamp, now)
            if stamp < self.stamp(origin) and self.sources.of(origin) is neighbour and origin != neighbour.peer:
                lost.append(origin)
        self.retract(lost, now)

    def reassert(self, stamp: Stamp, now: float) -> bool:
        """Supersede what others take for ours, unless we did so a moment ago; return whether we did."""
        if now < self._reassert_at or not stamp.may_be_superseded(self._clock()) or not self.supersede(stamp):
            return False
        self._reassert_at = now + REASSERT
        self._to_tell = True
        return True

    def compare_lives(self, neighbour: Neighbour, origin: PeerName, stamp: Stamp, now: float) -> None:
        """Note as which a neighbour knows an origin, before what it says is taken in: it may be of another life."""
        self._lives.compare(neighbour, origin, stamp, self.stamp(origin), self.sources.of(origin), now)

    # -- from whom we know -----------------------------------------------------------------------------------

    def came_from(self, neighbour: Neighbour, origin: PeerName, stamp: Stamp, size: int) -> None:
        """Note from whom we know what we know of an origin now, and how large it is."""
        self.sources.came(neighbour, origin, size)
        self.note(neighbour, origin, stamp)
        self._consider(origin)

    def forget(self, origins: Iterable[PeerName]) -> None:
        """Note that nothing is known of some origins any more, and say so."""
        gone = set(origins)
        self._lives.forget(gone)
        self.sources.forget(gone)
        for neighbour, known in self._known.items():
            for origin in gone:
                self._pending[neighbour].pop(origin, None)
                if known:
                    known.pop(origin, None)
        self.say_to_all(gone)

    def retract(self, origins: Iterable[PeerName], now: float, ask: Collection[Neighbour] | None = None) -> None:
        """Withdraw what is known of some origins, and ask neighbours about it, all of them if not told which."""
        for origin in origins:
            self.sources.withdraw(origin, self.stamp(origin), now)
            self.withdraw(origin)
            self.say_to(self._to_say if ask is None else ask, [origin])

    def ask(self, neighbour: Neighbour, origin: PeerName) -> None:
        """Have a neighbour told how far an origin is known, so that it goes on from there."""
        self._to_say[neighbour].add(origin)

    def pass_over(self, origin: PeerName) -> None:
        """Note that something was said of someone who is not known, so that it is asked for when he is."""
        if len(self._passed_over) < MOST_PASSED_OVER:
            self._passed_over.add(origin)

    def ask_for(self, new: Set[PeerName]) -> None:
        """Ask all neighbours for what was said, and not kept, of those who are known from now on."""
        if len(self._passed_over) < MOST_PASSED_OVER:
            new = new & self._passed_over
            self._passed_over -= new
        self.say_to_all(new - self.origins)

    def say_to_all(self, origins: Iterable[PeerName]) -> None:
        """Have all neighbours told how far some origins are known."""
        self.say_to(self._to_say, origins)

    def say_to(self, neighbours: Iterable[Neighbour], origins: Iterable[PeerName]) -> None:
        """Have some neighbours told how far some origins are known."""
        origins = set(origins)
        self._to_tell = True
        for neighbour in neighbours:
            self._to_say[neighbour] |= origins

    def _haves(self, known: Iterable[tuple[PeerName, Stamp]]) -> Iterator[Have]:
        stamps = sorted(known)
        for start in range(0, len(stamps), MOST_STAMPS):
            yield Have(self.name, tuple(stamps[start : start + MOST_STAMPS]))


def _turn(peer: PeerName, origin: PeerName) -> tuple[bool, PeerName]:
    """Return what orders peers beginning behind an origin, so that not the same ones tell of everybody."""
    return peer <= origin, peer
