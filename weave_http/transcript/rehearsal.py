"""A command played from beginning to end without a daemon: what it sent and printed, in order.

What is to go wrong can be said, so that it can be seen what the command does then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weave_http.engine.address import Endpoint
from weave_http.engine.wire.contract import Duplex, Request, Response, Transport
from weave_http.errors import WeaveError
from weave_http.operations.frames import Frame
from weave_http.records import dataclass, field
from weave_http.transcript.conversation import OverheardDuplex
from weave_http.transcript.routes import route_of
from weave_http.transcript.standin import DEFAULT_MARKS, Fault, Marks, StandIn


@dataclass(frozen=True, slots=True)
class Sent:
    """What a command sent.

    Args:
        request: the request.
        elsewhere: the daemon that it was for, where that is not the command's own.
        frames: what was said on its connection, if that was taken over, and which way.
    """

    request: Request
    elsewhere: Endpoint | None = None
    frames: list[tuple[str, Frame]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command printed by itself, beside what containers wrote.

    Args:
        stream: 1 for stdout, 2 for stderr.
        text: what was printed.
    """

    stream: int
    text: str


@dataclass(frozen=True, slots=True)
class FileStep:
    """What a command did with a file of the caller's.

    Args:
        action: `reserve`, `fill` or `discard`.
        path: the file's.
        text: what was written.
    """

    action: str
    path: str
    text: str = ""


Event = Sent | Printed | FileStep


class Stage(Transport):
    """Where a command is played: stands for the transport and for both streams.

    Args:
        stand_in: answers the requests.

    Attributes:
        events: requests, outputs and files so far.
        files: stands for the caller's files.
        endpoint: where the requests would have gone.
    """

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self.events: list[Event] = []
        self.endpoint = Endpoint("unix")
        self.stdout = _Sink(self, 1)
        self.stderr = _Sink(self, 2)
        self.files = _Files(self)

    def send(self, request: Request) -> Response:
        """See `Transport.send`."""
        self.events.append(Sent(request))
        return self._stand_in.send(request)

    def beside(self, endpoint: Endpoint) -> Transport:
        """Return the transport to another daemon, which plays along."""
        return _Beside(self, self._stand_in.beside(), endpoint)

    def hijack(self, request: Request) -> Duplex:
        """See `Transport.hijack`."""
        sent = Sent(request)
        self.events.append(sent)
        return OverheardDuplex(self._stand_in.hijack(request), lambda way, frame: sent.frames.append((way, frame)))

    def close(self) -> None:
        """Do nothing: there is no connection."""


@dataclass(frozen=True, slots=True)
class _Beside(Transport):
    stage: Stage
    stand_in: StandIn
    endpoint: Endpoint

    def send(self, request: Request) -> Response:
        self.stage.events.append(Sent(request, self.endpoint))
        return self.stand_in.send(request)

    def hijack(self, request: Request) -> Duplex:
        self.stage.events.append(Sent(request, self.endpoint))
        return self.stand_in.hijack(request)

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Files:
    stage: Stage

    def reserve(self, path: str) -> None:
        self.stage.events.append(FileStep("reserve", path))

    def fill(self, path: str, text: str) -> None:
        self.stage.events.append(FileStep("fill", path, text))

    def discard(self, path: str) -> None:
        self.stage.events.append(FileStep("discard", path))


@dataclass(frozen=True, slots=True)
class _Sink:
    stage: Stage
    stream: int

    def write(self, data: bytes) -> int:
        self.stage.events.append(Printed(self.stream, data.decode()))
        return len(data)

    def flush(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a command went.

    Args:
        events: what was sent, printed, and done with files, in order.
        endpoint: where the requests would have gone.
        error: what it failed with, if it did.
    """

    events: tuple[Event, ...]
    endpoint: Endpoint
    error: WeaveError | None = None

    @property
    def sent(self) -> list[Sent]:
        """What was sent, in order, with where it went."""
        return [event for event in self.events if isinstance(event, Sent)]

    @property
    def requests(self) -> list[Request]:
        """The requests, in order."""
        return [sent.request for sent in self.sent]

    @property
    def elsewhere(self) -> Endpoint | None:
        """The other daemon, if requests were for one."""
        return next((sent.elsewhere for sent in self.sent if sent.elsewhere), None)

    def all_of(self, name: str) -> list[Request]:
        """Return the requests of a route, by its name in Docker's documentation."""
        return [request for request in self.requests if route_of(request).name == name]


Play = Callable[[Stage], object]
"""Runs the command on a stage."""


def rehearse(
    play: Play, api_version: str, faults: Sequence[Fault] = (), *, warn: bool = False, marks: Marks = DEFAULT_MARKS
) -> Rehearsal:
    """Play a command.

    Args:
        play: runs it.
        api_version: the version that the daemon would say.
        faults: what goes wrong.
        warn: let the daemon have a warning about every container that is created, see `StandIn`.
        marks: how ids begin.
    """
    stage = Stage(StandIn(api_version, faults, warn=warn, marks=marks))
    error = None
    try:
        play(stage)
    except WeaveError as failure:
        if not faults:
            raise
        error = failure
    return Rehearsal(tuple(stage.events), stage.endpoint, error)
