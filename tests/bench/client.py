"""The client beside docker-py and aiodocker: requests a second and memory; and `weave version` taken apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.client_work import CLIENTS
from tests.bench.figures import COMPARED, Cells, Compared, Table, alternate, figure
from tests.bench.stage import DOCKER, MeasuringError, Stage
from tests.hosts.host import GUEST, Host
from weave_http.records import dataclass

PROJECT = Path(__file__).parents[2]
INSPECTS, WAITS = 1000, 100
_BOX = "measured"
BESIDE = (
    ("inspect", "weave", "docker-py", 1.0),
    ("inspect", "weave-wire", "aiodocker", 1.2),
    ("wait", "weave-wire", "aiodocker", 1.0),
)
"""Work, who of ours, beside whom of the others, and the goal: requests with an answer go by the packages, as those of
docker-py go by requests; aiodocker has connections of its own, as our wire has. Waits go by the wire either way."""


@dataclass(frozen=True, slots=True)
class Done:
    """What one client's work took.

    Args:
        rate: pieces of work a second.
        processor: milliseconds of this process's own processor time for each; the rest is waiting for the daemon.
        grown: MiB by which the process grew meanwhile.
        most: MiB that it had at most, interpreter and libraries included.
    """

    rate: float
    processor: float
    grown: float
    most: float


def work(stage: Stage, host: Host, client: str, kind: str, number: int) -> Done:
    """Let a client work in a process of its own.

    Raises:
        MeasuringError: it failed.
    """
    argv = [sys.executable, "-m", "tests.bench.client_work", client, kind, str(number), _BOX]
    # requests would take an authority of the environment's for the daemon's, whatever docker-py tells it.
    environ = {name: value for name, value in stage.environ(host).items() if not name.endswith("_CA_BUNDLE")}
    done = subprocess.run(argv, cwd=PROJECT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise MeasuringError(f"{client} {kind}: {done.stderr.strip()[-300:]}", hint="run make bench")
    said = json.loads(done.stdout)
    processor = said["processor"] * 1000 / number
    return Done(number / said["seconds"], processor, (said["most"] - said["before"]) / 1024, said["most"] / 1024)


def measure(stage: Stage, one: Host, rounds: int) -> tuple[Table, list[Compared]]:
    """Compare rates and memory, through both transports; the better one of the others is what counts."""
    compared: list[Compared] = []
    notes: list[str] = []
    for name, host in (("unix", Host(one.sandbox, one.name, unix=True)), ("TLS", one)):
        for kind, number in (("inspect", INSPECTS), ("wait", WAITS)):
            kept: dict[str, list[Done]] = {client: [] for client in CLIENTS}

            def once(client: str, host: Host = host, kind: str = kind, number: int = number) -> Callable[[], float]:
                def run() -> float:
                    # A wait ends with its container.
                    one.shell(f"docker rm -f {_BOX} >/dev/null 2>&1; docker run -d --name {_BOX} {GUEST} sleep 3600")
                    kept[client].append(work(stage, host, client, kind, number))  # noqa: B023 - called in its round
                    return 0.0

                return run

            alternate([once(client) for client in CLIENTS], rounds)
            for _, mine, other, goal in (row for row in BESIDE if row[0] == kind):
                what = f"{number:,} {kind}s, {name}: {mine} beside {other}"
                ours, theirs = ([done.rate for done in kept[client]] for client in (mine, other))
                compared.append(Compared(what, ours, theirs, unit="/s", goal=goal, at_least=True))
                ours, theirs = ([done.most for done in kept[client]] for client in (mine, other))
                compared.append(Compared("  memory at most", ours, theirs, unit="MiB", goal=1.0))
            each = ", ".join(
                f"{client} {median(d.rate for d in dones):,.0f}/s, {median(d.processor for d in dones):.2f} ms of the "
                f"processor each, {median(d.most for d in dones):.0f} MiB, {median(d.grown for d in dones):.1f} grown"
                for client, dones in kept.items()
            )
            notes.append(f"{number:,} {kind}s, {name}: {each}.")
    one.shell(f"docker rm -f {_BOX} >/dev/null")
    about = (
        "`weave` lets requests-unixsocket and httpx carry requests with an answer, `weave-wire` sends all by the wire "
        'of its own (`transport="wire"`). Inspects one after the other; waits all at once, until a kill of their '
        f"container has ended them. Each in a process of its own, {rounds} rounds in turns; imports and the first call "
        "are before the clock, the memory has all in it. weave and aiodocker wait in one thread (weave dials TLS in up "
        "to 16), docker-py in one each."
    )
    return Table("The client beside others", COMPARED, [row.cells() for row in compared], [about, *notes]), compared


def measure_version(stage: Stage, one: Host, rounds: int) -> Table:
    """Return how long `weave version` takes beside `docker version`, and what its imports cost."""
    unix = Host(one.sandbox, one.name, unix=True)
    rows: list[Cells] = []
    for name, host in (("unix", unix), ("TLS", one)):
        both = (partial(stage.weave, host, "version"), partial(stage.timed, host, [DOCKER, "version"]))
        alternate(both, 1)
        ours, theirs = map(median, alternate(both, rounds))
        rows.append((f"weave version, {name}", figure(ours, "ms"), f"docker version: {figure(theirs, 'ms')}"))

    statements = {
        "start of Python": "pass",
        "+ command line (Typer)": "import weave_http.cli.main",
        "+ commands and client": "import weave_http.cli.main, weave_http.commands, weave_http.engine",
        "+ requests-unixsocket, for unix": (
            "import weave_http.cli.main, weave_http.commands, weave_http.engine.wire.by_requests"
        ),
        "or + httpx, for TCP": "import weave_http.cli.main, weave_http.commands, weave_http.engine.wire.by_httpx",
        "or + the wire alone": "import weave_http.cli.main, weave_http.commands, weave_http.engine.wire.pool",
        "or + the wire with TLS": (
            "import weave_http.cli.main, weave_http.commands, weave_http.engine.wire.pool, weave_http.engine.wire.tls"
        ),
    }
    measures = [partial(stage.timed, None, [sys.executable, "-c", statement]) for statement in statements.values()]
    alternate(measures, 1)
    times = dict(zip(statements, map(median, alternate(measures, rounds)), strict=True))
    rows += [(name, figure(time, "ms"), "") for name, time in times.items()]
    notes = [
        "`docker version` asks the daemon one question; `weave version` runs a container there, which is where the "
        f"router's version is known. Below: what an interpreter takes that imports so much. {rounds} rounds in turns."
    ]
    return Table("weave version", ("", "median", "beside"), rows, notes)


def missed(compared: Sequence[Compared]) -> list[str]:
    """Return what misses its goal."""
    return [row.what.strip() for row in compared if not row.met]
