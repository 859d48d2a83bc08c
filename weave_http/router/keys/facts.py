"""What each peer says of its keys, and how that is packed into messages. Pure."""

from __future__ import annotations

from typing import Any

from weave_http.net.tunnel import DIRECT, Interface
from weave_http.net.wireguard import KEY
from weave_http.records import dataclass
from weave_http.router.mesh import claims
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.fields import Fields, Malformed, a_number
from weave_http.router.mesh.messages import Message

CLAIMS_PER_MESSAGE = 256


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What a peer says.

    Args:
        tunnel: public key of its WireGuard device for hosts that are reached directly, empty if it has none.
        changing: public key that secrets are made with, and that is another one every so often.
        relayed: public key of its device for hosts that are reached over others, empty if it has none.
        family: version of IP that its tunnels go over, 0 for both.
    """

    tunnel: bytes = b""
    changing: bytes = b""
    relayed: bytes = b""
    family: int = 0

    def of(self, interface: Interface) -> bytes:
        """Return the public key of one of the two devices."""
        return self.tunnel if interface is DIRECT else self.relayed


@dataclass(frozen=True, slots=True)
class Claim(claims.Claim[PublicKeys]):
    """What somebody is said to say about its keys, as it came."""

    def value(self, before: PublicKeys | None) -> PublicKeys:
        """Return what the fields say, which is always all. Raises `Malformed` or `KeyError`."""
        tunnel, changing = _key(self.fields["tunnel"]), _key(self.fields["changing"])
        family = a_number(self.fields.get("family", 0))
        if family not in (0, 4, 6):
            raise Malformed("no version of IP")
        return PublicKeys(tunnel, changing, _key(self.fields.get("relayed", b"")), family)


@dataclass(frozen=True, slots=True)
class Keys(Message):
    """What I know about the keys of peers."""

    claims: tuple[Claim, ...]


def claim(fact: Fact[PublicKeys]) -> Claim:
    """Return what a peer says as it is sent."""
    keys = fact.value
    fields: Fields = {"tunnel": keys.tunnel, "changing": keys.changing, "relayed": keys.relayed, "family": keys.family}
    return Claim(fact.owner, fact.stamp, fields)


KIND = claims.kind_of("keys", Keys, Claim, CLAIMS_PER_MESSAGE)
"""The message in which that is sent."""


def _key(value: Any) -> bytes:
    if not isinstance(value, bytes) or len(value) not in (0, KEY):
        raise Malformed("something else where a key belongs")
    return value
