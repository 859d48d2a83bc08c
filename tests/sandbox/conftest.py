"""Sandboxes of the tests' own: another name, subnet and directory for every test run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox import traces
from weave_http.sandbox import Sandbox

MakeSandbox = Callable[[Path], Sandbox]


@pytest.fixture(scope="module")
def own_sandbox(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A sandbox that nobody else uses, down before and after."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.fail("needs root and a dockerd: .ci/setup-tools installs it; leave these out by --ignore=tests/sandbox")
    number = os.getpid()
    state = tmp_path_factory.mktemp("sandbox") / "state"
    sandbox = Sandbox(state, name=f"t{number}", subnet=f"10.{200 + number % 50}.{number // 50 % 256}.0/24")
    sandbox.down()
    yield sandbox
    sandbox.down()
    assert traces.of(sandbox) == []
