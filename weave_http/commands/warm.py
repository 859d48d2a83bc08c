"""The warm way of an operation: the resident executor does it, a container that runs already on the Docker host.

One call: attach to its stdin and stdout (`POST /containers/weave-exec/attach`), and then frames both ways on that
connection (`weave_http.operations.frames`). A call is announced; once the resident has answered, it is begun by `go`.
Whatever is amiss before that, nothing is begun, and the cold way is open: a container of its own (`executor`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from weave_http import __version__, constants
from weave_http.commands.caller import Caller
from weave_http.commands.signals import Interrupted, Repeating
from weave_http.engine.errors import APIError, NotFound, ProtocolError, StreamError, TimedOut, TransportError
from weave_http.engine.interactive import Session
from weave_http.errors import EngineError
from weave_http.operations import frames
from weave_http.operations.frames import Frame
from weave_http.printable import is_text

READY_SECONDS = 1.0
"""How long the resident may take to answer. One that is paused, or hears only parts of what is said, never does."""
SILENT_SECONDS = 30.0
"""How long it may be silent about what it does; it says every five seconds that it is at work."""


class ResidentLost(EngineError):
    """The resident executor can't be heard any more, and an operation was begun.

    Args:
        name: of the operation.
        where: the daemon.
        why: what happened.
    """

    def __init__(self, name: str, where: str, why: str) -> None:
        super().__init__(
            f"lost the resident executor on {where} ({why}): it is unknown whether {name} was done",
            hint="do it again, which is safe: twice has the effect of once",
        )


def execute_warm(caller: Caller, words: Sequence[str]) -> int | None:
    """Have the resident executor do what words say, pass its output on, and return the exit code.

    Args:
        caller: engine, streams and environment.
        words: name and arguments of an operation; others who are attached see them.

    Returns:
        None if nothing was begun: there is no resident, or none of the caller's image, or it does not answer, or it
        can't be told what is wanted.

    Raises:
        ResidentLost: it was begun, and nobody knows how it went.
        EngineError: the daemon can't be reached.
        Interrupted: a signal came.
    """
    identity = os.urandom(8).hex()
    call = _call(caller, identity, words)
    if call is None:
        return None
    try:
        session = caller.engine.containers.attach(constants.RESIDENT_CONTAINER, stdin=True, tty=None, any_version=True)
    except (APIError, ProtocolError, TimedOut) as error:
        if isinstance(error, APIError) and not isinstance(error, NotFound):
            _revive(caller)
        return None
    with session:
        heard = _heard(session, identity)
        try:
            session.limit(READY_SECONDS)
            session.write(call)
            ready = next(heard, {}).get("ready")
        except (StreamError, TransportError):
            _revive(caller)
            return None
        # Podman calls an image so that was loaded without a registry's name.
        images = (caller.image, f"localhost/{caller.image}")
        if ready not in [{"version": __version__, "image": image} for image in images]:
            return None
        code = _code(caller, session, heard, identity, words[0])
    if caller.signals.waiting and code == 0:
        raise Interrupted(caller.signals.waiting)
    return code


def _revive(caller: Caller) -> None:
    """Start a resident that says nothing, or can't be attached to, on Podman, for those who come later.

    Who attaches to a container there that has just ended has it made ready; then its restart policy starts it no more.
    One that is killed while it is made ready can't even be started before it is stopped.
    """
    containers, name = caller.engine.containers, constants.RESIDENT_CONTAINER
    with suppress(EngineError):
        if not caller.engine.is_podman:
            return
        try:
            containers.start(name)
        except APIError:
            if not containers.inspect(name)["State"]["Running"]:
                containers.stop(name, timeout=0)
                containers.start(name)


def _call(caller: Caller, identity: str, words: Sequence[str]) -> bytes | None:
    """Return the frame that announces a call; None where it can't be said so."""
    environ = caller.environ
    if environ.get("PROCFS", constants.PROCFS) != constants.PROCFS:
        return None  # the resident has the host's usual one
    told = [name for name in constants.FORWARDED_VARIABLES if name not in constants.CONFIDENTIAL_VARIABLES]
    given = {name: environ[name] for name in told if name in environ}
    if not all(map(is_text, (*words, *given.values()))):
        return None
    try:
        return frames.encode({"id": identity, "call": {"words": list(words), "env": given, "image": caller.image}})
    except ValueError:
        return None  # too long for one


def _heard(session: Session, identity: str) -> Iterator[Frame]:
    """Yield the frames that are for one call."""
    decoder = frames.Decoder(identity)
    for stream, data in session:
        if stream == 1:
            yield from (frame for frame in decoder.feed(data) if frame["id"] == identity)


def _code(caller: Caller, session: Session, heard: Iterator[Frame], identity: str, name: str) -> int:
    """Begin a call that was announced, pass its output on, and return its exit code. Raises `ResidentLost`."""
    why = "it ended"
    with _signals(caller, session, identity):
        caller.signals.check()  # one may have been delivered before
        try:
            session.write(frames.encode({"id": identity, "go": True}))
            session.limit(SILENT_SECONDS)
            for frame in heard:
                session.limit(SILENT_SECONDS)
                if "said" in frame:
                    caller.write(*frames.written(frame))
                elif "end" in frame:
                    return int(frame["end"])
        except (StreamError, TransportError, ValueError) as error:
            why = str(error)
    raise ResidentLost(name, caller.engine.where, why)


@contextmanager
def _signals(caller: Caller, session: Session, identity: str) -> Iterator[None]:
    """Hand signals on to an operation for a while; they go the same way as everything else that is said."""
    reading, writing = os.pipe()
    try:
        session.feed_from(reading)

        def send(number: int) -> None:
            with suppress(OSError):
                os.write(writing, frames.encode({"id": identity, "signal": number}))

        with caller.signals.under(Repeating(send)):
            yield
    finally:
        os.close(writing)
        os.close(reading)
