"""Two Docker hosts in the emulated machine, with both images: one sandbox for all tests of a run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.hosts.host import Done, Host
from tests.patience import PATIENCE
from weave_http.sandbox import Sandbox
from weave_http.sandbox import host as sandbox_host

IMAGES = sorted(Path("/opt/images").glob("*.tar"))


@pytest.fixture(scope="session")
def pair() -> Iterator[tuple[Host, Host]]:
    """Two hosts that have the images of the executor and of a small guest."""
    sandbox = Sandbox(Path("/var/lib/weave-vm"))
    sandbox_host.ENGINE_SECONDS *= PATIENCE
    for hosts in (1, 2):  # one after the other: two engines that start at once take more than twice as long
        sandbox.up(hosts, report=print)
    one, two = (Host(sandbox, name) for name in ("host1", "host2"))
    for host in (one, two):
        for image in IMAGES:
            host.weave("setup", "--from", str(image))
    yield one, two
    sandbox.down()


@pytest.fixture
def network(pair: tuple[Host, Host]) -> Iterator[tuple[Host, Host]]:
    """The same hosts with nothing of Weave's on them, before and after."""
    yield pair
    for host in pair:
        swept(host)


@pytest.fixture
def own_engine(pair: tuple[Host, Host]) -> Iterator[Host]:
    """The machine itself as a Docker host, whose engine systemd runs; with the images, and clean again afterwards."""
    host = OwnEngine(pair[0].sandbox, "vm", unix=True)
    host.shell("systemctl start docker.service")
    for image in IMAGES:
        host.weave("setup", "--from", str(image))
    yield host
    swept(host)
    host.shell("systemctl stop docker.service docker.socket containerd.service")


class OwnEngine(Host):
    """The machine that the sandbox is on."""

    @property
    def address(self) -> str:
        """Its address on the sandbox's LAN."""
        return str(IPv4Network(self.sandbox.subnet)[2])

    def environ(self, **more: str) -> dict[str, str]:
        """The environment of a caller who means its engine."""
        return dict(os.environ) | {"DOCKER_HOST": "unix:///var/run/docker.sock"} | more

    def try_shell(self, line: str) -> Done:
        """Run a shell line, as root."""
        return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60 * PATIENCE, check=False)


def swept(host: Host) -> None:
    """Remove all containers and all that is Weave's, and look whether anything is left."""
    host.weave("reset", "--force")
    host.shell("docker ps -aq | xargs -r docker rm -f >/dev/null")
    assert host.left_overs() == ""
