"""The peers' protocol in bytes. Sans-I/O: bytes in, messages out, or `Malformed`.

A connection opens with a prelude in each direction: the literal `weave-http` and two bytes, the lowest and the highest
protocol version that the sender speaks. After it come frames: four bytes of length, most significant first, and that
many bytes of one msgpack map with the key `t` that names the kind of message. Its other keys are exactly those of its
kind; each value's type, size and range is checked here, so what comes out can be trusted to be well-formed.
Nothing else about it can: it is what a stranger says.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Any

import msgpack

from weave_http.router.dns.register import Change, Name, Update
from weave_http.router.facts import Fact, Stamp
from weave_http.router.identity import is_peer_name
from weave_http.router.topology import Address, Link, PeerFact, PeerInfo

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
CHANGES_PER_MESSAGE = 1024
"""So that a frame of names stays below 400 KB."""

_OWNER = re.compile(r"[A-Za-z0-9:._-]{1,64}")
_HOSTNAME = re.compile(r"[!-~]{1,253}")
_LONGEST_TEXT = 255
_MOST_LINKS = 4096
_HEADER = struct.Struct(">I")


class Malformed(Exception):
    """What a peer sent is not our protocol; the message says what was wrong with it."""


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
        code: why (`weave_http.router.handshake.Refusal`).
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

    stamps: tuple[tuple[str, Stamp], ...]


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
    fields = _map(value)
    kind = _text(fields.pop("t", None))
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
            return {"stamps": [[origin, stamp.uid, stamp.version] for origin, stamp in message.stamps]}
        case Names():
            return {**_pack_update(message.update), "more": message.more}
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


def _pack_update(update: Update) -> dict[str, Any]:
    return {
        "origin": update.origin,
        "uid": update.stamp.uid,
        "version": update.stamp.version,
        "base": update.base,
        "changes": [
            [change.version, change.name.hostname, change.name.address, change.name.owner, change.there]
            for change in update.changes
        ],
    }


def _hello(fields: dict[str, Any]) -> Hello:
    return Hello(
        name=_name(fields.pop("name")),
        nickname=_text(fields.pop("nickname")),
        uid=_number(fields.pop("uid")),
        port=_number(fields.pop("port"), 1, 65535),
        connection=_number(fields.pop("connection")),
    )


def _refuse(fields: dict[str, Any]) -> Refuse:
    return Refuse(_text(fields.pop("code")), _text(fields.pop("reason")))


def _facts(fields: dict[str, Any]) -> Facts:
    peers = _list(fields.pop("peers"), FACTS_PER_MESSAGE)
    return Facts(tuple(_fact(_map(peer)) for peer in peers))


def _fact(fields: dict[str, Any]) -> PeerFact:
    stamp = Stamp(_number(fields.pop("uid")), _number(fields.pop("version")))
    links = tuple(sorted(_link(link) for link in _list(fields.pop("links"), _MOST_LINKS)))
    value = PeerInfo(_text(fields.pop("nickname")), _number(fields.pop("port"), 1, 65535), links)
    fact = Fact(_name(fields.pop("name")), stamp, value)
    if fields:
        raise Malformed(f"a fact with something superfluous: {next(iter(fields))!r}")
    return fact


def _link(value: Any) -> Link:
    peer, ip, port, outbound = _list(value, 4, 4)
    if not isinstance(outbound, bool):
        raise Malformed("a connection without a direction")
    return Link(_name(peer), Address(_ip(ip), _number(port, 1, 65535)), outbound)


def _have(fields: dict[str, Any]) -> Have:
    stamps = [_list(value, 3, 3) for value in _list(fields.pop("stamps"), _MOST_LINKS)]
    return Have(tuple((_name(origin), Stamp(_number(uid), _number(version))) for origin, uid, version in stamps))


def _names(fields: dict[str, Any]) -> Names:
    stamp = Stamp(_number(fields.pop("uid"), 1), _number(fields.pop("version"), 1))
    base = _number(fields.pop("base"), 0, stamp.version - 1)
    changes = []
    before = base
    for value in _list(fields.pop("changes"), CHANGES_PER_MESSAGE):
        version, hostname, address, owner, there = _list(value, 5, 5)
        before = _number(version, before + 1, stamp.version)
        if not isinstance(there, bool):
            raise Malformed("a name without whether it is there")
        name = Name(_matching(_HOSTNAME, hostname), _ip(address), _matching(_OWNER, owner))
        changes.append(Change(before, name, there))
    more = fields.pop("more")
    if not isinstance(more, bool):
        raise Malformed("names without whether there are more")
    return Names(Update(_name(fields.pop("origin")), stamp, base, tuple(changes)), more)


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Malformed("something else where a name or its owner belongs")
    return value


def _map(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise Malformed("something else where a map belongs")
    return value


def _list(value: Any, most: int, least: int = 0) -> list[Any]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise Malformed(f"something else where a list of {least} to {most} belongs")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise Malformed("something else where a printable text belongs")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not is_peer_name(value):
        raise Malformed("something else where a peer name belongs")
    return value


def _number(value: Any, least: int = 0, most: int = 2**63 - 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Malformed(f"something else where a number from {least} to {most} belongs")
    return value


def _ip(value: Any) -> str:
    try:
        return str(IPv4Address(value)) if isinstance(value, str) else _text(None)
    except AddressValueError as error:
        raise Malformed("something else where an IPv4 address belongs") from error


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
    "have": _have,
    "names": _names,
    "goodbye": lambda fields: Goodbye(),
}
