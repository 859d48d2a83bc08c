"""Output of a container and its exit status: streams that are opened before `start` and read afterwards."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weave_http.closing import Closing
from weave_http.engine.error_bodies import shorten
from weave_http.engine.errors import StreamError
from weave_http.engine.streams import STDOUT, Demultiplexer
from weave_http.engine.wire.base import Response

MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream"
_CONTENT_TYPE_SINCE = (1, 42)
"""Older daemons call a multiplexed stream raw as well, so that their word counts for nothing."""


def is_raw(content_type: str, version: tuple[int, int], *, tty: bool) -> bool:
    """Tell whether a stream of output is raw (a terminal's) or multiplexed.

    Args:
        content_type: of the answer.
        version: the API version in use.
        tty: whether the container has a terminal, as the caller knows; it decides where the daemon does not say.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if version >= _CONTENT_TYPE_SINCE and kind == MULTIPLEXED_STREAM:
        return False
    # Engines call an attach that was not upgraded raw, whatever it is (seen on 26.1).
    return tty


class Output(Closing):
    """What a container writes: iterate over (stream, bytes), stream being 1 for stdout and 2 for stderr.

    Args:
        raw: a terminal's output: all of it is stream 1.
    """

    def __init__(self, *, raw: bool) -> None:
        self._demultiplexer = None if raw else Demultiplexer()
        self._ready: deque[tuple[int, bytes]] = deque()

    @abstractmethod
    def _next_chunk(self) -> bytes:
        """Wait for bytes and return them; none at the end."""

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return self

    def __next__(self) -> tuple[int, bytes]:
        """Return the next piece of output.

        Raises:
            StreamError: the stream is broken, or the daemon reports a failure in it.
            TransportError: the connection broke off.
        """
        while not self._ready:
            chunk = self._next_chunk()
            if self._demultiplexer is None:
                if not chunk:
                    raise StopIteration
                return STDOUT, chunk
            if not chunk:
                self._demultiplexer.finish()
                raise StopIteration
            self._ready.extend(self._demultiplexer.feed(chunk))
        return self._ready.popleft()


class AttachedOutput(Output):
    """The output of a container that is only listened to.

    Args:
        response: the answer to attach or logs.
        raw: a terminal's output: all of it is stream 1.
    """

    def __init__(self, response: Response, *, raw: bool) -> None:
        super().__init__(raw=raw)
        self._response = response
        self._chunks = response.chunks()

    def _next_chunk(self) -> bytes:
        return next(self._chunks, b"")

    def close(self) -> None:
        """Stop listening; the container goes on."""
        self._response.close()


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a container ended.

    Args:
        code: its exit code.
        error: what the daemon adds about a failed wait, as a rule empty.
    """

    code: int
    error: str = ""


class Waiter(Closing):
    """A wait that is under way; `result` returns when the container has done what was waited for."""

    def __init__(self, response: Response, reference: str) -> None:
        self._response = response
        self._reference = reference

    def result(self) -> ExitStatus:
        """Return the exit status, once there is one.

        Raises:
            StreamError: the answer is not a status; what came instead is in the message.
            TransportError: the connection broke off.
        """
        body = self._response.read()
        try:
            value = json.loads(body)
            code = value["StatusCode"]
            error = value.get("Error") or {}
            return ExitStatus(int(code), str(error.get("Message", "")))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as problem:
            # A proxy that cuts a long wait appends its own words.
            said = shorten(body.decode(errors="replace"), 120)
            raise StreamError(f"the wait for {self._reference} ended without an exit code: {said!r}") from problem

    def close(self) -> None:
        """Stop waiting."""
        self._response.close()


class Waits(Closing):
    """Waits for several containers, all under way."""

    def __init__(self, waiters: Sequence[Waiter]) -> None:
        self._waiters = waiters

    def results(self) -> list[ExitStatus]:
        """Return the exit statuses in the order of the containers, once all have one.

        Raises:
            StreamError, TransportError: as `Waiter.result`.
        """
        return [waiter.result() for waiter in self._waiters]

    def close(self) -> None:
        """Stop waiting."""
        for waiter in self._waiters:
            waiter.close()
