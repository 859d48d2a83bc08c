"""The proof of the password on a connection: who says what when.

    dialler                                          listener
    format  number                        →
                                          ←          format  number
    message                               →
                                          ←          message
    confirmation  counts                  →
                                          ←          1  confirmation  counts      or 0: another password

`number` says how many passwords a side knows: one, or after a change two. Unless the first ones are the same, the next
pair is tried, from `message` on. `counts` is 0 for a password that has been changed, and is not taken any more.
"""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import product

from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.handshake import Refusal, Refused
from weave_http.router.secrecy.keyring import Candidate
from weave_http.router.secrecy.proof import CONFIRMATION_SIZE, MESSAGE_SIZE, Proof

FORMAT = 1
"""Of all this."""
MOST_CANDIDATES = 2
ANOTHER = "another password there"
OLD_THERE = "the password was changed, and the other side still has the old one: launch it again with the new one"
OLD_HERE = "the password was changed while this host was away: launch it again with the new one"
_NO, _YES = b"\0", b"\1"
Compute = Callable[[Callable[[], Proof]], Awaitable[Proof]]
"""Runs something that takes a while."""


async def dial(
    reader: StreamReader, writer: StreamWriter, mine: tuple[Candidate, ...], fingerprint: bytes, compute: Compute
) -> None:
    """Return when both sides have proved one password, on a connection that we dialled.

    Args:
        reader: the incoming side.
        writer: the outgoing side.
        mine: the passwords that we know, in the order in which they are tried.
        fingerprint: of the listening side's certificate.
        compute: runs what takes a while.

    Raises:
        Refused: there is none that lets us in.
        OSError, IncompleteReadError, Malformed: it came to nothing.
    """
    writer.write(bytes((FORMAT, len(mine))))
    theirs = await _number(reader)
    for run, (ours, _) in enumerate(_pairs(len(mine), theirs)):
        candidate = mine[ours]
        begin = partial(Proof, candidate.password, dialled=True, fingerprint=fingerprint, run=run)
        proof = await compute(begin)
        writer.write(proof.message)
        await compute(partial(proof.finish, await reader.readexactly(MESSAGE_SIZE)))
        writer.write(proof.confirmation(counts=candidate.counts) + bytes((candidate.counts,)))
        if await reader.readexactly(1) == _YES:
            confirmation, counts = await _confirmation(reader)
            if not proof.confirms(confirmation, counts=counts):
                raise Malformed("a password that is none")
            return _check(candidate.counts, counts)
    raise Refused(Refusal.SECRET, ANOTHER)


async def listen(
    reader: StreamReader,
    writer: StreamWriter,
    mine: tuple[Candidate, ...],
    fingerprint: bytes,
    compute: Compute,
    guess: Callable[[], None],
) -> int:
    """Return, when both sides have proved one password on a connection that somebody else dialled, after how many runs.

    Args:
        reader: as for `dial`, with what follows.
        writer: as for `dial`.
        mine: as for `dial`.
        fingerprint: as for `dial`.
        compute: as for `dial`.
        guess: called before each run; what it raises ends them.

    Raises:
        Refused, OSError, IncompleteReadError, Malformed: as for `dial`.
    """
    theirs = await _number(reader)
    writer.write(bytes((FORMAT, len(mine))))
    for run, (_, ours) in enumerate(_pairs(theirs, len(mine))):
        guess()
        candidate = mine[ours]
        message = await reader.readexactly(MESSAGE_SIZE)
        begin = partial(Proof, candidate.password, dialled=False, fingerprint=fingerprint, run=run)
        proof = await compute(partial(_both, begin, message))
        writer.write(proof.message)
        confirmation, counts = await _confirmation(reader)
        if proof.confirms(confirmation, counts=counts):
            writer.write(_YES + proof.confirmation(counts=candidate.counts) + bytes((candidate.counts,)))
            _check(candidate.counts, counts)
            return run + 1
        writer.write(_NO)
    raise Refused(Refusal.SECRET, ANOTHER)


def _pairs(diallers: int, listeners: int) -> list[tuple[int, int]]:
    """Return which of the dialler's passwords is tried with which of the listener's, in that order."""
    return sorted(product(range(diallers), range(listeners)), key=lambda pair: (sum(pair), pair))


def _both(begin: Callable[[], Proof], message: bytes) -> Proof:
    return begin().finish(message)


async def _number(reader: StreamReader) -> int:
    format_, number = await reader.readexactly(2)
    if format_ != FORMAT or not 1 <= number <= MOST_CANDIDATES:
        raise Malformed("something else where a proof of the password belongs")
    return number


async def _confirmation(reader: StreamReader) -> tuple[bytes, bool]:
    data = await reader.readexactly(CONFIRMATION_SIZE + 1)
    return data[:-1], data[-1:] == _YES


def _check(ours: bool, theirs: bool) -> None:
    """Raise `Refused` if one side takes the password that both have proved for the old one."""
    if not ours or not theirs:
        raise Refused(Refusal.SECRET, OLD_THERE if theirs else OLD_HERE if ours else ANOTHER)
