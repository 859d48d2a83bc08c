"""The peers' protocol in bytes. Sans-I/O: bytes in, messages out, or `Malformed`.

A connection opens with a prelude in each direction: the literal `weave-http` and two bytes, the lowest and the highest
protocol version that the sender speaks. After it come frames: four bytes of length, most significant first, and that
many bytes of one msgpack map with the key `t` that names the kind of message. Its other keys are exactly those of its
kind; each value's type, size and range is checked here, so what comes out can be trusted to be well-formed.
Nothing else about it can: it is what a stranger says.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgpack

from weave_http.router.mesh.facts import Fact, Stamp
from weave_http.router.mesh.fields import Malformed as Malformed
from weave_http.router.mesh.fields import a_flag, a_list, a_map, a_number, a_peer, a_text, an_ip
from weave_http.router.mesh.topology import Address, Link, PeerFact, PeerInfo
from weave_http.router.names.packing import Stamps, pack_stamps, pack_update, read_stamps, take_update
from weave_http.router.names.register import Update

MAGIC = b"weave-http"
PRELUDE_SIZE = len(MAGIC) + 2
ORIGINAL_MAGIC = b"weave"
ORIGINAL_PRELUDE_SIZE = len(ORIGINAL_MAGIC) + 2
"""An original Weave router sends so many bytes and then waits for the other side's."""
VERSIONS = (1, 1)
"""Lowest and highest protocol version spoken here."""
HEADER_SIZE = 4
HANDSHAKE_LIMIT = 64 * 1024
"""Most bytes of a frame from a peer that has not been accepted yet."""
LIMIT = 4 * 1024 * 1024
"""Most bytes of any other frame."""
FACTS_PER_MESSAGE = 16
"""So that a frame of facts stays well below the limit and doesn't hold up a heartbeat."""
_LONGEST_TEXT = 255
_MOST_LINKS = 4096
_HEADER = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Hello:
    """Who I am: the first message in each direction.

    Args:
        name: peer name.
        nickname: for people.
        uid: when this process started, in µs since 1970.
        port: TCP port on which I listen.
        connection: random number that the dialling side gave this connection; the other side repeats it.
    """

    name: str
    nickname: str
    uid: int
    port: int
    connection: int


@dataclass(frozen=True, slots=True)
class Accept:
    """I take you as a peer."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """I don't take you as a peer.

    Args:
        code: why (`weave_http.router.mesh.handshake.Refusal`).
        reason: a sentence for people.
    """

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Heartbeat; also asks for a `Pong`."""


@dataclass(frozen=True, slots=True)
class Pong:
    """I am here."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What I know about peers."""

    facts: tuple[PeerFact, ...]


@dataclass(frozen=True, slots=True)
class Have:
    """How far I know the names of peers; what isn't mentioned is as I said before, at first nothing.

    Args:
        stamps: by origin.
    """

    stamps: Stamps


@dataclass(frozen=True, slots=True)
class Names:
    """What I know about the names of a peer.

    Args:
        update: it, or a part of it.
        more: whether the next message of this kind goes on with its changes.
    """

    update: Update
    more: bool = False


@dataclass(frozen=True, slots=True)
class Goodbye:
    """I leave for good: take me out of the data plane now."""


Message = Hello | Accept | Refuse | Ping | Pong | Facts | Have | Names | Goodbye


def prelude(versions: tuple[int, int] = VERSIONS) -> bytes:
    """Return what is sent before anything else."""
    return MAGIC + bytes(versions)


def check_prelude(data: bytes) -> None:
    """Look at the beginning of a prelude, `ORIGINAL_PRELUDE_SIZE` bytes or more.

    Raises:
        Malformed: whatever follows, it is none of ours.
    """
    if data[: len(MAGIC)] == MAGIC[: len(data)]:
        return
    if data.startswith(ORIGINAL_MAGIC):
        raise Malformed("the other side is an original Weave router, which speaks another protocol")
    raise Malformed("the other side does not speak the weave-http protocol")


def read_prelude(data: bytes) -> tuple[int, int]:
    """Return the lowest and the highest version of a prelude of `PRELUDE_SIZE` bytes.

    Raises:
        Malformed: it is something else.
    """
    check_prelude(data)
    low, high = data[len(MAGIC) :]
    if low > high:
        raise Malformed("the other side speaks no version of the protocol at all")
    return low, high


def frame_size(header: bytes, limit: int = LIMIT) -> int:
    """Return how many bytes follow a frame's four bytes of length.

    Raises:
        Malformed: none, or more than the limit.
    """
    (size,) = _HEADER.unpack(header)
    if not 0 < size <= limit:
        raise Malformed(f"a frame of {size} bytes, of 1 to {limit} that are allowed")
    return int(size)


def encode(message: Message) -> bytes:
    """Return a message as a frame."""
    payload: bytes = msgpack.packb({"t": _KINDS[type(message)], **_fields(message)})
    return _HEADER.pack(len(payload)) + payload


def decode(payload: bytes) -> Message:
    """Return the message in a frame (its length apart).

    Raises:
        Malformed: no map, unknown kind, missing or superfluous keys, or a value out of bounds.
    """
    try:
        value = msgpack.unpackb(
            payload,
            max_str_len=_LONGEST_TEXT,
            max_bin_len=0,
            max_ext_len=0,
            max_array_len=_MOST_LINKS,
            max_map_len=16,
        )
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise Malformed(f"no message: {error}") from error
    fields = a_map(value)
    kind = a_text(fields.pop("t", None))
    parse = _PARSERS.get(kind)
    if parse is None:
        raise Malformed(f"an unknown kind of message: {kind!r}")
    try:
        message = parse(fields)
    except KeyError as error:
        raise Malformed(f"a message {kind} without {error}") from error
    if fields:
        raise Malformed(f"a message {kind} with something superfluous: {next(iter(fields))!r}")
    return message


def _fields(message: Message) -> dict[str, Any]:
    match message:
        case Hello():
            return {
                "name": message.name,
                "nickname": message.nickname,
                "uid": message.uid,
                "port": message.port,
                "connection": message.connection,
            }
        case Refuse():
            reason = message.reason.encode()[:_LONGEST_TEXT].decode(errors="ignore")
            return {"code": message.code, "reason": reason}
        case Facts():
            return {"peers": [_pack_fact(fact) for fact in message.facts]}
        case Have():
            return {"stamps": pack_stamps(message.stamps)}
        case Names():
            return {**pack_update(message.update), "more": message.more}
        case _:
            return {}


def _pack_fact(fact: PeerFact) -> dict[str, Any]:
    return {
        "name": fact.owner,
        "uid": fact.stamp.uid,
        "version": fact.stamp.version,
        "nickname": fact.value.nickname,
        "port": fact.value.port,
        "links": [[link.peer, link.address.ip, link.address.port, link.outbound] for link in fact.value.links],
    }


def _hello(fields: dict[str, Any]) -> Hello:
    return Hello(
        name=a_peer(fields.pop("name")),
        nickname=a_text(fields.pop("nickname")),
        uid=a_number(fields.pop("uid")),
        port=a_number(fields.pop("port"), 1, 65535),
        connection=a_number(fields.pop("connection")),
    )


def _refuse(fields: dict[str, Any]) -> Refuse:
    return Refuse(a_text(fields.pop("code")), a_text(fields.pop("reason")))


def _facts(fields: dict[str, Any]) -> Facts:
    peers = a_list(fields.pop("peers"), FACTS_PER_MESSAGE)
    return Facts(tuple(_fact(a_map(peer)) for peer in peers))


def _fact(fields: dict[str, Any]) -> PeerFact:
    stamp = Stamp(a_number(fields.pop("uid")), a_number(fields.pop("version")))
    links = tuple(sorted(_link(link) for link in a_list(fields.pop("links"), _MOST_LINKS)))
    value = PeerInfo(a_text(fields.pop("nickname")), a_number(fields.pop("port"), 1, 65535), links)
    fact = Fact(a_peer(fields.pop("name")), stamp, value)
    if fields:
        raise Malformed(f"a fact with something superfluous: {next(iter(fields))!r}")
    return fact


def _link(value: Any) -> Link:
    peer, ip, port, outbound = a_list(value, 4, 4)
    return Link(a_peer(peer), Address(an_ip(ip), a_number(port, 1, 65535)), a_flag(outbound))


_KINDS: Mapping[type[Message], str] = {
    Hello: "hello",
    Accept: "accept",
    Refuse: "refuse",
    Ping: "ping",
    Pong: "pong",
    Facts: "facts",
    Have: "have",
    Names: "names",
    Goodbye: "goodbye",
}
_PARSERS: Mapping[str, Callable[[dict[str, Any]], Message]] = {
    "hello": _hello,
    "accept": lambda fields: Accept(),
    "refuse": _refuse,
    "ping": lambda fields: Ping(),
    "pong": lambda fields: Pong(),
    "facts": _facts,
    "have": lambda fields: Have(read_stamps(fields.pop("stamps"))),
    "names": lambda fields: Names(take_update(fields), a_flag(fields.pop("more"))),
    "goodbye": lambda fields: Goodbye(),
}
