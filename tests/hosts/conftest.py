"""Three Docker hosts for all tests of this folder, clean again after each, or after a file that shares what runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network
from pathlib import Path
from zlib import crc32

import pytest

from tests.hosts.host import Host
from weave_http import constants
from weave_http.image import build_guest_image, build_image
from weave_http.sandbox import Sandbox
from weave_http.sandbox.podman import is_podman

PROJECT = Path(__file__).parents[2]
CACHE = PROJECT / "build" / "cache" / "weave-http"
ENGINE_ROOT = Path(os.environ.get("WEAVE_TEST_ENGINE_ROOT", "/"))
"""Root file system with the engine to test on; this machine's own by default."""
GATEWAY = "10.88.0.1" if is_podman(ENGINE_ROOT) else "172.17.0.1"
"""A host's own address on its engine's default network, by which containers reach it."""
NAMES = ("host1", "host2", "host3")
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Which of the processes that share the tests this is; each has hosts of its own."""
CHECKOUT = crc32(str(PROJECT).encode())
SANDBOX = os.environ.get("WEAVE_TEST_SANDBOX", f"w{CHECKOUT % 1296:02x}-") + str(WORKER)
LAN = os.environ.get("WEAVE_TEST_SUBNET", f"10.{64 + CHECKOUT % 32}.0.0/16")
SUBNET = list(IPv4Network(LAN).subnets(new_prefix=20))[WORKER]
"""What the hosts' sandbox is called, and its LAN: each checkout has its own, so that two can be tested side by side."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything in this folder needs Docker hosts; on Podman, what it can't is left out, and said."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.hosts)
    if is_podman(ENGINE_ROOT):
        left_out = [item for item in items if item.get_closest_marker("not_podman")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
        for item in left_out:
            marker = item.get_closest_marker("not_podman")
            assert marker is not None
            print(f"not on Podman: {item.nodeid}: {marker.kwargs['reason']}")


def build() -> tuple[Path, Path]:
    """Build the image of the executor and router, and the guest image, and return the archives."""
    CACHE.mkdir(parents=True, exist_ok=True)
    weave = build_image(CACHE / "weave.tar", cache=CACHE, report=print)
    guest = build_guest_image(CACHE / "guest.tar", cache=CACHE, report=print)
    return weave.path, guest.path


@pytest.fixture(scope="session")
def images() -> tuple[Path, Path]:
    """The image of the executor and router, and the guest image, as archives."""
    return build()


@pytest.fixture(scope="session")
def sandbox(images: tuple[Path, Path]) -> Iterator[Sandbox]:
    """Three hosts, with both images in their engines."""
    state = Path(f"/var/lib/weave-test-hosts-{SANDBOX}")
    sandbox = Sandbox(state_dir=state, name=SANDBOX, subnet=str(SUBNET))
    sandbox.down()
    try:
        sandbox.up(hosts=len(NAMES), engine_root=ENGINE_ROOT, report=print)
        for name in NAMES:
            for image in images:
                Host(sandbox, name, unix=True).weave("setup", "--from", str(image))
        yield sandbox
    finally:
        sandbox.down()
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def clean(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The hosts, without any container or anything of Weave's on them before and after."""
    yield sandbox
    assert swept(sandbox) == {}


@pytest.fixture(scope="module")
def kept(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The hosts for a whole file, whose tests leave what they found; clean before the first and after the last."""
    yield sandbox
    assert swept(sandbox) == {}


def swept(sandbox: Sandbox, *names: str) -> dict[str, str]:
    """Remove containers and Weave from hosts, all by default; return what is left of Weave all the same, by host."""
    hosts = [Host(sandbox, name, unix=True) for name in names or NAMES]
    with ThreadPoolExecutor() as pool:
        left = list(pool.map(_swept, hosts))
    return {host.name: what for host, what in zip(hosts, left, strict=True) if what}


def _swept(host: Host) -> str:
    host.sandbox.cable(host.name, up=True)
    is_weaves = host.left_overs() != ""
    if is_weaves:
        host.weave("reset", "--force")
    _remove(host, "-q")
    return host.left_overs() if is_weaves else ""


@pytest.fixture
def used(kept: Sandbox) -> Iterator[Host]:
    """One host without a router and containers, on which Weave may have been: it is reset only after a router."""
    host = Host(kept, "host1", unix=True)
    yield host
    if host.shell(f"docker ps -aq --filter label={constants.ROLE_LABEL}"):
        assert swept(kept, host.name) == {}
    else:
        without_containers(host)


@pytest.fixture
def fresh(used: Host) -> Iterator[None]:
    """Nothing of Weave's is on that host before and after."""
    assert swept(used.sandbox, used.name) == {}
    yield
    assert swept(used.sandbox, used.name) == {}


def without_containers(*hosts: Host) -> None:
    """Remove containers from hosts, but for those of Weave's image."""
    for host in hosts:
        _remove(host, "--format '{{.Image}} {{.ID}}' | sed -n '/weavehttp/!s/.* //p'")


def _remove(host: Host, listed: str) -> None:
    """Remove containers and their volumes.

    Args:
        host: where.
        listed: how `docker ps` goes on so that it has an identity in each line.
    """
    # Podman's `rm -f` gives each ten seconds to end.
    stop = f"docker ps {listed} | xargs -r docker stop -t 0 >/dev/null; " if is_podman(ENGINE_ROOT) else ""
    host.shell(f"{stop}docker ps -a {listed} | xargs -r docker rm -fv >/dev/null")


@pytest.fixture
def trio(clean: Sandbox) -> list[Host]:
    """The hosts, over TCP with mutual TLS."""
    return [Host(clean, name) for name in NAMES]


@pytest.fixture
def host(sandbox: Sandbox) -> Iterator[Host]:
    """One host, over its unix socket; the others are left alone."""
    yield Host(sandbox, "host1", unix=True)
    assert swept(sandbox, "host1") == {}
