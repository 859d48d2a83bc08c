"""How long a command takes: beside the docker CLI, and where its time goes."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from tests.bench.figures import COMPARED, Cells, Compared, Table, alternate, figure, verdict
from tests.bench.stage import DOCKER, Stage
from tests.hosts.host import GUEST, Host
from weave_http import constants

HELP_GOAL_MS = 60.0
_RUN = ["run", "--rm", "-v", "/var/run/docker.sock:/var/run/docker.sock", "-v", "/proc:/hostproc"]
_EXECUTOR = [*_RUN, "-e", "PROCFS=/hostproc", "--privileged", "--net=host", constants.DEFAULT_IMAGE, "--local"]
_CALL = re.compile(r"^(?P<call>[A-Z]+ +\S+).* (?P<ms>[0-9.]+) ms$", re.MULTILINE)
_ID = re.compile(r"/containers/[0-9a-f]{12}\b")
ORIGINAL = {
    "attach": "– / 0.44",
    "connect": "0.26 / 0.30",
    "run": "1.72 / –",
    "launch": "1.77 / 1.1",
    "status": "0.33 / 0.27",
    "version": "– / 0.27",
    "docker run --rm … true": "0.20–0.22",
}
"""Seconds that Weave 0.10.0 / 2.8.1 took on a machine of the same kind, with engine 20.10."""


def docker_run(stage: Stage, host: Host, *arguments: str) -> float:
    """Return the milliseconds of `docker run --rm` of the executor's container."""
    return stage.timed(host, [DOCKER, *_EXECUTOR, *arguments])


COLD_GOALS = {"TLS": 1.5, "unix socket": 1.7}
WARM_GOAL = 0.45


def measure_status(stage: Stage, host: Host, rounds: int) -> tuple[Table, list[Compared]]:
    """Compare one `weave status`, warm and cold, with `docker run --rm` of the executor's container, over both ways."""
    compared = []
    for name, caller in (("TLS", host), ("unix socket", Host(host.sandbox, host.name, unix=True))):
        each = (
            partial(stage.weave, caller, "status"),
            partial(stage.weave, caller, "--cold", "status"),
            partial(docker_run, stage, caller, "status"),
        )
        alternate(each, 1)
        warm, cold, theirs = alternate(each, rounds)
        compared.append(Compared(f"weave status, {name}", warm, theirs, unit="ms", goal=WARM_GOAL))
        compared.append(Compared(f"weave --cold status, {name}", cold, theirs, unit="ms", goal=COLD_GOALS[name]))
    notes = [
        "Beside it: `docker run --rm` of the executor's container with the same options, by the docker CLI, over the "
        f"same endpoint. Whole commands, from start to end; {rounds} rounds in turns. Without `--cold` a command goes "
        "to the resident executor."
    ]
    return Table("One command", COMPARED, [row.cells() for row in compared], notes), compared


MANY, MANY_GOAL = 100, 0.1
_MANY = """
import os, sys
from weave_http import open_caller, operations, perform
with open_caller(os.environ) as caller:
    for address in sys.argv[2:]:
        outcome = perform(caller, operations.Attach.parse([address, sys.argv[1]]))
        if not outcome.ok:
            sys.exit(outcome.reason)
"""
"""Attaches a container at each of many addresses, in one process."""


def measure_many(stage: Stage, host: Host, number: int = MANY) -> tuple[Table, list[Compared]]:
    """Compare many attaches by one process of the library with as many cold commands, one after the other."""
    addresses = [f"10.2.3.{last}/24" for last in range(1, number + 1)]
    host.start("many")
    try:
        host.weave("attach", "10.2.3.254/24", "many")  # the interface is there before either
        ours = stage.timed(host, [sys.executable, "-c", _MANY, "many", *addresses])
        host.weave("detach", *addresses, "many")
        theirs = sum(stage.weave(host, "--cold", "attach", address, "many") for address in addresses)
    finally:
        host.shell("docker rm -f many")
    row = Compared(f"{number} attaches, one process", [ours / 1000], [theirs / 1000], unit="s", goal=MANY_GOAL)
    notes = [
        "One program with the library does them, from its start to its end, over TCP with mutual TLS and by the "
        "resident executor. Beside it: `weave --cold attach` for each. Once, not in turns."
    ]
    return Table("Many commands", COMPARED, [row.cells()], notes), [row]


def measure_start(stage: Stage, rounds: int) -> tuple[Table, bool]:
    """Measure `weave --help` beside a Python that does nothing."""
    bare = partial(stage.timed, None, [sys.executable, "-c", "pass"])
    isolated = partial(stage.timed, None, [sys.executable, "-I", "-c", "import typer"])
    measures: tuple[Callable[[], float], ...] = (partial(stage.weave, None, "--help"), bare, isolated)
    alternate(measures, 2)
    help_, nothing, typer = map(median, alternate(measures, rounds))
    met = help_ <= HELP_GOAL_MS
    rows: list[Cells] = [
        ("weave --help", figure(help_, "ms"), f"≤ {HELP_GOAL_MS:.0f} ms", verdict(met)),
        ("python -c 'import typer'", figure(typer, "ms"), "", ""),
        ("python -c pass", figure(nothing, "ms"), "", ""),
    ]
    return Table("Start", ("", "median", "goal", ""), rows, [f"{rounds} rounds in turns, byte-code compiled."]), met


def measure_commands(stage: Stage, one: Host, two: Host, rounds: int) -> Table:
    """Measure each command that changes something, undoing it in between; the second host's router starts anew."""
    one.start("joined")
    true = [DOCKER, "run", "--rm", "--privileged", "--net=host", GUEST, "true"]

    def undone(do: Callable[[], float], *undo: Callable[[], object]) -> float:
        milliseconds = do()
        for step in undo:
            step()
        return milliseconds

    run = partial(stage.weave, one, "run", "10.2.1.9/24", "--name", "nine", GUEST, "sleep", "3600")
    steps: dict[str, Callable[[], float]] = {
        "docker run --rm … true": partial(stage.timed, one, true),
        "version": partial(stage.weave, one, "version"),
        "status": partial(stage.weave, one, "status"),
        "attach": partial(stage.weave, one, "attach", "10.2.1.8/24", "joined"),
        "detach": partial(stage.weave, one, "detach", "10.2.1.8/24", "joined"),
        "ps": partial(stage.weave, one, "ps"),
        "run": lambda: undone(run, lambda: one.shell("docker rm -f nine")),
        "forget": partial(stage.weave, two, "forget", one.address),
        "connect": partial(stage.weave, two, "connect", one.address),
        "stop": partial(stage.weave, two, "stop"),
        "launch": partial(stage.weave, two, "launch", one.address),
    }
    figures = alternate(list(steps.values()), rounds)
    rows: list[Cells] = [
        (name, f"{median(each) / 1000:.2f}", f"{min(each) / 1000:.2f}–{max(each) / 1000:.2f}", ORIGINAL.get(name, ""))
        for name, each in zip(steps, figures, strict=True)
    ]
    notes = [
        f"Whole commands over TCP with mutual TLS; medians of {rounds} rounds, in turns. The last column is another "
        "run, for orientation: what Weave 0.10.0 / 2.8.1 took with their own scripts, on a machine of the same kind."
    ]
    return Table("Commands, in seconds", ("", "median", "of all rounds", "original"), rows, notes)


def measure_shares(stage: Stage, host: Host, rounds: int) -> Table:
    """Return where the time of one `weave status` goes: the start, the imports, each API call."""

    def python(statement: str) -> Callable[[], float]:
        return partial(stage.timed, None, [sys.executable, "-c", statement])

    traces: list[dict[str, float]] = []

    def trace() -> float:
        traces.append(calls_of(stage.trace(host, "status")))
        return 0.0

    # Each but the last, which only fills `traces`, does all that the one before it does, and more.
    measures = (
        python("pass"),
        python("import weave_http.cli.main"),
        partial(stage.weave, host, "status"),
        python("import weave_http.engine.client"),
        python("import weave_http.engine.client, weave_http.engine.wire.by_httpx"),
        trace,
    )
    alternate(measures, 1)
    traces.clear()
    nothing, cli, whole, client, transport, _ = map(median, alternate(measures, rounds))
    each = {name: median(run[name] for run in traces if name in run) for name in traces[-1]}
    parts = {
        "start of Python": nothing,
        "imports of the command line": cli - nothing,
        **each,
    }
    parts["further imports, the options, the rest"] = whole - sum(parts.values())
    rows: list[Cells] = [(name, f"{part:.0f}", f"{part / whole:.0%}") for name, part in parts.items()]
    rows.append(("all", f"{whole:.0f}", "100%"))
    notes = [
        f"TCP with mutual TLS; medians of {rounds} rounds, in turns. The first call includes the connection, TLS's "
        f"handshake and, {figure(transport - client, 'ms')} by themselves, the imports of the transport. The rest is "
        "what takes place between: imports that only this command needs, its options, the executor's work."
    ]
    return Table("Where one weave status goes, in ms", ("", "median", "share"), rows, notes)


def calls_of(trace: str) -> dict[str, float]:
    """Return the milliseconds of each call that `--trace` showed, by method and path."""
    calls: dict[str, float] = {}
    for match in _CALL.finditer(trace):
        name = re.sub(r" +", " ", _ID.sub("/containers/ID", match["call"]))
        name = re.sub(r"/v1\.[0-9]+", "", name)
        calls[name] = calls.get(name, 0.0) + float(match["ms"])
    return calls


def missed(compared: Sequence[Compared]) -> list[str]:
    """Return what misses its goal."""
    return [row.what for row in compared if not row.met]
