"""What the router and an attach cost beside many links of others: veths of containers that are not on the network."""

from __future__ import annotations

import os
import time
from statistics import median

from tests.bench.figures import Cells, Table, figure, verdict
from tests.bench.stage import Stage, pid_of
from tests.hosts.host import Host
from weave_http import constants

SIZES = (0, 250, 1000)
GOAL_CPU, GOAL_MIB, GOAL_RATIO = 1.0, 60.0, 1.3
"""Per cent of one processor, resident MiB, and how much longer an attach may take beside the most links than alone."""
_ADDRESS = "10.2.77.1/24"
_BRIDGE = "others"
_SETTLE_SECONDS = 5
_TICKS = os.sysconf("SC_CLK_TCK")


def measure(stage: Stage, host: Host, *, rounds: int, seconds: float) -> tuple[Table, list[str]]:
    """Add links in steps, and measure at each; return the table, and what misses its goal.

    Args:
        stage: where programs run.
        host: with a router.
        rounds: attaches at each step.
        seconds: for which the idle router is watched.
    """
    host.start("late", "--network none")
    rows: list[Cells] = []
    attaches: list[float] = []
    missed: list[str] = []
    there = 0
    host.shell(f"ip link add {_BRIDGE} type bridge; ip link set {_BRIDGE} up")
    try:
        for size in SIZES:
            host.shell(_more(there, size))
            there = size
            time.sleep(_SETTLE_SECONDS)
            percent, mib = idle(host, seconds)
            each = [attach(stage, host) for _ in range(rounds + 1)][1:]
            attaches.append(median(each))
            ratio = attaches[-1] / attaches[0]
            goals = {
                f"router's CPU at {size}": percent <= GOAL_CPU,
                f"router's memory at {size}": mib <= GOAL_MIB,
                f"attach at {size}": ratio <= GOAL_RATIO,
            }
            missed += [name for name, met in goals.items() if not met]
            rows.append(
                (
                    f"{size:,}",
                    f"{percent:.2f} %",
                    f"{mib:.0f} MiB",
                    figure(attaches[-1], "ms"),
                    f"{ratio:.2f}",
                    verdict(all(goals.values())),
                )
            )
    finally:
        host.shell("for veth in $(ip -br link show type veth | grep -o '^oth[0-9]*'); do ip link del $veth; done")
        host.shell(f"ip link del {_BRIDGE}; docker rm -f late")
    notes = [
        f"veth pairs that others have on the host, half of them on a bridge. The router is idle and watched for "
        f"{seconds:g} s, with the programs it runs; an attach is a whole command over TCP with mutual TLS, the median "
        f"of {rounds}. Goals: {GOAL_CPU:g} % of one processor, {GOAL_MIB:g} MiB, {GOAL_RATIO:g} times the attach alone."
    ]
    columns = ("pairs of others", "router idle", "resident", "attach", "ratio", "")
    return Table("Beside many links of others", columns, rows, notes), missed


def _more(there: int, size: int) -> str:
    """Return the shell line that adds veth pairs: every second one with a port on the bridge of others."""
    lines = (
        f"link add oth{number} {f'master {_BRIDGE} ' if number % 2 else ''}type veth peer name oths{number}"
        for number in range(there, size)
    )
    return "ip -batch - <<'END'\n" + "\n".join(lines) + "\nEND"


def idle(host: Host, seconds: float) -> tuple[float, float]:
    """Return the per cent of a processor that the router uses in a while, with its programs, and its resident MiB."""
    pid = pid_of(host, constants.ROUTER_CONTAINER)
    before, began = _ticks(host, pid), time.monotonic()
    time.sleep(seconds)
    used = (_ticks(host, pid) - before) / _TICKS / (time.monotonic() - began) * 100
    kib = host.shell(f"awk '/^VmRSS/ {{print $2}}' /proc/{pid}/status")
    return used, int(kib) / 1024


def _ticks(host: Host, pid: str) -> int:
    fields = host.shell(f"cat /proc/{pid}/stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def attach(stage: Stage, host: Host) -> float:
    """Attach a container and detach it again; return the milliseconds that the first took."""
    took = stage.weave(host, "attach", _ADDRESS, "late")
    stage.weave(host, "detach", _ADDRESS, "late")
    return took
