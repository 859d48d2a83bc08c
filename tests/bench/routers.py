"""Many routers at once: how long they take to become one mesh, and to be one again after many of them failed.

`python -m tests.bench.routers` measures that alone, which needs root but no Docker.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.figures import Cells, Table, figure, measured_alone, verdict
from tests.bench.stage import await_true
from tests.router.hosts import Lan, RoutedHost
from weave_http.sandbox import lan, limits

SIZES = {60: 20.0, 100: 60.0}
"""Routers, and the seconds in which they are to be a mesh."""
QUICK_SIZES = {10: 20.0}
GOAL_AGAIN = 10.0
"""Seconds in which the others are to be right after failures."""
_HANG_SECONDS = 300.0
_FROZEN_SECONDS = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")
_ESTABLISHED, _PORT = "01", f"{6783:04X}"
_LISTENING = 3
"""Sockets of TCP over IPv4 on which a router waits for connections."""


def measure(folder: Path, *, quick: bool) -> tuple[Table, list[str]]:
    """Launch routers at the same moment with one seed, then fail half of them; return the table, and what misses.

    Args:
        folder: for their state and logs; new for each size.
        quick: few routers.
    """
    rows: list[Cells] = []
    missed: list[str] = []
    for count, goal in (QUICK_SIZES if quick else SIZES).items():
        (folder / str(count)).mkdir(parents=True)
        with room_for(count), Lan(folder / str(count)) as network:
            for what, seconds, used, limit in _events(network.add(count), goal):
                met = seconds <= limit
                missed += [] if met else [f"{count} routers {what}"]
                size = max(host.memory() for host in network.hosts if host.router is not None) / 1024
                print(f"{count} {what}: {seconds:.1f} s", file=sys.stderr, flush=True)
                cells = (f"{count} {what}", figure(seconds, "s"), figure(used, "s"), f"{size:.0f} MiB", verdict(met))
                rows.append(cells)
    notes = [
        f"Routers in network namespaces of one machine ({os.cpu_count()} processors), each with one target, the seed; "
        "the time runs from the launch of the first one to the last connection of a full mesh, the start of Python "
        f"included. Processor seconds are those of all routers together; the memory is the largest one's. Frozen ones "
        f"are stopped for {_FROZEN_SECONDS:g} s. Goals: {', '.join(f'{n} in {s:g} s' for n, s in SIZES.items())}, "
        f"and {GOAL_AGAIN:g} s after a failure."
    ]
    return Table("Many routers at once", ("routers", "seconds", "processor", "largest", ""), rows, notes), missed


def _events(hosts: Sequence[RoutedHost], goal: float) -> Iterator[tuple[str, float, float, float]]:
    """Yield what happened, the seconds until all was right again, the processor seconds, and the goal in seconds."""
    seed, half = hosts[0], hosts[1 : 1 + len(hosts) // 2]

    def each_has(count: Callable[[RoutedHost], int], others: int) -> bool:
        there = [host for host in hosts if host.router is not None]
        return all(count(host) == len(there) - 1 + others for host in there)

    def until_right(what: str, limit: float) -> tuple[str, float, float, float]:
        while True:
            await_true(lambda: each_has(in_use, _LISTENING), what, seconds=_HANG_SECONDS, pause=0.3)
            seconds, processor = time.monotonic() - began, processor_seconds(hosts) - used
            # For each such list the kernel goes through the connections of all hosts: with a hundred it takes a quarter
            # of a second. It is asked for when the time is taken already.
            if each_has(connections, 0):
                return what, seconds, processor, limit

    began, used = time.monotonic(), 0.0
    for host in hosts:
        host.launch(*([] if host is seed else [seed.address]))
    yield until_right("launched", goal)
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for host in half:
            assert host.router is not None
            host.router.send_signal(number)
        time.sleep(_FROZEN_SECONDS if number == signal.SIGSTOP else 0.0)
    began, used = time.monotonic(), processor_seconds(hosts)
    yield until_right("frozen and thawed", GOAL_AGAIN)
    for host in half:
        host.end(signal.SIGKILL)
    began, used = time.monotonic(), processor_seconds(hosts)
    for host in half:
        host.launch(seed.address)
    yield until_right("killed and restarted", goal)
    seed.end(signal.SIGKILL)
    began, used = time.monotonic(), processor_seconds(hosts)
    yield until_right("without the seed", GOAL_AGAIN)


@contextmanager
def room_for(routers: int) -> Iterator[None]:
    """Have the kernel keep as many neighbours and packets as so many hosts have: it does so once for all namespaces.

    While a sandbox is there, of the same benchmark or of others, it keeps them; the end of the last one puts them back.
    """
    limits.make_room(routers)
    try:
        yield
    finally:
        limits.put_back(lan.sandboxes)


def processor_seconds(hosts: Sequence[RoutedHost]) -> float:
    """Return the processor seconds that routers used, with the programs that they ran."""
    used = 0
    for host in hosts:
        if host.router is not None:
            fields = Path(f"/proc/{host.router.pid}/stat").read_text().rpartition(")")[2].split()
            used += sum(map(int, fields[11:15]))
    return used / _TICKS


def in_use(host: RoutedHost) -> int:
    """Return how many sockets of TCP over IPv4 a host has, of whatever state."""
    assert host.router is not None
    text = Path(f"/proc/{host.router.pid}/net/sockstat").read_text()
    return int(text.partition("TCP: inuse ")[2].split()[0])


def connections(host: RoutedHost) -> int:
    """Return how many TCP connections of the mesh a host has, as its kernel says: that costs its router nothing."""
    assert host.router is not None
    lines = Path(f"/proc/{host.router.pid}/net/tcp").read_text().splitlines()[1:]
    rows = (line.split()[1:4] for line in lines)
    return sum(state == _ESTABLISHED and _PORT in (local[-4:], remote[-4:]) for local, remote, state in rows)


if __name__ == "__main__":
    sys.exit(measured_alone(measure, sys.argv[1:]))
