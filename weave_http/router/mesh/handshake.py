"""Who is taken as a peer. Sans-I/O: what both sides said in, a verdict out.

The dialling side sends prelude and hello, the other side answers with its own; then each judges the other and says so.
A connection is established when both accepted. Two routers may dial each other at once: of several connections
between the same two processes the one with the lowest number survives, and because both sides go by that, exactly one
does. Anyone can say that he is such a process, though. So an established connection gives way only when the peer says,
on that connection, that the other one is its own, too, or when it gives no sign of life: it may be one that nobody
noticed to be dead yet, after a host lost its power.
"""

from __future__ import annotations

from enum import StrEnum

from weave_http.records import dataclass
from weave_http.router.mesh.codec import VERSIONS
from weave_http.router.mesh.facts import greatest_uid
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Hello


class Refusal(StrEnum):
    """Why a connection is not taken."""

    SELF = "self"
    NAME = "name"
    VERSION = "version"
    LIMIT = "limit"
    DUPLICATE = "duplicate"
    HOST = "host"
    CLOCK = "clock"
    SECRET = "secret"  # noqa: S105 (the reason of a refusal)
    OTHER = "other"

    @property
    def lasting(self) -> bool:
        """Whether dialling that address again soon is pointless."""
        return self not in {Refusal.LIMIT, Refusal.DUPLICATE, Refusal.OTHER}


class Refused(Exception):
    """The connection is not taken, by this side or by the other one.

    Args:
        code: why.
        reason: a sentence for people; `weave status connections` shows it.
    """

    def __init__(self, code: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.peer: PeerName | None = None
        """Who is at the other end, if that is known."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another connection to a peer of the same name.

    Args:
        hello: what that peer said there.
        number: of that connection.
        established: whether its handshake is over.
    """

    hello: Hello
    number: int
    established: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """The connection is refused if the rival turns out to be alive, and taken if not.

    Args:
        rival: an established connection.
        refused: what to raise.
        unless_confirmed: take it also when the peer says on the rival that this connection is its own, too.
    """

    rival: Rival
    refused: Refused
    unless_confirmed: bool = False


def agree(theirs: tuple[int, int], ours: tuple[int, int] = VERSIONS) -> int:
    """Return the highest protocol version that both sides speak.

    Raises:
        Refused: there is none.
    """
    version = min(theirs[1], ours[1])
    if version < max(theirs[0], ours[0]):
        spoken = f"they speak {theirs[0]} to {theirs[1]}, we {ours[0]} to {ours[1]}"
        raise Refused(Refusal.VERSION, f"incompatible protocol versions: {spoken}")
    return version


def judge(ours: Hello, theirs: Hello, rivals: list[Rival], *, full: bool, limit: int) -> Doubt | None:
    """Decide about a connection; return None when it is taken, superseding its rivals.

    Args:
        ours: what we said.
        theirs: what the other side said.
        rivals: the other connections to peers of that name.
        full: whether there are as many connections as there may be.
        limit: how many there may be.

    Raises:
        Refused: it is not taken.
    """
    who = f"{theirs.name}({theirs.nickname})"
    if theirs.name == ours.name:
        if theirs.uid == ours.uid:
            raise Refused(Refusal.SELF, "cannot connect to ourself")
        raise Refused(Refusal.NAME, same_name(theirs.nickname, ours.nickname, ours.name))
    if not rivals:
        if full:
            raise Refused(Refusal.LIMIT, f"{ours.nickname} has reached its connection limit of {limit}")
        return None
    rival = min(rivals, key=lambda rival: rival.number)
    multiple = Refused(Refusal.DUPLICATE, f"multiple connections to {who}")
    if not rival.established:
        if rival.hello.uid == theirs.uid and theirs.connection < rival.number:
            return None
        raise multiple
    if rival.hello.uid != theirs.uid:
        both = same_name(theirs.nickname, rival.hello.nickname, theirs.name)
        return Doubt(rival, Refused(Refusal.NAME, both))
    return Doubt(rival, multiple, unless_confirmed=theirs.connection < rival.number)


def check_clock(ours: Hello, theirs: Hello, now: float) -> None:
    """Refuse a peer whose process began so far in the future that nobody would take what it says.

    Args:
        ours: what we said.
        theirs: what the other side said.
        now: the time, in seconds since 1970.

    Raises:
        Refused: its clock, or ours, is wrong.
    """
    if theirs.uid > greatest_uid(now):
        days = f"{(theirs.uid - now * 1e6) / 86_400e6:.0f} days"
        raise Refused(
            Refusal.CLOCK, f"the clock of {theirs.nickname} is {days} ahead of that of {ours.nickname}: set them right"
        )


def same_name(one: str, other: str, name: str) -> str:
    """Return what to say of two hosts with one name, and what helps."""
    cure = "if one is a copy of the other, 'weave reset' on it and launch it again"
    return f"{one} and {other} have the same peer name: {name}; {cure}"
