"""From nothing to the first ping across two hosts, by the commands that a user would type, one after the other."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

from tests.bench.figures import Cells, Table
from tests.bench.stage import NAME, STATE, SUBNET, Stage, await_true, pid_of
from tests.hosts.host import GUEST, Host
from weave_http import constants

_UP = "from pathlib import Path; from weave_http.sandbox import Sandbox; Sandbox(Path({!r}), {!r}, {!r}).up(2)"
Phases = dict[str, float]


def bring_up(stage: Stage) -> Phases:
    """Bring the hosts up, to two containers `box` of which one pings the other; return the seconds of each phase."""
    stage.sandbox.down()
    phases: Phases = {}
    begun = time.perf_counter()

    def phase(name: str, *steps: Callable[[], object]) -> None:
        started = time.perf_counter()
        for step in steps:
            step()
        phases[name] = time.perf_counter() - started

    one, two = stage.hosts
    weave, guest = map(str, stage.images)
    phase("hosts up", lambda: _sandbox_up(stage))
    phase(
        "setup --from (image load) ×2",
        *(lambda host=host: stage.weave(host, "setup", "--from", weave) for host in (one, two)),
    )
    phase(
        "guest image load ×2", *(lambda host=host: stage.weave(host, "setup", "--from", guest) for host in (one, two))
    )
    phase("launch ×2", lambda: stage.weave(one, "launch"), lambda: stage.weave(two, "launch", one.address))
    phase(
        "mesh", *(lambda pair=pair: await_true(lambda: floods_to(*pair), "mesh") for pair in ((one, two), (two, one)))
    )
    phase("run ×2", lambda: run_box(stage, one, "10.2.1.1"), lambda: run_box(stage, two, "10.2.1.2"))
    phase("first ping", lambda: await_true(lambda: pings(one, "10.2.1.2"), "first ping"))
    phases["all"] = time.perf_counter() - begun
    return phases


def _sandbox_up(stage: Stage) -> None:
    stage.timed(None, [sys.executable, "-c", _UP.format(str(STATE), NAME, SUBNET)])


def run_box(stage: Stage, host: Host, address: str) -> float:
    """Start the container `box` on the network; return the milliseconds that took."""
    return stage.weave(host, "run", f"{address}/24", "--name", "box", GUEST, "sleep", "3600")


def floods_to(host: Host, peer: Host) -> bool:
    """Tell whether a host's VXLAN device sends to another host."""
    return f"dst {peer.address}" in host.try_shell(f"bridge fdb show dev {constants.VXLAN_DEVICE}").stdout


def pings(host: Host, address: str) -> bool:
    """Tell whether the container `box` of a host has an answer to one ping within a second."""
    line = f"nsenter -t {pid_of(host, 'box')} -n ping -q -c 1 -W 1 {address}"
    return host.try_shell(line).returncode == 0


def measure(stage: Stage, rounds: int) -> Table:
    """Bring the hosts up several times from nothing, and leave them up; return where the seconds go."""
    runs = [bring_up(stage) for _ in range(rounds)]
    rows: list[Cells] = []
    whole = median(run["all"] for run in runs)
    for name in runs[0]:
        each = [run[name] for run in runs]
        rows.append((name, f"{median(each):.2f}", f"{min(each):.2f}–{max(each):.2f}", f"{median(each) / whole:.0%}"))
    return Table(
        "Two hosts, from nothing to the first ping across",
        ("phase, one after the other", "s", "of all runs", "share"),
        rows,
        [f"Medians of {rounds} runs; both images were built before."],
    )


def clear_boxes(host: Host) -> None:
    """Remove all containers of a host that are not weave's own."""
    names_ = host.shell("docker ps -a --format '{{.Names}}'").split()
    for name in names_:
        if name not in (constants.ROUTER_CONTAINER, constants.RESIDENT_CONTAINER):
            host.shell(f"docker rm -f {name}")


def engine_version(host: Host) -> str:
    """Return the version of a host's engine."""
    return host.shell("docker version -f '{{.Server.Version}}'").strip()


def cli_version(docker: str) -> str:
    """Return the version of a docker CLI."""
    done = subprocess.run([docker, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[2].rstrip(",")
