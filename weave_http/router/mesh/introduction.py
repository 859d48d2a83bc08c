"""The handshake on the wire: who speaks when. What to think of the other side is decided in `handshake`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from secrets import randbits

from weave_http.records import replace
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.handshake import Refusal, Refused, agree
from weave_http.router.mesh.messages import Accept, Hello, Refuse
from weave_http.router.mesh.wire import Wire


async def greet(wire: Wire, ours: Hello, *, outbound: bool, begun: Callable[[int], None]) -> tuple[Hello, int]:
    """Exchange preludes and hellos; return the other side's, whose number is the connection's, and the version.

    Args:
        wire: a new connection.
        ours: who we are; its number is filled in.
        outbound: whether we dialled: then we speak first, and give the number.
        begun: called with the number before the other side can ask about it.

    Raises:
        Refused: no common version, or the other side wants no greeting of ours.
        Malformed, Closed: that was no greeting.
    """
    version = agree(await wire.exchange_preludes(outbound=outbound))
    if outbound:
        ours = replace(ours, connection=randbits(63))
        begun(ours.connection)
        await wire.send([ours])
    theirs = await wire.receive_greeting()
    if isinstance(theirs, Refuse):
        raise _refused(theirs)
    if not isinstance(theirs, Hello) or (outbound and theirs.connection != ours.connection):
        raise Malformed("a handshake without a hello")
    if not outbound:
        begun(theirs.connection)
        await wire.send([replace(ours, connection=theirs.connection)])
    return theirs, version


async def exchange_verdicts(wire: Wire, judge: Callable[[], Awaitable[None]]) -> None:
    """Return when both sides have taken each other as peers.

    Args:
        wire: a connection after its greeting.
        judge: raises `Refused` if we don't.

    Raises:
        Refused: one side does not.
        Malformed, Closed: there came no verdict.
    """
    try:
        await judge()
    except Refused as refused:
        await wire.send([Refuse(refused.code, refused.reason)])
        raise
    await wire.send([Accept()])
    verdict = await wire.receive_greeting()
    if isinstance(verdict, Refuse):
        raise _refused(verdict)
    if not isinstance(verdict, Accept):
        raise Malformed("a handshake without a verdict")


async def turn_away(wire: Wire, refused: Refused) -> None:
    """Tell someone who just dialled that he is refused, before he hears anything else, our name neither.

    Args:
        wire: a new connection, on which he begins with his prelude.
        refused: why, in the words that he reads.

    Raises:
        Malformed, Closed: he speaks another protocol, or left.
    """
    await wire.exchange_preludes(outbound=False)
    await wire.receive_greeting()  # or the kernel would reset the connection, and the reason might be lost
    await wire.send([Refuse(refused.code, refused.reason)])


def _refused(refuse: Refuse) -> Refused:
    code = Refusal(refuse.code) if refuse.code in list(Refusal) else Refusal.OTHER
    return Refused(code, refuse.reason)
