"""The topic of the password: who has changed it to what, and when. It goes over encrypted connections only.

A router says its own password when that came by a change, so that whoever has one from before it hears of it from any
neighbour. The latest change counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from weave_http.errors import UsageError
from weave_http.operations import passwords
from weave_http.router.mesh import claims
from weave_http.router.mesh.fact_gossip import FactGossip
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.fields import Fields, Malformed, a_number
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Kind, Message
from weave_http.router.mesh.neighbours import Neighbour, View

MOST_CLAIMS = 1024
"""Facts about third peers that one neighbour may tell."""
_CLAIMS_PER_MESSAGE = 64
_MS = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the password.

    Args:
        password: the new one, empty when there was no change.
        changed: when, in ms since 1970.
        until: to when the one before it is taken, too, in ms since 1970.
    """

    password: str = field(default="", repr=False)
    changed: int = 0
    until: int = 0


@dataclass(frozen=True, slots=True)
class Claim(claims.Claim[Change]):
    """What somebody is said to say, as it came."""

    def value(self, before: Change | None) -> Change:
        """Return what the fields say, which is always all. Raises `Malformed` or `KeyError`."""
        password = self.fields["password"]
        try:
            text = passwords.check(password) if isinstance(password, str) and password else ""
        except UsageError as error:
            raise Malformed("something else where a password belongs") from error
        return Change(text, a_number(self.fields["changed"]), a_number(self.fields["until"]))


@dataclass(frozen=True, slots=True)
class Changes(Message):
    """What I know of changes of the password."""

    claims: tuple[Claim, ...] = field(repr=False)


def _pack(changes: Changes) -> Fields:
    return claims.pack_claims(changes.claims)


def _read(fields: Fields, greatest: int) -> Changes:
    return Changes(claims.read_claims(Claim, fields, greatest, _CLAIMS_PER_MESSAGE))


class PasswordGossip(FactGossip[Change, Claim]):
    """What all peers say.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.

    Attributes:
        changed: called when something may follow from what is known now.
    """

    name = "password"
    holds_hearsay = False
    kinds = (Kind("password", Changes, _read, _pack),)

    def __init__(self, name: PeerName, uid: int) -> None:
        super().__init__(name, uid, Change())
        self.changed: Callable[[], None] = lambda: None

    @property
    def said(self) -> list[Change]:
        """The changes that the reachable peers speak of."""
        return [fact.value for fact in self._facts if fact.owner in self.view.present and fact.value.password]

    def say(self, change: Change) -> bool:
        """Set what this peer says; return whether that is a change."""
        return self._facts.say(change)

    # -- as a topic ------------------------------------------------------------------------------------------

    def size(self, value: Change) -> int:
        """Return how large a fact is: all are alike."""
        return 1

    def has_room(self, neighbour: Neighbour, fact: Fact[Change]) -> bool:
        """Tell whether a neighbour may claim something of a third peer."""
        return self.load(neighbour)[0] < MOST_CLAIMS

    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in what is said; return whether any of it is news. Raises `Malformed`."""
        if not isinstance(message, Changes):
            return False
        news = [self.hear_fact(neighbour, each.owner, each.stamp, each.read, view, now) for each in message.claims]
        if any(news):
            self.changed()
        return any(news)

    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour; it counts as told."""
        batches = self.batches(self.due(neighbour, now), neighbour, _CLAIMS_PER_MESSAGE, _CLAIMS_PER_MESSAGE)
        return [Changes(tuple(batch)) for batch in batches]

    def claim(self, fact: Fact[Change], told: Fact[Change] | None) -> Claim:
        """Return a fact as it is sent: each time the whole of it, which is short."""
        return Claim(fact.owner, fact.stamp, _fields(fact.value))

    def settle(self, view: View, now: float) -> float | None:
        """Conclude anew whose word counts; return when there will be more to conclude."""
        due = super().settle(view, now)
        self.changed()
        return due


def _fields(change: Change) -> Fields:
    return {"password": change.password, "changed": change.changed, "until": change.until}
