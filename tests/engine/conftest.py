"""The wires that all contract tests run over: every adapter, against the same fake daemon."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.certificates import Certificates, make_certificates
from tests.engine.sshd import SSHServer, client_options, ssh_server, stand_in
from tests.fake_engine import FakeEngine
from weave_http.engine import Endpoint, Engine, Transport
from weave_http.engine.connecting import RoutedTransport
from weave_http.engine.wire.contract import Timeouts
from weave_http.engine.wire.pool import WireTransport
from weave_http.records import dataclass, replace

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
        """Whether a connection is a process, so that a test can't make a thousand."""
        return self.endpoint.scheme == "ssh"

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


@pytest.fixture(scope="session")
def folder_of_ssh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an `ssh` that makes no connection."""
    folder = tmp_path_factory.mktemp("stand-in")
    stand_in(folder)
    return folder


@pytest.fixture
def ssh_here(folder_of_ssh: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Endpoint]:
    """A PATH whose `ssh` makes no connection: what makes an endpoint of a socket's path."""
    monkeypatch.setenv("PATH", f"{folder_of_ssh}:{os.environ['PATH']}")
    return lambda path: Endpoint("ssh", host="127.0.0.1", path=path, source="DOCKER_HOST")


def by_package(endpoint: Endpoint, timeouts: Timeouts) -> Transport:
    return RoutedTransport(endpoint, "packages", timeouts)


WIRES = ["requests-unixsocket", "httpx-tcp", "httpx-tls", "wire-unix", "wire-tcp", "wire-tls", "ssh"]
SSHD = pytest.param("sshd", marks=pytest.mark.long)
"""All of it over a real sshd again; `test_ssh.py` has what is ssh's own."""


@pytest.fixture(params=[*WIRES, SSHD])
def wire(request: pytest.FixtureRequest, socket_path: Path, certificates: Certificates) -> Iterator[Wire]:
    name: str = request.param
    opener = WireTransport if name.startswith(("wire", "ssh")) else by_package
    if name.startswith("ssh"):
        if name == "sshd":
            server: SSHServer = request.getfixturevalue("ssh")
            endpoint, hasty, whole = server.endpoint(str(socket_path)), 5, 4
        else:
            endpoint, hasty, whole = request.getfixturevalue("ssh_here")(str(socket_path)), 2, 2
        with FakeEngine(socket_path) as fake:
            # It needs part of a second to start, and more on a machine that is busy.
            yield Wire(name, fake, opener, endpoint, replace(HASTY, quick=hasty), replace(DRIPPED, whole=whole))
        return
    if "unix" in name:
        fake = FakeEngine(socket_path)
    elif name.endswith("tls"):
        fake = FakeEngine(tls=certificates.server, client_tls=certificates.client)
    else:
        fake = FakeEngine()
    with fake:
        yield Wire(name, fake, opener, fake.endpoint)
