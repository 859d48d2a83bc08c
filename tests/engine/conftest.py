"""The wires that all contract tests run over: every adapter, against the same fake daemon."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.certificates import Certificates, make_certificates
from tests.engine.sshd import SSHServer, client_options, ssh_server
from tests.fake_engine import FakeEngine
from weave_http.engine import Endpoint, Engine, Transport
from weave_http.engine.wire.common import Timeouts
from weave_http.engine.wire.plain import PlainTransport
from weave_http.engine.wire.ssh import SSHTransport
from weave_http.engine.wire.tcp import TCPTransport
from weave_http.engine.wire.unix import UnixTransport

PATIENT = Timeouts(connect=10, quick=30)
HASTY = Timeouts(connect=2, quick=0.3)
"""For daemons that are meant to hang."""


@dataclass(frozen=True)
class Wire:
    """A fake daemon, and how to reach it by one of the adapters."""

    name: str
    fake: FakeEngine
    open: Callable[..., Transport]
    endpoint: Endpoint
    hasty: Timeouts = HASTY

    @property
    def slow(self) -> bool:
        """Whether a connection takes a fraction of a second, so that a test can't make a thousand."""
        return self.name == "ssh"

    @property
    def lanes(self) -> int:
        """Connections that calls one after the other take: over TCP, short ones have one of their own."""
        return 2 if self.name in ("tcp", "tls") else 1

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


@pytest.fixture(params=["unix", "tls", "tcp", "ssh", "plain-unix", "plain-tcp"])
def wire(request: pytest.FixtureRequest, socket_path: Path, certificates: Certificates) -> Iterator[Wire]:
    name: str = request.param
    openers: dict[str, Callable[..., Transport]] = {
        "unix": UnixTransport,
        "tls": TCPTransport,
        "tcp": TCPTransport,
        "plain-unix": PlainTransport,
        "plain-tcp": PlainTransport,
    }
    if name == "ssh":
        server: SSHServer = request.getfixturevalue("ssh")
        with FakeEngine(socket_path) as fake:
            # ssh itself needs part of a second for its connection, and more on a machine that is busy.
            yield Wire(name, fake, SSHTransport, server.endpoint(str(socket_path)), Timeouts(connect=10, quick=5))
        return
    if name.endswith("unix"):
        fake = FakeEngine(socket_path)
    elif name == "tls":
        fake = FakeEngine(tls=certificates.server, client_tls=certificates.client)
    else:
        fake = FakeEngine()
    with fake:
        yield Wire(name, fake, openers[name], fake.endpoint)
