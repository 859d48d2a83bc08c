"""Facts as they are sent: a claim of what somebody says, looked into only if its stamp is later than what is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from weave_http.router.mesh.facts import Fact, Stamp
from weave_http.router.mesh.fields import Fields, Malformed, a_list, a_map, a_peer, a_stamp
from weave_http.router.mesh.identity import PeerName

V = TypeVar("V")
C = TypeVar("C", bound="Claim[Any]")


@dataclass(frozen=True, slots=True)
class Claim(ABC, Generic[V]):
    """A fact as it came.

    Args:
        owner: name of the peer that is said to say it.
        stamp: its version.
        fields: the rest of it.
    """

    owner: PeerName
    stamp: Stamp
    fields: Fields

    @abstractmethod
    def value(self) -> V:
        """Return what the fields say. Raises `Malformed` or `KeyError`."""

    def read(self) -> Fact[V]:
        """Return the fact; raise `Malformed` if it is none."""
        try:
            return Fact(self.owner, self.stamp, self.value())
        except KeyError as error:
            raise Malformed(f"a fact without {error}") from error


def pack_claims(claims: Iterable[Claim[V]]) -> Fields:
    """Return the fields of a message of claims."""
    return {
        "peers": [
            {**each.fields, "name": each.owner, "uid": each.stamp.uid, "version": each.stamp.version} for each in claims
        ]
    }


def read_claims(kind: type[C], fields: Fields, greatest: int, most: int) -> tuple[C, ...]:
    """Return the claims of a message with these fields. Raises `Malformed` or `KeyError`.

    Args:
        kind: what they are.
        fields: as they came.
        greatest: the greatest uid to take.
        most: claims in one message.
    """
    claims = map(a_map, a_list(fields["peers"], most))
    return tuple(kind(a_peer(each["name"]), a_stamp(each["uid"], each["version"], greatest), each) for each in claims)
