"""What a router loads to start: a module that it loads for nothing is paid for by each router, at each start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.router.hosts import Lan, RoutedHost, until
from weave_http.host.router_client import RouterClient

pytestmark = pytest.mark.kernel
LATER = {
    "aiohttp",
    "cryptography",
    "h11",
    "prometheus_client",
    "spake2",
    "weave_http.proxy.changes",
    "weave_http.proxy.connection",
    "weave_http.router.control.describe",
    "weave_http.router.control.http_api",
    "weave_http.router.control.report",
    "weave_http.router.keys.service",
    "weave_http.router.plugin.service",
    "weave_http.router.secrecy.service",
    "weave_http.run_args",
}
"""What some routers need at once, and others when somebody asks."""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[RoutedHost]:
    """A host whose router has come up, and logs the modules that it loads."""
    with Lan(tmp_path) as lan:
        host = lan.add(1)[0]
        router = ["-m", "weave_http", "--router", "--plugin=false", "--state-dir", str(host.folder)]
        host.run_router([sys.executable, "-X", "importtime", *router], {"PROCFS": "/proc"})
        until(lambda: " on port 6783" in host.log.read_text())
        yield host


def loaded(host: RoutedHost) -> set[str]:
    """Return the modules that a router has loaded so far, as Python said it: `import time: OWN | ALL | MODULE`."""
    return {line.rpartition("|")[2].strip() for line in host.log.read_text().splitlines() if "|" in line}


def test_a_router_starts_without_what_it_may_never_need(host: RoutedHost) -> None:
    assert "weave_http.router.mesh.peering" in loaded(host)
    assert not loaded(host) & LATER


def test_the_http_server_is_loaded_when_somebody_first_asks(host: RoutedHost) -> None:
    assert "Name: " in host.ask(RouterClient.status)
    assert {"aiohttp", "weave_http.router.control.http_api"} <= loaded(host)
    assert not loaded(host) & {"cryptography", "prometheus_client", "weave_http.proxy.changes"}
