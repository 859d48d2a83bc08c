"""The wires that all contract tests run over: every adapter, against the same fake daemon."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.engine.certificates import Certificates, make_certificates
from tests.engine.sshd import SSHServer, client_options, ssh_server
from tests.fake_engine import FakeEngine
from weave_http.engine import Endpoint, Engine, Transport
from weave_http.engine.connecting import RoutedTransport
from weave_http.engine.wire.contract import Timeouts
from weave_http.engine.wire.pool import WireTransport

PATIENT = Timeouts(connect=10, quick=30)
HASTY = Timeouts(connect=2, quick=0.3)
"""For daemons that are meant to hang."""
DRIPPED = Timeouts(connect=10, quick=5, whole=0.5)
"""For daemons that come to no end."""


@dataclass(frozen=True)
class Wire:
    """A fake daemon, and how to reach it: requests with an answer by a package or by the wire, streams by the wire."""

    name: str
    fake: FakeEngine
    open: Callable[..., Transport]
    endpoint: Endpoint
    hasty: Timeouts = HASTY
    dripped: Timeouts = DRIPPED

    @property
    def slow(self) -> bool:
        """Whether a connection takes a fraction of a second, so that a test can't make a thousand."""
        return self.name == "ssh"

    @property
    def by_package(self) -> bool:
        """Whether a package carries requests with an answer."""
        return self.open is by_package

    def kept(self, urls: int, *, streams: bool = False) -> int:
        """Return how many connections are kept after requests one after the other.

        Args:
            urls: how many different ones they had: requests-unixsocket keeps a connection for each.
            streams: whether some of them were streams or uploads, which always go by the wire.
        """
        return (urls if self.name == "requests-unixsocket" else 1) + (streams and self.by_package)

    def transport(self, timeouts: Timeouts = PATIENT) -> Transport:
        return self.open(self.endpoint, timeouts)

    @contextlib.contextmanager
    def engine(self, timeouts: Timeouts = PATIENT) -> Iterator[Engine]:
        with Engine(self.transport(timeouts), where=str(self.endpoint)) as engine:
            yield engine


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def socket_path() -> Iterator[Path]:
    """A short path: a socket's may have 107 bytes, and pytest's own folders are long."""
    with tempfile.TemporaryDirectory(prefix="wh-") as folder:
        yield Path(folder) / "docker.sock"


@pytest.fixture(scope="session")
def server_of_ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHServer]:
    with ssh_server(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture
def ssh(server_of_ssh: SSHServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[SSHServer]:
    """A real sshd, and a PATH whose `ssh` knows it."""
    monkeypatch.setenv("PATH", f"{server_of_ssh.client_path}:{os.environ['PATH']}")
    client_options(server_of_ssh)
    server_of_ssh.default_socket("/nowhere.sock")
    yield server_of_ssh
    client_options(server_of_ssh)


def by_package(endpoint: Endpoint, timeouts: Timeouts) -> Transport:
    return RoutedTransport(endpoint, "packages", timeouts)


@pytest.fixture(params=["requests-unixsocket", "httpx-tcp", "httpx-tls", "wire-unix", "wire-tcp", "wire-tls", "ssh"])
def wire(request: pytest.FixtureRequest, socket_path: Path, certificates: Certificates) -> Iterator[Wire]:
    name: str = request.param
    opener = WireTransport if name.startswith("wire") or name == "ssh" else by_package
    if name == "ssh":
        server: SSHServer = request.getfixturevalue("ssh")
        with FakeEngine(socket_path) as fake:
            # ssh itself needs part of a second for its connection, and more on a machine that is busy.
            yield Wire(
                name,
                fake,
                opener,
                server.endpoint(str(socket_path)),
                replace(HASTY, quick=5),
                replace(DRIPPED, whole=4),
            )
        return
    if "unix" in name:
        fake = FakeEngine(socket_path)
    elif name.endswith("tls"):
        fake = FakeEngine(tls=certificates.server, client_tls=certificates.client)
    else:
        fake = FakeEngine()
    with fake:
        yield Wire(name, fake, opener, fake.endpoint)
