"""Two Docker hosts in the emulated machine, with both images: one sandbox for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.host import Host
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


def swept(host: Host) -> None:
    """Remove all containers and all that is Weave's, and look whether anything is left."""
    host.weave("reset", "--force")
    host.shell("docker ps -aq | xargs -r docker rm -f >/dev/null")
    assert host.left_overs() == ""
