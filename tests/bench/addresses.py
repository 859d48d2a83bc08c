"""What handing out addresses takes: the first one after many hosts were launched, one of many, and while hosts die.

`python -m tests.bench.addresses` measures that, which needs root but no Docker: a host is a namespace with a router.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.figures import Cells, Table, figure, measured_alone, verdict
from tests.bench.routers import processor_seconds, room_for
from tests.router.hosts import Lan, RoutedHost, until
from weave_http.addresses import Subnet
from weave_http.host.router_client import RouterClient, RouterError

LAUNCHED, LIVING, ROUNDS, MANY = 30, 5, 50, 500
"""Hosts launched at once; hosts at a time while they die; how many die; addresses asked for one after the other."""
QUICK = 8, 3, 5, 100
GOAL_FIRST, GOAL_ONE, GOAL_NEXT = 10.0, 2.0, 1.0
"""Seconds until the first one, ms of the router's processor time, seconds for each while hosts die."""
_HANG_SECONDS = 300.0


def measure(folder: Path, *, quick: bool) -> tuple[Table, list[str]]:
    """Return the table, and what misses its goal.

    Args:
        folder: for the routers' state and logs.
        quick: few hosts, few rounds.
    """
    launched, living, rounds, many = QUICK if quick else (LAUNCHED, LIVING, ROUNDS, MANY)
    (folder / "many").mkdir(parents=True)
    with room_for(launched), Lan(folder / "many") as lan:
        hosts = lan.add(launched)
        for host in hosts:
            host.launch(*(other.address for other in hosts[:3] if other is not host))
        last = hosts[-1]
        until(lambda: last.ready, _HANG_SECONDS)
        first = until(partial(_got, last), _HANG_SECONDS)
        until(lambda: all(host.ready for host in hosts) and lan.meshed(), _HANG_SECONDS)
        used = processor_seconds([last])
        for number in range(2, many):
            _asked(last, number)
        each = (processor_seconds([last]) - used) * 1000 / (many - 2)
    (folder / "dying").mkdir()
    with Lan(folder / "dying") as lan:
        taken = _dying(lan, lan.add(living), rounds)
    rows: list[Cells] = []
    missed: list[str] = []
    for what, value, unit, goal in (
        (f"first one, {launched} hosts just launched", first, "s", GOAL_FIRST),
        (f"one of {many}, processor time of the router", each, "ms", GOAL_ONE),
        (f"at each host after one of {living} died, {rounds} times: median", median(taken), "s", GOAL_NEXT),
        ("the same, longest", max(taken), "s", GOAL_FIRST),
    ):
        met = value <= goal
        missed += [] if met else [what]
        rows.append((what, figure(value, unit), f"≤ {figure(goal, unit)}", verdict(met)))
    notes = [
        "Routers in network namespaces of one machine, asked by the HTTP API as `weave attach` does. A host that dies "
        "is killed for good and named by `weave rmpeer`; another one comes, and every host is asked for an address."
    ]
    return Table("Addresses", ("", "takes", "goal", ""), rows, notes), missed


def _asked(host: RoutedHost, number: int) -> float:
    """Have a host give a container an address; return the seconds that it took."""
    began = time.monotonic()
    (found,) = host.ask(RouterClient.allocate, f"{host.number:04x}{number:060x}", Subnet(None))
    assert found.network.prefixlen == 12
    return time.monotonic() - began


def _got(host: RoutedHost) -> bool:
    """Tell whether a host has an address for its first container; before enough others are there it says so."""
    with suppress(RouterError):
        return bool(_asked(host, 1))
    return False


def _dying(lan: Lan, hosts: Sequence[RoutedHost], rounds: int) -> list[float]:
    """Kill one host after the other for good, and start another each time; return how long each address took."""
    there = list(hosts)
    for host in there:
        host.launch(*(other.address for other in there if other is not host))
    until(lambda: all(host.ready for host in there) and lan.meshed(), _HANG_SECONDS)
    there[0].ask(RouterClient.prime)
    names = {host.number: host.ask(RouterClient.report)["Router"]["Name"] for host in there}
    taken: list[float] = []
    for number in range(rounds):
        dead = there.pop(0)
        dead.end(signal.SIGKILL)
        (newcomer,) = lan.add(1)
        newcomer.launch(*(other.address for other in there))
        there.append(newcomer)
        until(partial(_forgets, there[0], names[dead.number]), _HANG_SECONDS)
        there[0].ask(RouterClient.remove_peer, names[dead.number])
        until(partial(getattr, newcomer, "ready"), _HANG_SECONDS)
        names[newcomer.number] = newcomer.ask(RouterClient.report)["Router"]["Name"]
        taken += [_asked(host, number) for host in there]
    return taken


def _forgets(host: RoutedHost, name: str) -> bool:
    """Tell whether a peer is out of reach for a host, as its addresses go."""
    text: str = host.ask(RouterClient.status, "ipam")
    return not any(name in line and "unreachable!" not in line for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(measured_alone(measure, sys.argv[1:]))
