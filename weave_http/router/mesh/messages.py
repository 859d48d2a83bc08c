"""The messages that every router understands, and how each kind of message is told apart.

A topic (`weave_http.router.mesh.topic`) adds kinds of its own. Keys that a kind doesn't know are ignored, so a later
version may add some.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weave_http.records import dataclass
from weave_http.router.mesh.facts import Stamp
from weave_http.router.mesh.fields import (
    LONGEST_TEXT,
    Fields,
    a_flag,
    a_list,
    a_number,
    a_peer,
    a_stamp,
    a_text,
)
from weave_http.router.mesh.identity import PeerName

MOST_STAMPS = 1024
"""Stamps in one message."""
_MOST_FEATURES = 64


class Message:
    """Anything that one router says to another."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of message.

    Args:
        name: what the key `t` of such a message holds.
        message: its class.
        parse: makes it of its fields, and the greatest uid to take; raises `Malformed` or `KeyError`.
        pack: makes its fields of it.
    """

    name: str
    message: type[Message]
    parse: Callable[[Fields, int], Message]
    pack: Callable[[Any], Fields]


@dataclass(frozen=True, slots=True)
class Hello(Message):
    """Who I am: the first message in each direction.

    Args:
        name: peer name.
        nickname: for people.
        uid: when this process started, in µs since 1970.
        port: TCP port on which I listen.
        connection: random number that the dialling side gave this connection; the other side repeats it.
        features: what I can do beyond this version of the protocol: the names of my topics, at present.
        clear: whether data between us may be in the clear, as far as I am concerned.
    """

    name: PeerName
    nickname: str
    uid: int
    port: int
    connection: int
    features: tuple[str, ...] = ()
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Accept(Message):
    """I take you as a peer."""


@dataclass(frozen=True, slots=True)
class Refuse(Message):
    """I don't take you as a peer.

    Args:
        code: why (`weave_http.router.mesh.handshake.Refusal`).
        reason: a sentence for people.
    """

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Beat(Message):
    """Heartbeat: that it is taken is acknowledged by the other side's kernel, so it needs no answer."""


@dataclass(frozen=True, slots=True)
class Ping(Message):
    """Asks for a `Pong`."""


@dataclass(frozen=True, slots=True)
class Pong(Message):
    """I am here."""


@dataclass(frozen=True, slots=True)
class Ask(Message):
    """Someone who bears your name wants another connection: is it you?

    Args:
        connection: its number.
        outbound: whether I dialled; then you must have been dialled, and the other way round.
    """

    connection: int
    outbound: bool


@dataclass(frozen=True, slots=True)
class Answer(Message):
    """The answer to `Ask`.

    Args:
        connection: the number that was asked about.
        mine: whether I have a connection of that number to you, or am about to.
    """

    connection: int
    mine: bool


@dataclass(frozen=True, slots=True)
class Have(Message):
    """How far I know a topic; what isn't mentioned is as I said before, at first nothing.

    Args:
        topic: its name.
        stamps: by origin.
    """

    topic: str
    stamps: tuple[tuple[PeerName, Stamp], ...]


@dataclass(frozen=True, slots=True)
class Goodbye(Message):
    """I leave for good: take me out of the data plane now."""


@dataclass(frozen=True, slots=True)
class Unknown(Message):
    """Something that a later version may say.

    Args:
        kind: what it says that it is.
    """

    kind: str


def _hello(fields: Fields, greatest: int) -> Hello:
    return Hello(
        name=a_peer(fields["name"]),
        nickname=a_text(fields["nickname"]),
        uid=a_number(fields["uid"]),
        port=a_number(fields["port"], 1, 65535),
        connection=a_number(fields["connection"]),
        features=tuple(a_text(feature) for feature in a_list(fields.get("features", []), _MOST_FEATURES)),
        clear=a_flag(fields.get("clear", False)),
    )


def _pack_hello(hello: Hello) -> Fields:
    return {
        "name": hello.name,
        "nickname": hello.nickname,
        "uid": hello.uid,
        "port": hello.port,
        "connection": hello.connection,
        "features": list(hello.features),
        "clear": hello.clear,
    }


def _have(fields: Fields, greatest: int) -> Have:
    stamps = [a_list(each, 3, 3) for each in a_list(fields["stamps"], MOST_STAMPS)]
    return Have(
        a_text(fields["topic"]),
        tuple((a_peer(origin), a_stamp(uid, version, greatest)) for origin, uid, version in stamps),
    )


def _bare(name: str, message: type[Message]) -> Kind:
    return Kind(name, message, lambda fields, greatest: message(), lambda message: {})


def _pack_refuse(refuse: Refuse) -> Fields:
    reason = refuse.reason.encode()[:LONGEST_TEXT].decode(errors="ignore")
    return {"code": refuse.code, "reason": reason}


KINDS = (
    Kind("hello", Hello, _hello, _pack_hello),
    _bare("accept", Accept),
    Kind(
        "refuse",
        Refuse,
        lambda fields, greatest: Refuse(a_text(fields["code"]), a_text(fields["reason"])),
        _pack_refuse,
    ),
    _bare("beat", Beat),
    _bare("ping", Ping),
    _bare("pong", Pong),
    Kind(
        "ask",
        Ask,
        lambda fields, greatest: Ask(a_number(fields["connection"]), a_flag(fields["outbound"])),
        lambda ask: {"connection": ask.connection, "outbound": ask.outbound},
    ),
    Kind(
        "answer",
        Answer,
        lambda fields, greatest: Answer(a_number(fields["connection"]), a_flag(fields["mine"])),
        lambda answer: {"connection": answer.connection, "mine": answer.mine},
    ),
    Kind(
        "have",
        Have,
        _have,
        lambda have: {
            "topic": have.topic,
            "stamps": [[origin, stamp.uid, stamp.version] for origin, stamp in have.stamps],
        },
    ),
    _bare("goodbye", Goodbye),
)
"""What every router understands."""
