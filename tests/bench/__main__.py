"""Measures everything, prints it, and with `--write` keeps it in docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench import (
    addresses,
    bringup,
    client,
    commands,
    crowd,
    encrypted,
    enforced,
    fleet,
    names,
    proxied,
    routers,
    traffic,
)
from tests.bench import arguments as run_arguments
from tests.bench.figures import Table, alternate
from tests.bench.machine import describe
from tests.bench.page import PAGE, renewed
from tests.bench.stage import DOCKER, NAME, STATE, SUBNET, Stage
from weave_http.errors import WeaveError
from weave_http.image import build_guest_image, build_image
from weave_http.sandbox import Sandbox

PROJECT = Path(__file__).parents[2]
CACHE = PROJECT / "build" / "cache" / "weave-http"
QUIET_LOAD = 1.0


def arguments(argv: list[str]) -> argparse.Namespace:
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"keep these figures in docs/{PAGE.name}")
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it works, not how fast")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[], metavar="PART", help=", ".join(PARTS))
    return parser.parse_args(argv)


@contextmanager
def stage() -> Iterator[Stage]:
    """Two hosts' place, empty; everything is gone afterwards, also after Ctrl-C."""
    CACHE.mkdir(parents=True, exist_ok=True)
    images = (
        build_image(CACHE / "weave.tar", cache=CACHE, report=say).path,
        build_guest_image(CACHE / "guest.tar", cache=CACHE, report=say).path,
    )
    sandbox = Sandbox(state_dir=STATE, name=NAME, subnet=SUBNET)
    scratch = Path(tempfile.mkdtemp(prefix="weave-bench-"))
    try:
        yield Stage(sandbox, scratch, images)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # what cleans up is not to be cut short
        sandbox.down()
        shutil.rmtree(STATE, ignore_errors=True)
        shutil.rmtree(scratch, ignore_errors=True)


def say(line: str) -> None:
    """Tell how far it is, on stderr."""
    print(line, file=sys.stderr, flush=True)


Measured = tuple[Table, list[str]]
"""A table, and the names of goals missed."""


def _traffic(place: Stage, quick: bool) -> Iterator[Measured]:
    rounds, seconds, pings = (2, 1, 100) if quick else (7, 3, 1000)
    table, compared = traffic.measure(*place.hosts, rounds=rounds, seconds=seconds, pings=pings)
    yield table, commands.missed(compared)


def _addresses(place: Stage, quick: bool) -> Iterator[Measured]:
    yield addresses.measure(place.scratch / "addresses", quick=quick)


def _encrypted(place: Stage, quick: bool) -> Iterator[Measured]:
    for table, compared in encrypted.measure(place.scratch / "encrypted", quick=quick):
        yield table, commands.missed(compared)


def _enforced(place: Stage, quick: bool) -> Iterator[Measured]:
    table, compared = enforced.measure(quick=quick)
    yield table, commands.missed(compared)


def _names(place: Stage, quick: bool) -> Iterator[Measured]:
    table, compared = names.measure(place.hosts[0], rounds=2 if quick else 7, seconds=1 if quick else 3)
    yield table, commands.missed(compared)


def _crowd(place: Stage, quick: bool) -> Iterator[Measured]:
    yield crowd.measure(place, place.hosts[0], rounds=2 if quick else 7, seconds=6 if quick else 30)
    yield routers.measure(place.scratch / "routers", quick=quick)


def _commands(place: Stage, quick: bool) -> Iterator[Measured]:
    one, two = place.hosts
    rounds = 3 if quick else 11
    table, compared = commands.measure_status(place, one, rounds)
    yield table, commands.missed(compared)
    table, met = commands.measure_start(place, rounds)
    yield table, [] if met else ["weave --help"]
    table, compared = commands.measure_many(place, one, commands.MANY // 5 if quick else commands.MANY)
    yield table, commands.missed(compared)
    yield commands.measure_commands(place, one, two, 2 if quick else 7), []
    yield commands.measure_shares(place, one, rounds), []


def _fleet(place: Stage, quick: bool) -> Iterator[Measured]:
    yield fleet.measure(place, size=fleet.QUICK_SIZE if quick else fleet.SIZE, rounds=2 if quick else 5)


def _client(place: Stage, quick: bool) -> Iterator[Measured]:
    table, compared = client.measure(place, place.hosts[0], 2 if quick else 7)
    yield table, client.missed(compared)
    yield client.measure_version(place, place.hosts[0], 3 if quick else 11), []


def _proxy(place: Stage, quick: bool) -> Iterator[Measured]:
    yield proxied.measure(place, place.hosts[0], quick=quick)


def _arguments(place: Stage, quick: bool) -> Iterator[Measured]:
    yield run_arguments.measure(place, 3 if quick else 11), []


PARTS: dict[str, tuple[str, Callable[[Stage, bool], Iterator[Measured]]]] = {
    "traffic": ("comparing weave's path with a hand-made VXLAN", _traffic),
    "names": ("comparing names with dnsmasq", _names),
    "enforced": ("comparing containers that are held to their addresses with others", _enforced),
    "addresses": ("handing out addresses, also while hosts die", _addresses),
    "encrypted": ("comparing encrypted data with bare wireguard-go", _encrypted),
    "crowd": ("adding links of others, and many routers at once", _crowd),
    "commands": ("comparing weave status with docker run --rm, and timing commands", _commands),
    "fleet": ("bringing many hosts up at once, and one by one", _fleet),
    "client": ("comparing the client with docker-py and aiodocker", _client),
    "proxy": ("comparing docker through the proxy with docker alone", _proxy),
    "arguments": ("reading docker run's arguments", _arguments),
}
"""What can be measured on two hosts that are up, in this order."""


def measure(place: Stage, only: Sequence[str], *, quick: bool) -> Iterator[Measured]:
    """Measure one thing after the other.

    Args:
        place: two hosts' place.
        only: names of parts; none for all.
        quick: few rounds.
    """
    say("bringing two hosts up, from nothing to the first ping …")
    brought_up = bringup.measure(place, 1 if quick or only else 5), list[str]()
    if not only:
        yield brought_up
    for name, (doing, part) in PARTS.items():
        if only and name not in only:
            continue
        say(f"{doing} …")
        if name not in ("traffic", "names"):  # these use the containers that the first ping was between
            for host in place.hosts:
                bringup.clear_boxes(host)
        yield from part(place, quick)


def main(argv: list[str]) -> int:
    """Run the benchmark; return the exit code."""
    options = arguments(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    load = os.getloadavg()[0]
    if load >= QUIET_LOAD:
        say(f"the machine is busy (load {load:.1f}): ratios suffer less than seconds, but they do")
    tables: list[Table] = []
    missed: list[str] = []
    try:
        with stage() as place:
            starts = alternate([partial(place.timed, None, [sys.executable, "-c", "pass"])], 11)
            for table, goals in measure(place, options.only, quick=options.quick):
                print(f"\n{table.text()}", flush=True)
                tables.append(table)
                missed += goals
            about = describe(bringup.engine_version(place.hosts[0]), bringup.cli_version(DOCKER))
    except KeyboardInterrupt:
        say("interrupted; everything is removed")
        return 130
    except WeaveError as error:
        say(f"bench: {error}")
        return error.exit_code
    when = (
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {dict(about)['CPU']}, load before the start {load:.1f}, "
        f"`python -c pass` {median(starts[0]):.0f} ms."
    )
    for what, words in about:
        print(textwrap.fill(f"{what}: {words}", 80, subsequent_indent="  "))
    print(textwrap.fill(when, 80))
    print(f"goals missed: {', '.join(missed)}" if missed else "all goals met")
    if options.write:
        before = PAGE.read_text(encoding="utf-8") if options.only else ""
        PAGE.write_text(renewed(before, about, tables, when), encoding="utf-8")
        print(f"written: docs/{PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
