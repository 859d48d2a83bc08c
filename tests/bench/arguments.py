"""How long it takes to read the arguments of docker run: the table against whatever a line may be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath
from statistics import median
from time import perf_counter

from tests.bench.figures import Cells, Table, alternate, figure
from tests.bench.stage import Stage
from weave_http.run_args import parse

_ONE = "--name c1 busybox sh"
_FORTY = """
-d -i -t --name web -h web --domainname example.com -u 1000:1000 -w /srv --entrypoint /bin/sh -e A=1 -e B=x=y --env=TOWN
-l a=1 --stop-signal SIGINT --stop-timeout 30 --health-cmd true --health-interval 1m30s -p 8080:80
-p 127.0.0.1:8443:443/tcp --network mine --network-alias web --ip 10.1.2.3 --dns 8.8.8.8 --dns-search example.com
--add-host a:1.2.3.4 -v /src:/dst:ro -v named:/n --mount type=tmpfs,dst=/t,tmpfs-size=1m --tmpfs /run -m 512m --cpus 1.5
--ulimit nofile=1024:2048 --device /dev/null --cap-add NET_ADMIN --security-opt no-new-privileges
--sysctl net.ipv4.ip_forward=1 --restart on-failure:3 --log-opt max-size=1m --init --read-only busybox sh -c ls
"""
SHORT = _ONE.split()
LONG = _FORTY.split()
"""A line of forty options."""
_REPEATS = 200


def microseconds(words: list[str]) -> float:
    """Return how long one parse takes, as the mean of many."""
    environ, directory = {"TOWN": "Bree"}, PurePosixPath("/home/me")
    start = perf_counter()
    for _ in range(_REPEATS):
        parse(words, environ=environ, directory=directory)
    return (perf_counter() - start) / _REPEATS * 1e6


def measure(stage: Stage, rounds: int) -> Table:
    """Measure parsing, and what importing the parser adds to a start."""

    def python(statement: str) -> Callable[[], float]:
        return partial(stage.timed, None, [sys.executable, "-c", statement])

    # The first of each pair does nothing but what the second does before.
    starts = (python("import weave_http.errors"), python("import weave_http.run_args"))
    parses = (partial(microseconds, SHORT), partial(microseconds, LONG))
    alternate((*starts, *parses), 1)
    bare, imported = map(median, alternate(starts, rounds))
    short, long = map(median, alternate(parses, rounds))
    rows: list[Cells] = [
        ("a line of one option", figure(short, "µs")),
        ("a line of forty options", figure(long, "µs")),
        ("importing the parser, once a run", figure(imported - bare, "ms")),
    ]
    return Table("Reading docker run's arguments", ("", "median"), rows, [f"{rounds} rounds of {_REPEATS} lines each."])
