"""One command for many real hosts: a network from nothing, a host more, one that is dead, and the end of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.host import Done, Host

DEAD = "dead=tcp://127.0.0.1:1"
WEAVE = [sys.executable, "-m", "weave_http"]


@pytest.fixture
def fleet(trio: list[Host], tmp_path: Path) -> Fleet:
    return Fleet(trio, tmp_path)


class Fleet:
    """Several hosts as a person has them who names them in WEAVE_HOSTS."""

    def __init__(self, hosts: list[Host], config: Path) -> None:
        self.hosts = hosts
        self._config = config

    def weave(self, *words: str, hosts: int = 3, more: str = "", **variables: str) -> Done:
        """Run `weave WORDS…` for the first of the hosts, and for more of them."""
        environ = self._environ(hosts, more, variables)
        return subprocess.run([*WEAVE, *words], env=environ, capture_output=True, text=True, timeout=200, check=False)

    def started(self, *words: str) -> subprocess.Popen[str]:
        """Start `weave WORDS…` for all of the hosts."""
        environ, pipe = self._environ(len(self.hosts), "", {}), subprocess.PIPE
        return subprocess.Popen([*WEAVE, *words], env=environ, stdout=pipe, stderr=pipe, text=True)

    def _environ(self, hosts: int, more: str, variables: dict[str, str]) -> dict[str, str]:
        chosen = [f"{host.name}={host.environ()['DOCKER_HOST']}" for host in self.hosts[:hosts]]
        environ = self.hosts[0].environ(
            WEAVE_HOSTS=",".join(filter(None, [*chosen, more])), XDG_CONFIG_HOME=str(self._config), **variables
        )
        del environ["DOCKER_HOST"]
        return environ


def test_a_network_comes_up_takes_in_a_host_goes_on_without_a_dead_one_and_goes_down(fleet: Fleet) -> None:
    one, two, three = fleet.hosts
    up = fleet.weave("up", hosts=2)
    assert (up.returncode, up.stderr) == (0, "weave: 2 hosts: 2 done\n")
    assert up.stdout.count("connected to 1 peer\n") == 2
    routers = [host.router_pid() for host in (one, two)]

    again = fleet.weave("up", more=DEAD)
    assert again.returncode == 125
    assert "weave: 4 hosts: 3 done, 1 failed: dead\n" in again.stderr
    assert again.stdout.count("connected to 2 peers\n") == 3
    assert [host.router_pid() for host in (one, two)] == routers, "twice is once"

    assert fleet.weave("--hosts", "host3", "ps").returncode == 1, "it has no name in the file of hosts"
    status = fleet.weave("status")
    assert status.stdout.splitlines()[0].startswith("HOST ")
    assert status.stdout.count("2 of 2") == 3
    assert fleet.weave("status", "--wait").returncode == 0

    for host, address in (("host1", "10.2.1.1/24"), ("host3", "10.2.1.3/24")):
        ran = fleet.weave("run", "--on", host, address, "--name", "box", "weave-guest", "sleep", "3600")
        assert ran.returncode == 0, ran.stderr
    assert three.pings("box", "10.2.1.1")
    spread = fleet.weave("run", "--spread", "2", "10.2.1.7/24", "--name", "many", "weave-guest", "sleep", "3600")
    assert spread.returncode == 0, spread.stderr
    assert two.pings("many-2", "10.2.1.7")

    listed = fleet.weave("ps", "--format", "json", more=DEAD)
    document = json.loads(listed.stdout)
    assert list(document) == ["host1", "host2", "host3", "dead"]
    assert document["dead"]["code"] == listed.returncode == 125
    assert ["10.2.1.3/24"] in [entry["Addresses"] for entry in document["host3"]]

    assert fleet.weave("down").returncode == 0
    assert fleet.weave("status").returncode == 1
    down = fleet.weave("down", "--reset")
    assert down.returncode == 0, down.stderr
    assert [host.left_overs() for host in fleet.hosts] == ["", "", ""]


def test_a_frozen_host_does_not_hold_the_rows_of_the_others(fleet: Fleet) -> None:
    for host in fleet.hosts:
        host.weave("launch")
        host.start("box", "--network none")
        host.weave("attach", f"10.2.1.{host.name[-1]}/24", "box")
    frozen = fleet.hosts[2]
    frozen.shell("kill -STOP $(pidof dockerd podman)")
    try:
        with fleet.started("ps") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            rows = [process.stdout.readline().split()[0] for _ in range(5)]
            assert process.poll() is None, "the frozen one is still waited for"
            assert sorted(rows) == ["HOST", "host1", "host1", "host2", "host2"], "each has a bridge and a box"
            complaint = process.stderr.read()
            assert process.wait(60) == 125
    finally:
        frozen.shell("kill -CONT $(pidof dockerd podman)")
    assert "gave no answer within 10 s" in complaint
    assert "weave: 3 hosts: 2 done, 1 failed: host3\n" in complaint


def test_hosts_with_names_and_labels_are_chosen_from_the_file(fleet: Fleet) -> None:
    for host in fleet.hosts:
        endpoint = host.environ()["DOCKER_HOST"]
        added = fleet.weave("hosts", "add", host.name, endpoint, "--label", "all")
        assert (added.returncode, added.stderr) == (0, "")
    assert fleet.weave("hosts", "remove", "host2").returncode == 0
    assert fleet.weave("hosts", "remove", "host2").returncode == 1
    listed = fleet.weave("hosts", "list").stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["NAME", "host1", "host3"]
    version = fleet.weave("--hosts", "label=all", "version")
    assert version.returncode == 0
    assert {line.split(" | ")[0] for line in version.stdout.splitlines()} == {"host1", "host3"}


def test_the_image_goes_from_the_host_that_has_it_to_those_that_lack_it(fleet: Fleet) -> None:
    copy = "copied/weave:2"
    fleet.hosts[1].shell(f"docker tag weavehttp/weave:0.1.0 {copy}")
    try:
        done = fleet.weave("up", EXEC_IMAGE=copy)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("the image has come from host") == 2
        assert "host2 | the image is there" in done.stdout
    finally:
        for host in fleet.hosts:
            host.weave("reset")
            host.try_shell(f"docker rmi {copy}")
