"""A transport that answers every call as a daemon would on a good day, without one.

With it a dry run walks the whole way of a command. The stand-ins are well-formed: a created container has an id,
a wait ends with code 0, streams are empty.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weave_http import constants
from weave_http.closing import Closing
from weave_http.engine.wire.base import Request

IMAGE_DIGITS = re.compile(r"1a6e(\d{6})00")
"""The first 12 digits of the ids of the stand-in's images; the group is the number."""


def container_id(number: int) -> str:
    """Return the id that the stand-in gives to the first, second, … container that it is told to create."""
    return f"c0ffee{number:06}".ljust(64, "0")


def image(number: int) -> dict[str, Any]:
    """Return what the stand-in says of the first, second, … image that is looked at.

    Its words are placeholders: they say where a real image's go.
    """
    return {
        "Id": "sha256:" + f"1a6e{number:06}".ljust(64, "0"),
        "Config": {
            "Entrypoint": [f"<entrypoint of image {number}>"],
            "Cmd": [f"<command of image {number}>"],
            "Labels": {constants.WAITER_LABEL: constants.WAITER},
        },
    }


@dataclass(frozen=True, slots=True)
class Canned(Closing):
    """An answer that was there before the question."""

    status: int
    body: bytes
    content_type: str = "application/json"

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields of the answer."""
        return {"content-type": self.content_type, "content-length": str(len(self.body))}

    def chunks(self) -> Iterator[bytes]:
        """Yield the body."""
        if self.body:
            yield self.body

    def read(self) -> bytes:
        """Return the body."""
        return self.body

    def close(self) -> None:
        """Do nothing: there is no connection."""


def _json(status: int, document: Any) -> Canned:
    return Canned(status, json.dumps(document).encode())


EMPTY = Canned(204, b"")
RAW_STREAM = Canned(200, b"", "application/vnd.docker.raw-stream")

ROUTES: tuple[tuple[str, str, Canned], ...] = (
    ("POST", r"/containers/[^/]+/attach", RAW_STREAM),
    ("POST", r"/containers/[^/]+/wait", _json(200, {"StatusCode": 0})),
    ("POST", r"/containers/[^/]+/(start|stop|kill|restart|resize)", EMPTY),
    ("DELETE", r"/containers/[^/]+", EMPTY),
    ("POST", r"/images/(create|load)", Canned(200, b"")),
    ("GET", r"/images/get", Canned(200, b"", "application/x-tar")),
)
"""Method, path without its version, answer."""

_FIRST_OTHER_IMAGE = 1001


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that is not what a good day brings.

    Args:
        method: of the requests it is for.
        path: regular expression of their path without its version.
        nth: which of them it is for, from 1 on; 0 for all.
        answer: what is answered.
    """

    method: str
    path: str
    nth: int
    answer: Canned


def answered(method: str, path: str, nth: int, document: Any) -> Fault:
    """Return the fault that a daemon answers a request with another document."""
    return Fault(method, path, nth, _json(200, document))


def refusal(method: str, path: str, nth: int, status: int, message: str) -> Fault:
    """Return the fault that a daemon refuses a request with a status and a reason."""
    return Fault(method, path, nth, _json(status, {"message": message}))


def warning(number: int) -> str:
    """Return the warning that the stand-in has about the first, second, … container that it is told to create."""
    return f"<warning {number}>"


class StandIn:
    """Answers requests from the table; the endpoint is never contacted.

    Args:
        api_version: the version that the daemon would say, as `1.51`.
        faults: exceptions from the table.
        warn: answer the creation of a container with a warning, to see who passes it on.
        other: stand for another daemon than the command's own: its images have other ids.
    """

    def __init__(
        self, api_version: str, faults: Sequence[Fault] = (), *, warn: bool = False, other: bool = False
    ) -> None:
        self._api_version = api_version
        self._faults = faults
        self._warn = warn
        self._first_image = _FIRST_OTHER_IMAGE if other else 1
        self._seen = [0] * len(faults)
        self._created = 0
        self._images: dict[str, int] = {}

    def send(self, request: Request) -> Canned | _Ping:
        """Return the answer of the table."""
        if request.path == "/_ping":
            return _Ping(200, b"", "text/plain", self._api_version)
        if request.body is not None and not isinstance(request.body, bytes):
            for _ in request.body:  # what would have been sent has to be readable
                pass
        path = re.sub(r"^/v\d+\.\d+(?=/)", "", request.path)
        for index, fault in enumerate(self._faults):
            if fault.method == request.method and re.fullmatch(fault.path, path):
                self._seen[index] += 1
                if fault.nth in (0, self._seen[index]):
                    return fault.answer
        if (request.method, path) == ("POST", "/containers/create"):
            self._created += 1
            warnings = [warning(self._created)] if self._warn else []
            return _json(201, {"Id": container_id(self._created), "Warnings": warnings})
        if request.method == "GET" and (found := re.fullmatch(r"/images/(.+)/json", path)):
            return _json(200, image(self._images.setdefault(found[1], self._first_image + len(self._images))))
        for method, pattern, answer in ROUTES:
            if method == request.method and re.fullmatch(pattern, path):
                return answer
        return _json(200, {})

    def beside(self) -> StandIn:
        """Return a stand-in for another daemon, whose images are others than this one's."""
        return StandIn(self._api_version, self._faults, other=True)

    def hijack(self, request: Request) -> Silent:
        """Return the answer of the table, as a connection that ends at once."""
        answer = self.send(request)
        return Silent(answer.status, answer.headers, deque([answer.body] if answer.body else []))

    def close(self) -> None:
        """Do nothing: there is no connection."""


@dataclass(slots=True)
class Silent(Closing):
    """A connection of which all has come already, and whose end is near. Implements `transport.base.Duplex`."""

    status: int
    headers: Mapping[str, str]
    _left: deque[bytes]
    unsent: int = 0

    def fileno(self) -> int:
        """There is none: nobody has to wait."""
        return -1

    def write(self, data: bytes) -> None:
        """Drop bytes."""

    def half_close(self) -> None:
        """Do nothing."""

    def receive(self) -> bytes:
        """Return what there is."""
        return self._left.popleft() if self._left else b""

    def close(self) -> None:
        """Do nothing: there is no connection."""


@dataclass(frozen=True, slots=True)
class _Ping(Canned):
    api_version: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields that a ping answers with."""
        return {"api-version": self.api_version, "ostype": "linux", "content-type": "text/plain"}
