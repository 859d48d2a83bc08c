"""A transport that answers every call as a daemon would on a good day, without one.

With it a dry run walks the whole way of a command. What it says is well-formed: a created container has an id, a wait
ends with code 0, streams are empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from weave_http import constants
from weave_http.engine.wire.contract import Request, Transport
from weave_http.records import dataclass
from weave_http.transcript.canned import Canned, CannedStream, canned_json
from weave_http.transcript.conversation import StandInResident, is_resident
from weave_http.transcript.routes import route_of, subject_of

FIRST_OTHER_IMAGE = 1001
"""The number of another daemon's first image."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How what only a daemon can say begins, so that it can be found again in what a command sends.

    Args:
        containers: hexadecimal digits at the beginning of containers' ids.
        images: hexadecimal digits at the beginning of images' ids, at most 6.
    """

    containers: str = "c0ffee"
    images: str = "1a6e"

    def container_id(self, number: int) -> str:
        """Return the id of the first, second, … container that is created."""
        return f"{self.containers}{number:06}".ljust(64, "0")

    def image_digits(self, number: int) -> str:
        """Return the first 12 digits of the id of the first, second, … image that is looked at."""
        return f"{self.images}{number:0{10 - len(self.images)}}".ljust(12, "0")

    def image(self, number: int) -> dict[str, Any]:
        """Return what is said of the first, second, … image: its words say where a real image's go."""
        return {
            "Id": "sha256:" + self.image_digits(number).ljust(64, "0"),
            "Os": self.placeholder("system", number),
            "Architecture": self.placeholder("machine", number),
            "Config": {
                "Entrypoint": [self.placeholder("entrypoint", number)],
                "Cmd": [self.placeholder("command", number)],
                "Labels": {constants.WAITER_LABEL: constants.WAITER},
            },
        }

    def placeholder(self, kind: str, number: int) -> str:
        """Return what stands for a word of an image, or for a warning."""
        own = "" if self == DEFAULT_MARKS else f" {self.containers}"
        return f"<{kind} {number}{own}>" if kind == "warning" else f"<{kind} of image {number}{own}>"

    def platform(self, number: int) -> str:
        """Return what the first, second, … image runs on."""
        return "/".join(self.placeholder(kind, number) for kind in ("system", "machine"))

    @property
    def ids(self) -> re.Pattern[str]:
        """Finds ids in a text; group `container` or `image` is the number."""
        zeros, length = 58 - len(self.containers), 10 - len(self.images)
        return re.compile(
            rf"{self.containers}(?P<container>\d{{6}})0{{{zeros}}}|{self.images}(?P<image>\d{{{length}}})00"
        )


DEFAULT_MARKS = Marks()


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that is not what a good day brings.

    Args:
        route: name of the route that it is for.
        nth: which of its requests it is for, from 1 on; 0 for all.
        answer: what is answered.
    """

    route: str
    nth: int
    answer: Canned


def answered(route: str, nth: int, document: Any) -> Fault:
    """Return the fault that a daemon answers a request with another document."""
    return Fault(route, nth, canned_json(200, document))


def refusal(route: str, nth: int, status: int, message: str) -> Fault:
    """Return the fault that a daemon refuses a request with a status and a reason."""
    return Fault(route, nth, canned_json(status, {"message": message}))


class StandIn(Transport):
    """Answers requests from the table of routes; the endpoint is never contacted.

    Args:
        api_version: the version that the daemon would say, as `1.51`.
        faults: exceptions from the table.
        warn: answer the creation of a container with a warning, to see who passes it on.
        other: stand for another daemon than the command's own: its images have other ids.
        marks: how ids begin.
    """

    def __init__(
        self,
        api_version: str,
        faults: Sequence[Fault] = (),
        *,
        warn: bool = False,
        other: bool = False,
        marks: Marks = DEFAULT_MARKS,
    ) -> None:
        self._api_version = api_version
        self._faults = faults
        self._warn = warn
        self._marks = marks
        self._first_image = FIRST_OTHER_IMAGE if other else 1
        self._seen = [0] * len(faults)
        self._created = 0
        self._images: dict[str, int] = {}

    def send(self, request: Request) -> Canned:
        """Return the answer of the table."""
        if request.body is not None and not isinstance(request.body, bytes):
            for _ in request.body:  # what would have been sent has to be readable
                pass
        route = route_of(request)
        for index, fault in enumerate(self._faults):
            if fault.route == route.name:
                self._seen[index] += 1
                if fault.nth in (0, self._seen[index]):
                    return fault.answer
        match route.name:
            case "SystemPingHead" | "SystemPing":
                return Canned(200, b"", "text/plain", (("api-version", self._api_version), ("ostype", "linux")))
            case "ContainerCreate":
                self._created += 1
                warnings = [self._marks.placeholder("warning", self._created)] if self._warn else []
                return canned_json(201, {"Id": self._marks.container_id(self._created), "Warnings": warnings})
            case "ImageInspect":
                number = self._images.setdefault(subject_of(request), self._first_image + len(self._images))
                return canned_json(200, self._marks.image(number))
            case _:
                return route.stands

    def beside(self) -> StandIn:
        """Return a stand-in for another daemon, whose images are others than this one's."""
        return StandIn(self._api_version, self._faults, other=True, marks=self._marks)

    def hijack(self, request: Request) -> CannedStream | StandInResident:
        """Return the answer of the table, as a connection that ends at once; that of the resident executor answers."""
        if is_resident(request):
            return StandInResident()
        return CannedStream.of(self.send(request))

    def close(self) -> None:
        """Do nothing: there is no connection."""
