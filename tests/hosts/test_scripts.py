"""Printed scripts, run by `sh` against real engines: the effect, the output and the exit code of the command."""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.host import GUEST, Done, Host, eventually
from weave_http import constants


def play(host: Host, *words: str) -> Done:
    """Print the script of a command, and run it without anything of Docker's or Weave's in the environment."""
    text = host.weave("script", *words)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "WEAVE_"))}
    return subprocess.run(["sh", "-c", text], env=clean, capture_output=True, text=True, timeout=120, check=False)


def same(text: str) -> str:
    """A text without what differs from run to run: ids, MAC addresses, process ids."""
    text = re.sub(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b", "<id>", text)
    return re.sub(r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b", "<mac>", text)


def state(host: Host) -> dict[str, Any]:
    """What there is of Weave on a host."""
    links = json.loads(host.shell("ip -j link show"))
    return {
        "links": sorted(
            (re.sub(r"(?<=^vethwe)[0-9a-f]+$|\d{2,}$", "N", link["ifname"]), link["mtu"], link.get("master"))
            for link in links
            if re.match("weave|vethwe|vxlan", link["ifname"])
        ),
        "rules": host.shell("{ iptables-nft-save; iptables-legacy-save; } 2>/dev/null | grep WEAVE | sort; true"),
        "containers": same(host.shell("docker ps -a --format '{{.Names}} {{.Image}} {{.Command}}' | sort")),
        "volumes": host.shell("docker volume ls -q | grep weave; true"),
        "attached": same(host.weave("ps")),
    }


DAY = (
    "launch 198.51.100.7",
    "launch",
    "status targets",
    f"run 10.2.1.1/24 --name c1 -e A=it's {GUEST} sleep 3600",
    f"run 10.2.1.1/24 --name c1 {GUEST} sleep 3600",
    f"run 10.2.1.9/24 --name brief {GUEST} true",
    f"run 10.2.1.9/24 --name none {GUEST} no-such-program",
    "attach 10.2.2.1/24 10.2.3.1/24 c1",
    "attach 10.2.1.1/24 nobody",
    "ps c1",
    "detach 10.2.2.1/24 c1",
    "connect --replace 198.51.100.8 198.51.100.9",
    "forget 198.51.100.8",
    "status targets",
    "version",
    "stop",
    "stop",
    "reset --force",
)
"""A day's work, with failures."""
SHORT_DAY = ("launch", f"run 10.2.1.1/24 --name c1 {GUEST} sleep 3600", "ps nobody", "reset")


@pytest.mark.parametrize(
    ("unix", "day"),
    [pytest.param(True, DAY, id="unix", marks=pytest.mark.long), pytest.param(False, SHORT_DAY, id="tls")],
)
def test_a_day_of_scripts_ends_each_step_as_a_day_of_commands(
    trio: list[Host], unix: bool, day: tuple[str, ...]
) -> None:
    by_command = Host(trio[0].sandbox, "host1", unix=unix)
    by_script = Host(trio[0].sandbox, "host2", unix=unix)
    with ThreadPoolExecutor() as pool:
        for line in day:
            words = line.split()
            command, script = pool.submit(by_command.try_weave, *words), pool.submit(play, by_script, *words)
            done, played = command.result(), script.result()
            compare(line, done, played)
            if played.returncode == 0 and not line.startswith(("ps", "status", "version")):
                # A container that has ended loses its interface a moment later.
                eventually(lambda: state(by_script) == state(by_command), seconds=10)
                assert state(by_script) == state(by_command), line


def compare(line: str, done: Done, played: Done) -> None:
    assert played.returncode == done.returncode, (line, done, played)
    assert same(played.stdout) == same(done.stdout), (line, done, played)
    assert same(played.stderr) == same(done.stderr), (line, done, played)


def test_a_script_loads_an_archive(host: Host, images: tuple[Path, Path]) -> None:
    _, guest = images
    host.shell(f"docker rmi {GUEST}")
    done = play(host, "setup", "--from", str(guest))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{GUEST}\n", "")
    assert host.shell("docker images -q weave-guest").strip()
    assert play(host, "setup", "--from", str(images[0])).stdout.strip() == constants.DEFAULT_IMAGE
