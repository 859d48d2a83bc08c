"""The same line, given to us and to the docker CLI, and what the two make of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from tests.docker_cli import Said, told
from tests.run_args.cases import ENVIRON, FILES
from weave_http.records import dataclass
from weave_http.run_args import LocalFiles, RunArgumentError, parse

SOCKET = "/caller.sock"
"""What the socket of the CLI's stand-in for a daemon is called in bodies."""
HERE = "/here"
"""What the directory in which lines are typed is called in bodies, wherever it was."""


@dataclass(frozen=True)
class Outcome:
    """What became of a line.

    Args:
        body: of the create call, as `told`; None if the line was refused.
        query: of that call.
        error: why it was refused.
    """

    body: Any
    query: dict[str, str]
    error: str = ""


def prepare(directory: Path) -> None:
    """Put the files that lines refer to into a directory."""
    for name, content in FILES.items():
        (directory / name).write_bytes(content)


def theirs(said: Said, directory: Path) -> Outcome:
    """Return what the CLI made of a line."""
    if said.body is None:
        return Outcome(None, {}, said.error.strip().splitlines()[0] if said.error.strip() else f"exit {said.code}")
    return Outcome(_here(told(said.body), directory), said.query)


def ours(words: Sequence[str], directory: Path) -> Outcome:
    """Return what we make of a line."""
    try:
        request = parse(
            words,
            environ=ENVIRON,
            directory=PurePosixPath(directory),
            files=LocalFiles({"DOCKER_CONFIG": str(directory)}, directory),
        )
    except RunArgumentError as error:
        return Outcome(None, {}, str(error))
    query = {key: value for key, value in (("name", request.name), ("platform", request.platform)) if value}
    return Outcome(_here(told(json.loads(json.dumps(request.config))), directory), query)


def _here(value: Any, directory: Path) -> Any:
    parent = str(directory.parent)
    text = json.dumps(value).replace(str(directory), HERE).replace(f"{parent}/engine.sock", SOCKET)
    return json.loads(text.replace(f'"{parent}/a', f'"{HERE}/../a').replace(f'"{parent}/x', f'"{HERE}/../x'))


MEASURE = (28, 2, 2)
"""The version whose understanding of lines is the measure."""
OPTION = re.compile(r"(?<![\w-])-{1,2}[a-zA-Z]")


def difference(words: Sequence[str], mine: Outcome, other: Outcome) -> str:
    """Return how two outcomes differ; empty if they don't."""
    if (mine.body is None) != (other.body is None):
        return f"{list(words)}: we {_sum(mine)}, docker {_sum(other)}"
    if mine.body is None:
        names_it = OPTION.search(mine.error) or "image" in mine.error or "---" in mine.error or "--=" in mine.error
        return "" if names_it else f"{list(words)}: our line names no option: {mine.error}"
    if mine.body != other.body or mine.query != other.query:
        return f"{list(words)}:\n  we     {_sum(mine)}\n  docker {_sum(other)}"
    return ""


def _sum(outcome: Outcome) -> str:
    if outcome.body is None:
        return f"refuse it ({outcome.error})"
    return f"send {json.dumps(outcome.body, sort_keys=True)} {outcome.query or ''}"


REFUSED: tuple[tuple[str, str], ...] = (
    (r"for --(ip|ip6|link-local-ip): expected an IP", "28 leaves the address to the daemon, which refuses it"),
    (r"--network: expected an IP", "the same"),
    (r"--mount: (blanks around|\S+ has no value)", "29's rule; 28 takes blanks for part of a value"),
    (r"--volume: (too many colons|an empty part)", "28 takes a single letter for a drive of Windows, on Linux too"),
    (r"-p, --publish: invalid p", "28 ignores what follows a second - or /"),
    (r"--expose: invalid p", "the same"),
    (r"--detach-keys: ", "28 finds out when the container runs"),
    (r": too (large|long)$", "28 sends the negative number that comes of the overflow"),
    (r"invalid value '[-+]?0x[0-9a-f.]*p", "hexadecimal fractions are not for people"),
    (r"for --cpus: expected a number", "nor are hexadecimal numbers of processors"),
)
"""What we refuse and 28.2 does not, by our message, and why; see docs/run-arguments.md."""

OTHERWISE: tuple[tuple[str, str], ...] = (
    (r"(^| )--use-api-socket(=true)?( |$)", "28 mounts the caller's socket, 29 and we the Docker host's"),
    (r"--mac-address[= ]([0-9a-f]{2}){6}( |$)", "28.5 and we take MACs without colons"),
    (r"(^| )(-v|-P?v=?|--volume[= ])[a-zA-Z]:", "28 takes a single letter for a drive of Windows, on Linux too"),
)
"""Lines of which we make something else than 28.2."""


DRIFT: tuple[tuple[tuple[int, ...], tuple[int, ...], str, str], ...] = (
    ((23,), (28,), r"--device-(read|write)-(bps|iops)", "26.1 forgets to send them"),
    ((20,), (99,), r"(^| |=|-p)::1:80:80", "depends on the library that a build has, not on the version"),
    ((20,), (25,), r"--(ip6?|link-local-ip|net(work)?-alias)\b", "dropped where there is no user-defined network"),
)
"""From which version on, and before which, a CLI reads some lines in another way than 28.2.2, and why."""


def is_deliberate(words: Sequence[str], mine: Outcome, other: Outcome, version: tuple[int, ...] = MEASURE) -> bool:
    """Tell whether a line is one of which we make something else on purpose than a CLI of some version."""
    line = " ".join(words)
    drift = [pattern for since, until, pattern, _ in DRIFT if since <= version < until and version != MEASURE]
    if any(re.search(pattern, line) for pattern in drift):
        return True
    if "invalid reference format" in other.error:
        return True  # which names an image may have is the daemon's to say
    if mine.body is None:
        return any(re.search(pattern, mine.error) for pattern, _ in REFUSED)
    return any(re.search(pattern, line) for pattern, _ in OTHERWISE)
