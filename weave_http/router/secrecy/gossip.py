"""The topic of the password: who has changed it to what, and when. It goes over encrypted connections only.

A router says its own password when that came by a change, so that whoever has one from before it hears of it from any
neighbour. The latest change counts.
"""

from __future__ import annotations

from weave_http.errors import UsageError
from weave_http.operations import passwords
from weave_http.records import dataclass, field
from weave_http.router.mesh import claims
from weave_http.router.mesh.fact_topic import FactTopic
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.fields import Fields, Malformed, a_number
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Message

_CLAIMS_PER_MESSAGE = 64


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


class PasswordGossip(FactTopic[Change, Claim]):
    """What all peers say; arguments but for the last as of the base class."""

    name = "password"
    kinds = (claims.kind_of("password", Changes, Claim, _CLAIMS_PER_MESSAGE),)
    message, per_message, largest = Changes, _CLAIMS_PER_MESSAGE, _CLAIMS_PER_MESSAGE

    def __init__(self, name: PeerName, uid: int) -> None:
        super().__init__(name, uid, Change())

    @property
    def said(self) -> list[Change]:
        """The changes that the reachable peers speak of."""
        return [change for change in self.says.values() if change.password]

    def claim(self, fact: Fact[Change], told: Fact[Change] | None) -> Claim:
        """Return a fact as it is sent: each time the whole of it, which is short."""
        return Claim(fact.owner, fact.stamp, _fields(fact.value))


def _fields(change: Change) -> Fields:
    return {"password": change.password, "changed": change.changed, "until": change.until}
