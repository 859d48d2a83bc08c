"""Exchanges kept whole, requests and answers, to be replayed without a daemon.

What differs from run to run is replaced by something of the same length, so that frames of streams stay intact: ids,
MAC addresses, times. Secrets are masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from weave_http.engine.wire.contract import Duplex, Request, Response, Transport
from weave_http.operations.frames import Frame
from weave_http.records import dataclass, field
from weave_http.transcript.conversation import OverheardDuplex
from weave_http.transcript.formats import document_of
from weave_http.transcript.masking import masked
from weave_http.transcript.overheard import Overheard
from weave_http.transcript.routes import unversioned

KEPT_HEADERS = ("api-version", "content-type", "ostype")
_BEGIN = r"(?:(?<![0-9a-f])|(?<=[\x01\x02]\0\0\0[\s\S]{4}))"
"""Where an id may begin. The header of a stream's frame ends with a length, which may look like a digit."""
_ID = re.compile(_BEGIN + r"[0-9a-f]{64}(?![0-9a-f])")
_SHORT_ID = re.compile(_BEGIN + r"[0-9a-f]{12}(?![0-9a-f])")
_MAC = re.compile(r"(?<![0-9a-f:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![0-9a-f:])")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_OWN_PORT = re.compile(r"(?<=:)\d{5}(?=->)")
"""The near end's in what Go says of a connection that failed."""


class Recorder(Transport):
    """Passes requests on, and keeps them with their answers.

    Args:
        inner: the transport that does the work.

    Attributes:
        exchanges: what was kept so far.
    """

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.exchanges: list[Kept] = []

    def send(self, request: Request) -> Response:
        """Pass a request on; see `Transport.send`."""
        response = self._inner.send(request)
        kept = Kept(
            request, response.status, {key: response.headers[key] for key in KEPT_HEADERS if key in response.headers}
        )
        self.exchanges.append(kept)
        return Overheard(response, kept.body.extend)

    def hijack(self, request: Request) -> Duplex:
        """Pass a request on; see `Transport.hijack`. Of what is said to the resident executor, the frames are kept."""
        duplex = self._inner.hijack(request)
        kept = Kept(request, duplex.status, {}, frames=[])
        self.exchanges.append(kept)
        return OverheardDuplex(duplex, kept.hear)

    def close(self) -> None:
        """Close the inner transport."""
        self._inner.close()


@dataclass(slots=True)
class Kept:
    """One exchange.

    Args:
        request: what was sent.
        status: HTTP status.
        headers: the answer's, as far as they matter.
        body: what was read of the answer.
        frames: what was said on its connection and which way, if that was taken over.
    """

    request: Request
    status: int
    headers: Mapping[str, str]
    body: bytearray = field(default_factory=bytearray)
    frames: list[Any] | None = None

    def hear(self, way: str, frame: Frame) -> None:
        """Keep a frame, without the id, which is another one each time."""
        assert self.frames is not None
        self.frames.append([way, masked({key: value for key, value in frame.items() if key != "id"})])

    def document(self) -> dict[str, Any]:
        """Return the exchange as a JSON object; bytes that are no text are written as ISO 8859-1."""
        sent = document_of(self.request)
        return {
            "request": {
                "method": self.request.method,
                "path": unversioned(self.request),
                "query": dict(self.request.query),
                "body": masked(sent),
            },
            "answer": {"status": self.status, "headers": dict(self.headers), "body": self._answer()},
        } | ({} if self.frames is None else {"frames": self.frames})

    def _answer(self) -> str:
        """Return the answer's body; one JSON document is written anew if there are secrets in it."""
        text = self.body.decode("latin-1")
        try:
            document = json.loads(self.body)
        except ValueError:
            return text
        shown = masked(document)
        return text if shown == document else json.dumps(shown)


class Normalizer:
    """Replaces what differs from run to run, the same thing always by the same.

    Args:
        names: further texts that differ, as a host's address, and what to write for them; of the same length if they
            occur in what containers write.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)
        self._seen: dict[str, str] = {}

    def document(self, value: Any) -> Any:
        """Return a JSON document normalised: its texts, and not JSON's writing of them, where `\\u0000` has digits."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(key): self.document(each) for key, each in value.items()}
        return [self.document(each) for each in value] if isinstance(value, list) else value

    def text(self, text: str) -> str:
        """Return a text normalised."""
        text = _ID.sub(lambda match: self._id(match[0]), text)
        text = _SHORT_ID.sub(lambda match: self._id(match[0]), text)
        text = _MAC.sub(lambda match: self._mac(match[0]), text)
        text = _TIME.sub("2001-01-01T00:00:00", text)
        text = _OWN_PORT.sub("40000", text)
        for name, shown in self._names.items():
            text = text.replace(name, shown)
        return text

    def _id(self, text: str) -> str:
        """Return what stands for an id; an id of 12 digits is the beginning of one."""
        short = text[:12]
        if text in self._seen.values() or f"{text:0<64}" in self._seen.values():
            return text
        whole = self._seen.setdefault(short, f"{len(self._seen) + 1:012x}".ljust(64, "0"))
        return whole[: len(text)]

    def _mac(self, text: str) -> str:
        if text in self._seen.values():
            return text
        return self._seen.setdefault(text, "02:00:00:00:00:" + f"{len(self._seen) + 1:02x}")
