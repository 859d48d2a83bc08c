"""A resident executor in a fake engine: it speaks frames, and does what it is told to by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.fake_engine import FakeContainer, FakeEngine, Run
from weave_http import __version__, constants
from weave_http.operations.frames import Decoder, Frame, encode, said
from weave_http.records import dataclass, field

Work = Callable[[list[str]], Run]
"""What it says to the words of an operation, and the exit code."""


@dataclass
class FakeResident:
    """See `add`.

    Attributes:
        heard: the frames it was sent.
        ends_at: it ends when it hears this (a frame's key); empty for never.
        silent_at: it says nothing more from there on.
    """

    work: Work = lambda words: Run()
    version: str = __version__
    image: str = constants.DEFAULT_IMAGE
    ends_at: str = ""
    silent_at: str = ""
    heard: list[Frame] = field(default_factory=list)

    def answer(self, decoder: Decoder, container: FakeContainer, data: bytes) -> Iterator[tuple[int, bytes]]:
        for frame in decoder.feed(data):
            self.heard.append(frame)
            if self.silent_at in frame:
                return
            if self.ends_at in frame:
                container.exited.set()
                return
            for piece in self._said(frame):
                yield 1, piece

    def _said(self, frame: Frame) -> Iterator[bytes]:
        identity = frame["id"]
        if "call" in frame:
            yield encode({"id": "0" * 16, "said": [1, "of another call"]})
            yield encode({"id": identity, "ready": {"version": self.version, "image": self.image}})
        elif "go" in frame:
            calls = (each["call"] for each in self.heard if each["id"] == identity and "call" in each)
            run = self.work(next(calls)["words"])
            yield b"torn " + encode({"id": identity, "end": 99})[1:]
            for stream, data in run.output:
                yield from said(identity, stream, data)
            yield encode({"id": identity, "end": run.code})


def add(fake: FakeEngine, **what: Any) -> FakeResident:
    """Have a fake engine run a resident executor; it is its only caller's."""
    resident = FakeResident(**what)
    container = FakeContainer("e" * 64, constants.RESIDENT_CONTAINER, {"Image": resident.image}, status="running")
    fake.containers[container.id] = container
    decoder = Decoder()

    def answer(data: bytes) -> Iterator[tuple[int, bytes]]:
        return resident.answer(decoder, container, data)

    def serve() -> None:
        while not fake.closing.is_set():
            for stream, data in answer(container.stdin.get()):
                fake._write(container, stream, data)

    fake.spawn(serve)
    return resident
