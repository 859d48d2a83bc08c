from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fake_engine import FakeEngine
from tests.host.stage import FakeRouter, Stage
from tests.net.kernel import Space
from weave_http import constants
from weave_http.host import resolving


@pytest.fixture(autouse=True)
def _name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names resolve when they are among these; a namespace of a test has no name server."""
    names = ("h2", "h4", "peer")
    monkeypatch.setattr(resolving, "_reason", lambda name: "" if name in names else "name or service not known")


@pytest.fixture
def spaces() -> Iterator[Callable[[], Space]]:
    """Makes network namespaces."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Space())


@pytest.fixture
def stage(spaces: Callable[[], Space], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A Docker host with an engine, and no router yet."""
    socket = tmp_path / "docker.sock"
    monkeypatch.setattr(constants, "DOCKER_SOCKET", str(socket))
    with FakeEngine(socket) as engine:
        engine.images[constants.DEFAULT_IMAGE] = {"Id": "sha256:0"}
        yield Stage(spaces(), engine, spaces)


@pytest.fixture
def router(stage: Stage) -> Iterator[FakeRouter]:
    """The router's API, answering on the host."""
    with FakeRouter(stage.host) as router:
        yield router
