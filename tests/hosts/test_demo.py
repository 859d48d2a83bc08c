"""`make demo`: what a newcomer sees first."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.conftest import CHECKOUT, SANDBOX
from weave_http.sandbox import Sandbox

NAME = f"d{SANDBOX}"
STATE = Path(f"/var/lib/weave-{NAME}")
LAN = f"10.{96 + CHECKOUT % 32}.0.0/16"
DEMO = Path(__file__).parents[2] / "docs" / "demo.sh"


def demo(*prefix: str, option: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [*prefix, str(DEMO), *filter(None, [option])],
        env=os.environ
        | {"PATH": path, "XDG_CACHE_HOME": str(DEMO.parents[1] / "build" / "cache")}
        | {"DEMO_NAME": NAME, "DEMO_SUBNET": LAN}
        | environ,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def namespaces() -> str:
    listed = subprocess.run(["ip", "netns"], capture_output=True, text=True, timeout=10, check=True).stdout
    return "\n".join(line for line in listed.splitlines() if line.startswith(f"{NAME}-"))


@pytest.mark.usefixtures("images")
def test_the_demo_works_beside_another_sandbox_and_leaves_nothing(sandbox: Sandbox) -> None:
    before, beside = namespaces(), sandbox.hosts()
    done = demo()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" 0% packet loss") == 3
    assert re.search(r"^Address: 10\.32\.", done.stdout, re.MULTILINE)
    first, second = re.findall(r"^([0-9a-f]{64})  ", done.stdout, re.MULTILINE)
    assert first == second
    for call in ("POST   /v1.41/containers/create", "DELETE /v1.41/containers/"):
        assert call in done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []
    assert namespaces() == before
    assert sandbox.hosts() == beside
    assert not STATE.exists()


def test_without_the_power_to_have_hosts_it_walks_the_same_way_and_says_so_first() -> None:
    done = demo("setpriv", "--bounding-set=-sys_admin")
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith("Nothing ran")
    assert "CAP_SYS_ADMIN" in first
    assert done.stderr.startswith("demo.sh: nothing ran: root lacks CAP_SYS_ADMIN")
    for step in ("up host1=tcp://host1:2375 ", "run --name c1", "ps", "status", "expose", "down --reset"):
        assert f"$ weave {step}" in done.stdout
    assert "/containers/create?name=c1" in done.stdout


def test_hosts_that_do_not_come_up_fail_the_demo_in_one_line(sandbox: Sandbox) -> None:
    done = demo(DEMO_SUBNET=sandbox.subnet)

    assert done.returncode == 1
    assert re.fullmatch(
        r"weave: the machine already has a route to .*; choose a subnet other than .* with --subnet; "
        r"docs/demo.sh --dry-run shows the API calls without hosts\n",
        done.stderr,
    )
    assert not STATE.exists()


def test_a_dry_run_needs_no_hosts_and_says_nothing_of_trouble() -> None:
    done = demo(option="--dry-run")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "Nothing ran: the API calls are only shown."


def test_demos_of_two_checkouts_are_side_by_side_without_options(tmp_path: Path) -> None:
    """A `weave` that only notes its words stands in for the real one: what is looked at are the names."""
    named = []
    for number, checkout in enumerate(("one", "one", "two")):
        folder, noted = tmp_path / checkout, tmp_path / f"words{number}"
        (folder / "docs").mkdir(parents=True, exist_ok=True)
        shutil.copy(DEMO, folder / "docs")
        (tmp_path / "weave").write_text(f'#!/bin/sh\necho "$@" >>{noted}\n[ "$2" != up ]\n')
        (tmp_path / "weave").chmod(0o755)
        environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        argv = [str(folder / "docs" / "demo.sh")]
        done = subprocess.run(argv, env=environ, capture_output=True, timeout=20, check=False)
        assert done.returncode == 1
        words = re.search(r"up --hosts 2 --state (\S+) --name (\S+) --subnet (\S+)", noted.read_text())
        assert words
        named.append(words.groups())
    first, again, other = named
    assert first == again
    assert all(one != two for one, two in zip(first, other, strict=True))
    Sandbox(tmp_path, name=first[1], subnet=first[2])
