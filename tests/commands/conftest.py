"""A caller whose daemon is a fake one on a real socket."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_engine import FakeEngine
from weave_http import constants
from weave_http.addresses import parse_cidr
from weave_http.commands import Caller, run_container
from weave_http.engine import connect
from weave_http.records import dataclass
from weave_http.run_args import CreateRequest


def run(
    caller: Caller, addresses: list[str], request: CreateRequest, *, wait: bool = True, foreground: bool = False
) -> int:
    """Run a container and return the exit code."""
    return run_container(caller, list(map(parse_cidr, addresses)), request, wait=wait, foreground=foreground).code


@dataclass
class Desk:
    """A fake engine, a caller, and what the caller has been told."""

    fake: FakeEngine
    caller: Caller
    out: io.BytesIO
    err: io.BytesIO

    def routes(self) -> list[str]:
        """The calls made, with ids replaced."""
        known = {identity: f"<{index}>" for index, identity in enumerate(self.ids, start=1)}
        calls = []
        for request in self.fake.requests:
            call = request.call
            for identity, shown in known.items():
                call = call.replace(identity, shown)
            calls.append(call)
        return calls

    @property
    def ids(self) -> list[str]:
        """Ids of containers in the order of the calls that first name them."""
        found: dict[str, None] = {}
        for request in self.fake.requests:
            part = request.path.split("/")[2:3]
            if part and len(part[0]) == 64:
                found[part[0]] = None
        return list(found)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A caller of a fake engine that has the weave image."""
    with FakeEngine(tmp_path / "d.sock") as fake, connect(fake.endpoint) as engine:
        fake.images[constants.DEFAULT_IMAGE] = {"Id": "sha256:" + "1" * 64}
        out, err = io.BytesIO(), io.BytesIO()
        yield Desk(fake, Caller(engine, out, err), out, err)
