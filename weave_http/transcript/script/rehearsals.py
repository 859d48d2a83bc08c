"""Rehearses a command, once with success and once with each failure, as the material for its script."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import count

from weave_http.engine.version import NEWEST, version_text
from weave_http.engine.wire.contract import Request
from weave_http.errors import WeaveError
from weave_http.records import dataclass
from weave_http.transcript.canned import Canned
from weave_http.transcript.rehearsal import FileStep, Play, Printed, Rehearsal, Sent, rehearse
from weave_http.transcript.standin import FIRST_OTHER_IMAGE, Fault, Marks, answered, refusal


@dataclass(frozen=True, slots=True)
class Pull:
    """How a missing image is pulled, and what is said around the reason when it can't be.

    Args:
        request: the pull, or None where the command does not pull.
        before: what is said before the reason; without a pull, why there is none, or empty for the daemon's words.
        after: what is said after it.
        credentials: for the registry, as the header has them.
    """

    request: Request | None = None
    before: str = ""
    after: str = ""
    credentials: str = ""


@dataclass(frozen=True, slots=True)
class Naming:
    """What is done when an image was loaded by another name.

    Args:
        asked: how the daemon is asked whether there is one by the right name.
        before: target of the call that gives it its name, before the name by which it was loaded.
        after: the target after that.
    """

    asked: Request
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Misfit:
    """How a command refuses an image for another kind of machine than the daemon's.

    Args:
        code: the exit code.
        words: what is said.
        image: what the image runs on, in these words.
        host: what the daemon runs on, in these words.
    """

    code: int
    words: str
    image: str
    host: str


class Rehearsals:
    """Plays a command, with marks for what only a daemon can say that nothing typed can be taken for.

    Args:
        words: the command as it was typed.
        play: runs it on a stage.

    Attributes:
        marks: the marks.
        good: how it goes when all goes well.
    """

    def __init__(self, words: Sequence[str], play: Play) -> None:
        self._play = play
        self.marks = unmistakable(words, rehearse(play, version_text(NEWEST)))
        self.good = self._again(warn=True)

    def _again(self, *faults: Fault, warn: bool = False) -> Rehearsal:
        return rehearse(self._play, version_text(NEWEST), faults, warn=warn, marks=self.marks)

    def own_pull(self, nth: int) -> Pull:
        """Return how the command pulls by itself, for its first, second, … pull."""
        return self._pull(nth)

    def pull_for(self, route: str, nth: int) -> Pull:
        """Return how the command pulls because an image is missing.

        Args:
            route: name of the call that is answered so.
            nth: which of these calls it is.
        """
        ahead = len(self.good.all_of("ImageCreate"))
        return self._pull(1 + ahead, refusal(route, nth, 404, f"No such image {self._reason}"))

    @property
    def _reason(self) -> str:
        return f"<reason {self.marks.containers}>"

    def _pull(self, nth: int, *missing: Fault) -> Pull:
        refused = self._again(*missing, refusal("ImageCreate", nth, 404, self._reason))
        pulls = refused.all_of("ImageCreate")
        said = str(refused.error or "")
        if len(pulls) < nth:
            return Pull(before="" if self._reason in said else said)
        before, _, after = said.partition(self._reason)
        request = pulls[nth - 1]
        return Pull(request, before, after, dict(request.headers).get("X-Registry-Auth", ""))

    def without_waiter(self, nth: int) -> WeaveError | None:
        """Return how the command fails when an image that it looks at has no waiter; None where it needs none."""
        return self._again(answered("ImageInspect", nth, {"Id": "sha256:0", "Config": {"Cmd": ["sh"]}})).error

    def missing_elsewhere(self) -> str:
        """Return what the command says when the other daemon does not have the image."""
        return str(self._again(refusal("ImageInspect", 1, 404, "No such image")).error)

    def misfit(self, platform: str) -> Misfit | None:
        """Return how the command refuses an image for another kind of machine; None where it can't tell.

        Args:
            platform: what the image runs on; empty for another daemon's image, which is asked when the script runs.
        """
        host = [f"<{kind} {self.marks.containers}>" for kind in ("os", "arch")]
        error = self._again(answered("SystemVersion", 1, dict(zip(("Os", "Arch"), host, strict=True)))).error
        if error is None:
            return None
        return Misfit(error.exit_code, str(error), platform or self.marks.platform(FIRST_OTHER_IMAGE), "/".join(host))

    def named_otherwise(self) -> Naming:
        """Return what the command does when the daemon loaded the image by another name."""
        loaded = f"loaded-{self.marks.containers}"
        answer = Canned(200, json.dumps({"stream": f"Loaded image: {loaded}\n"}).encode())
        unnamed = refusal("ImageInspect", 2, 404, "No such image")  # the first look is before the image goes over
        asked, named = self._again(Fault("ImageLoad", 1, answer), unnamed).requests[-2:]
        before, _, after = named.target.partition(loaded)
        return Naming(asked, before, after)

    def exit_code_of_start(self, nth: int, words: str) -> int:
        """Return the command's exit code when a daemon refuses a start in these words."""
        error = self._again(refusal("ContainerStart", nth, 500, words)).error
        return error.exit_code if error is not None else 0


def unmistakable(words: Sequence[str], played: Rehearsal) -> Marks:
    """Return marks that occur nowhere in what was typed, nor in what a command sends and prints of it."""
    said = "\n".join([*words, *(text for event in played.events for text in _texts(event))])
    digits = (hashlib.sha256(str(number).encode()).hexdigest() for number in count())
    return next(Marks(each[:8], each[8:14]) for each in digits if each[:8] not in said and each[8:14] not in said)


def _texts(event: Sent | Printed | FileStep) -> list[str]:
    if isinstance(event, Printed):
        return [event.text]
    if isinstance(event, FileStep):
        return [event.path, event.text]
    body = event.request.body
    head = [event.request.target, *(value for _, value in event.request.headers)]
    return [*head, body.decode("latin-1")] if isinstance(body, bytes) else head


def asks_of_image(words: Sequence[str], marks: Marks) -> list[int]:
    """Return the numbers of the images whose own words belong among these."""
    kinds = ("entrypoint", "command")
    return [number for number in range(1, 10) if {marks.placeholder(kind, number) for kind in kinds} & set(words)]
