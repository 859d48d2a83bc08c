"""Facts as they are sent: a claim of what somebody says, looked into only if its stamp is later than what is known.

Most facts are long lists of what somebody says of each peer, of which one entry changes. So only what is told first on
a connection is told whole, and after it what changed *since* the version that was told there before. The other side
takes the changes if what it knows is that very version, and from that very neighbour; if not, it says how far it knows,
and is told the whole again. So what comes of changes is never anything else than what would have come of the whole.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from weave_http.records import dataclass
from weave_http.router.mesh.facts import GREATEST_VERSION, Fact, Stamp
from weave_http.router.mesh.fields import Fields, Malformed, a_list, a_map, a_number, a_peer, a_stamp
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Kind

V = TypeVar("V")
E = TypeVar("E")
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
    def value(self, before: V | None) -> V:
        """Return what the fields say. Raises `Malformed` or `KeyError`.

        Args:
            before: what they change; None if they say all.
        """

    def read(self, before: Fact[V] | None = None) -> Fact[V] | None:
        """Return the fact; None if it changes something else than what is known. Raises `Malformed` if it is none.

        Args:
            before: what is known from the same neighbour.
        """
        try:
            if self.fields.get("since") is None:
                return Fact(self.owner, self.stamp, self.value(None))
            since = Stamp(self.stamp.uid, a_number(self.fields["since"], 0, GREATEST_VERSION))
            if before is None or before.stamp != since:
                return None
            return Fact(self.owner, self.stamp, self.value(before.value))
        except KeyError as error:
            raise Malformed(f"a fact without {error}") from error


def since(before: Fact[V] | None, after: Fact[V]) -> Fact[V] | None:
    """Return the fact that was told before, if what comes after it can be told as its changes."""
    return before if before is not None and before.stamp.uid == after.stamp.uid else None


def changes(before: Mapping[PeerName, E], after: Mapping[PeerName, E]) -> tuple[list[PeerName], list[PeerName]]:
    """Return for which peers there is another entry than before, and for which there is none any more."""
    others = [peer for peer, entry in after.items() if peer not in before or before[peer] != entry]
    return others, [peer for peer in before if peer not in after]


def changed(
    before: Mapping[PeerName, E], entries: Iterable[tuple[PeerName, E]], gone: Any, most: int
) -> dict[PeerName, E]:
    """Return what comes of entries by peer. Raises `Malformed`.

    Args:
        before: the entries that there were.
        entries: those that are new or others now.
        gone: the names of the peers for which there is none any more, as they came.
        most: entries that there may be.
    """
    after = dict(before)
    for peer in a_list(gone, most):
        after.pop(a_peer(peer), None)
    after.update(entries)
    if len(after) > most:
        raise Malformed(f"a fact of more than {most} entries")
    return after


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


def kind_of(name: str, message: type[Any], claim: type[Claim[Any]], most: int) -> Kind:
    """Return the kind of message that is claims and nothing else.

    Args:
        name: what the key `t` of such a message holds.
        message: makes one of claims; it has them as `claims`.
        claim: what they are.
        most: claims in one message.
    """
    return Kind(
        name,
        message,
        lambda fields, greatest: message(read_claims(claim, fields, greatest, most)),
        lambda said: pack_claims(said.claims),
    )
