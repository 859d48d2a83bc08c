"""Fake daemons for transcripts: over a unix socket and over TLS."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.certificates import Certificates, make_certificates
from tests.fake_engine import FakeEngine
from weave_http import constants


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of a daemon and a client."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@contextmanager
def daemon(certificates: Certificates | None) -> Iterator[FakeEngine]:
    """A daemon that has the weave image and busybox, behind TLS or a unix socket."""
    with tempfile.TemporaryDirectory(prefix="wt-") as folder:
        engine = (
            FakeEngine(tls=certificates.server, client_tls=certificates.client)
            if certificates
            else FakeEngine(Path(folder) / "docker.sock")
        )
        with engine:
            engine.images |= {constants.DEFAULT_IMAGE: {"Id": "sha256:1"}, "busybox": {"Id": "sha256:2"}}
            engine.pullable.add(constants.DEFAULT_IMAGE)
            yield engine


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    """A daemon on a unix socket."""
    with daemon(None) as engine:
        yield engine


@pytest.fixture(params=["unix", "tls"])
def either(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[FakeEngine]:
    """A daemon, once behind each kind of endpoint."""
    with daemon(certificates if request.param == "tls" else None) as engine:
        yield engine
