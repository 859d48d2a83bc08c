"""Many hosts: `weave up` from nothing beside the single commands, and a look at all of them.

`python -m tests.bench.fleet [HOSTS]` measures that alone, which needs root and Debian, as all of the sandbox.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.figures import Cells, Table, alternate, figure, verdict
from tests.bench.stage import MeasuringError, Stage, weave_program
from tests.hosts.host import Host
from weave_http import constants
from weave_http.image import build_image
from weave_http.sandbox import Sandbox

SIZE, QUICK_SIZE = 30, 6
LOOK_GOAL = 1.0
"""Seconds for `weave ps` of all hosts."""
AT_ONCE = 4 * (os.cpu_count() or 1)
"""Hosts that `up` works on at the same time: they share the processors of one machine here."""
STATE = Path("/var/lib/weave-bench-fleet")
NAME = "bfleet"
SUBNET = "10.112.0.0/16"
_SECONDS = 600
_STEPS = {"image to all others": "the image has come", "routers launched": "the router runs"}
"""What `up` does, by what its last line of that step has in it."""


@contextmanager
def hosts_of(size: int) -> Iterator[list[Host]]:
    """Have so many new hosts for a while."""
    sandbox = Sandbox(STATE, NAME, SUBNET)
    sandbox.down()
    try:
        sandbox.up(size)
        yield [Host(sandbox, f"host{number}") for number in range(1, size + 1)]
    finally:
        sandbox.down()
        shutil.rmtree(STATE, ignore_errors=True)


def measure(stage: Stage, *, size: int = SIZE, rounds: int = 5) -> tuple[Table, list[str]]:
    """Bring a network up by one command and by single ones, look at it, and freeze a host of it.

    Args:
        stage: how to run programs; its hosts are not used.
        size: how many hosts.
        rounds: looks.

    Returns:
        The table, and what misses its goal.
    """
    archive = str(stage.images[0])
    with hosts_of(size) as hosts:
        all_of = _environ(stage, hosts)
        stage.weave(hosts[0], "setup", "--from", archive)
        lines, whole = _lines(all_of, "up", "--wait", "120", "--at-once", str(AT_ONCE))
        for number, host in enumerate(hosts, start=1):  # something to list
            stage.weave(host, "expose", f"10.2.1.{number}/24")
        rows: list[Cells] = list(_parts(lines, whole))
        looks = {word: partial(_seconds, all_of, word) for word in ("ps", "status")}
        singly = {word: partial(_one_by_one, stage, hosts, word) for word in looks}
        taken = [median(each) for each in alternate([*looks.values(), *singly.values()], rounds)]
        met = taken[0] <= LOOK_GOAL
        frozen = _with_one_frozen(all_of, hosts[-1])
        _seconds(all_of, "down", "--reset")
        for host in hosts[1:]:
            host.shell(f"docker rmi {constants.DEFAULT_IMAGE}")
        before = time.perf_counter()
        for host in hosts:
            stage.weave(host, "setup", "--from", archive)
            stage.weave(host, "launch", *(other.address for other in hosts if other is not host))
        beside = time.perf_counter() - before
    rows.append((f"weave up of {size} hosts", figure(whole, "s"), figure(beside, "s"), f"{whole / beside:.2f}", ""))
    for word, together, apart in zip(looks, taken[:2], taken[2:], strict=True):
        goal = f"≤ {LOOK_GOAL:g} s: {verdict(met)}" if word == "ps" else ""
        ratio = f"{together / apart:.2f}"
        rows.append((f"weave {word} of all", figure(together, "s"), figure(apart, "s"), ratio, goal))
    for what, seconds in zip(("rows of the others", "the end"), frozen, strict=True):
        rows.append((f"ps, one host frozen: {what}", figure(seconds, "s"), "", "", ""))
    notes = [
        f"{size} Docker hosts of one machine with {os.cpu_count()} processors, over TCP with mutual TLS; the image was "
        f"built before and is on one of them. `up` works on {AT_ONCE} at a time, and waits until data passes. Beside "
        "it: `weave setup --from` and `weave launch` for each host, one after the other; and `weave ps` for each. "
        f"Looks are medians of {rounds} rounds in turns. All hosts' work is done by the same processors."
    ]
    return Table("Many hosts", ("", "at once", "one by one", "ratio", ""), rows, notes), [] if met else ["ps of all"]


def _parts(lines: Sequence[tuple[float, str]], whole: float) -> Iterator[Cells]:
    """Yield how long each step of `up` took."""
    begun = 0.0
    for name, mark in _STEPS.items():
        ended = max((moment for moment, line in lines if mark in line), default=begun)
        yield f"up: {name}", figure(ended - begun, "s"), "", "", ""
        begun = ended
    yield "up: connected, data passes", figure(whole - begun, "s"), "", "", ""


def _with_one_frozen(environ: dict[str, str], host: Host) -> tuple[float, float]:
    """Return the seconds until `ps` has printed the rows of the others, and until its end."""
    host.shell("kill -STOP $(pidof dockerd)")
    try:
        lines, whole = _lines(environ, "ps", code=125)
    finally:
        host.shell("kill -CONT $(pidof dockerd)")
    return max(moment for moment, _ in lines), whole


def _environ(stage: Stage, hosts: Sequence[Host]) -> dict[str, str]:
    """Return the environment of a caller who means all hosts."""
    environ = stage.environ(hosts[0])
    del environ["DOCKER_HOST"]
    return environ | {"WEAVE_HOSTS": ",".join(f"{host.name}={host.environ()['DOCKER_HOST']}" for host in hosts)}


def _lines(environ: dict[str, str], *words: str, code: int = 0) -> tuple[list[tuple[float, str]], float]:
    """Run `weave WORDS…`; return when each line of its output came, and how long it took, in seconds.

    Raises:
        MeasuringError: it ended with another code.
    """
    begun = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [weave_program(), *words], env=environ, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        lines = [(time.perf_counter() - begun, line) for line in process.stdout]
        if process.wait(_SECONDS) != code:
            errors.seek(0)
            raise MeasuringError(f"weave {' '.join(words)}: {process.returncode}: {errors.read().strip()[-500:]}")
    return lines, time.perf_counter() - begun


def _seconds(environ: dict[str, str], *words: str) -> float:
    return _lines(environ, *words)[1]


def _one_by_one(stage: Stage, hosts: Sequence[Host], word: str) -> float:
    return sum(stage.weave(host, word) for host in hosts) / 1000


def main(argv: Sequence[str]) -> int:
    """Measure and print; return the exit code."""
    cache = Path(__file__).parents[2] / "build" / "cache" / "weave-http"
    cache.mkdir(parents=True, exist_ok=True)
    say: Callable[[str], None] = partial(print, file=sys.stderr)
    image = build_image(cache / "weave.tar", cache=cache, report=say).path
    with tempfile.TemporaryDirectory(prefix="weave-bench-") as folder:
        stage = Stage(Sandbox(STATE, NAME, SUBNET), Path(folder), (image, image))
        table, missed = measure(stage, size=int(argv[0]) if argv else SIZE)
    print(table.text())
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
