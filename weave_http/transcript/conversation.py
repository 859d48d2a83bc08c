"""Frames between a caller and the resident executor: overheard, shown as lines, and answered without one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from weave_http import __version__, constants
from weave_http.closing import Closing
from weave_http.engine.streams import Demultiplexer
from weave_http.engine.wire.contract import Duplex, Request
from weave_http.operations.frames import Decoder, Frame, encode
from weave_http.transcript.masking import masked, masked_words
from weave_http.transcript.quoting import json_text
from weave_http.transcript.routes import route_of, subject_of

WRITTEN, HEARD = ">", "<"
"""Which way a frame goes, as curl marks it."""

Hear = Callable[[str, Frame], object]
"""Takes a frame and which way it goes."""


def is_resident(request: Request) -> bool:
    """Tell whether a request attaches to the resident executor."""
    return route_of(request).name == "ContainerAttach" and subject_of(request) == constants.RESIDENT_CONTAINER


def frame_text(way: str, frame: Frame, *, show_secrets: bool) -> str:
    """Return a frame as a line, without its id, which is another one each time, and secrets masked."""
    shown: dict[str, Any] = {key: value for key, value in frame.items() if key != "id"}
    if not show_secrets:
        shown = masked(shown)
        if isinstance(call := shown.get("call"), dict) and isinstance(call.get("words"), list):
            shown = {**shown, "call": {**call, "words": masked_words(call["words"])}}
    return f"{way} {json_text(shown)}"


class OverheardDuplex(Closing):
    """Implements `contract.Duplex` over another one, and reports the frames that go over it.

    Args:
        inner: the connection.
        hear: takes each frame once; of those that are heard only the ones for a call that was made here.
    """

    def __init__(self, inner: Duplex, hear: Hear) -> None:
        self._inner = inner
        self._hear = hear
        self._decoders = {WRITTEN: Decoder(), HEARD: Decoder()}
        self._output = Demultiplexer(or_raw=True)
        self._ids: set[str] = set()

    @property
    def status(self) -> int:
        """HTTP status code."""
        return self._inner.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields, names in lower case."""
        return self._inner.headers

    @property
    def unsent(self) -> int:
        """See `Duplex.unsent`."""
        return self._inner.unsent

    def fileno(self) -> int:
        """The connection's descriptor, to wait for."""
        return self._inner.fileno()

    def write(self, data: bytes) -> None:
        """Send bytes, and report the frames in them."""
        self._inner.write(data)
        for frame in self._decoders[WRITTEN].feed(data):
            self._ids.add(frame["id"])
            self._hear(WRITTEN, frame)

    def half_close(self) -> None:
        """Say that nothing more will be written."""
        self._inner.half_close()

    def receive(self) -> bytes | None:
        """Return what has come, and report the frames in it."""
        data = self._inner.receive()
        for _, piece in self._output.feed(data or b"") if self.status < 300 else ():
            for frame in self._decoders[HEARD].feed(piece):
                if frame["id"] in self._ids:
                    self._hear(HEARD, frame)
        return data

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()


class StandInResident(Closing):
    """A resident executor that does nothing, and does it well. Implements `contract.Duplex`."""

    status = 101
    unsent = 0

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._left: deque[bytes] = deque()

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields of the answer."""
        return {"connection": "Upgrade", "upgrade": "tcp"}

    def fileno(self) -> int:
        """There is none: nobody has to wait."""
        return -1

    def write(self, data: bytes) -> None:
        """Answer frames as a resident does on a good day."""
        for frame in self._decoder.feed(data):
            if "call" in frame:
                self._say(frame["id"], ready={"version": __version__, "image": frame["call"]["image"]})
            elif "go" in frame:
                self._say(frame["id"], end=0)

    def _say(self, identity: str, **values: Any) -> None:
        data = encode({"id": identity, **values})
        self._left.append(bytes((1, 0, 0, 0)) + len(data).to_bytes(4, "big") + data)

    def half_close(self) -> None:
        """Do nothing."""

    def receive(self) -> bytes:
        """Return what there is."""
        return self._left.popleft() if self._left else b""

    def close(self) -> None:
        """Do nothing: there is no connection."""
