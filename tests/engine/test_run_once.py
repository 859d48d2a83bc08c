"""A container that is to have run once, while somebody else is about the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fake_engine import FakeEngine, Recorded, Reply
from weave_http.engine import Created, Engine, connect, run_once
from weave_http.engine.errors import Conflict, NotFound

BODY = {"Image": "i", "Entrypoint": ["true"]}


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    """A daemon with an image."""
    with FakeEngine() as engine:
        engine.images["i"] = {"Id": "sha256:1"}
        yield engine


def have(fake: FakeEngine) -> None:
    with connect(fake.endpoint) as engine:
        run_once.run_once(engine, "once", lambda: create(engine), engine.containers.remove)


def create(engine: Engine) -> Created:
    return engine.containers.create(BODY, name="once")


def status(fake: FakeEngine) -> list[str]:
    return [each.status for each in fake.containers.values()]


def made_by_another(fake: FakeEngine, looks: int) -> None:
    """From the first create on the name is another's, whose container is there after some looks at it."""
    seen = itertools.count(1)

    def taken(_request: Recorded, reply: Reply) -> None:
        reply.error(409, 'Conflict. The container name "/once" is already in use by container "abc".')

    def look(request: Recorded, reply: Reply) -> None:
        if next(seen) == looks:
            fake.on("POST", "/containers/create", fake._create)
            fake.on("GET", "/containers/once/json", fake._inspect)
            have(fake)
        fake._inspect(request, reply)

    fake.on("POST", "/containers/create", taken)
    fake.on("GET", "/containers/once/json", look)


def test_one_that_another_makes_is_waited_for(fake: FakeEngine) -> None:
    made_by_another(fake, looks=3)
    have(fake)
    assert status(fake) == ["exited"]


def test_one_that_was_made_and_never_started_is_started(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_once, "STARTING_SECONDS", 0)
    with connect(fake.endpoint) as engine:
        create(engine)
    have(fake)
    assert status(fake) == ["exited"]


def test_one_that_can_not_be_started_is_removed_and_the_next_one_makes_its_own(fake: FakeEngine) -> None:
    def refuse(_request: Recorded, reply: Reply) -> None:
        fake.on("POST", "/containers/[^/]+/start", fake._start)
        reply.error(404, "No such program")

    fake.on("POST", "/containers/[^/]+/start", refuse)
    with pytest.raises(NotFound, match="No such program"):
        have(fake)
    assert status(fake) == []
    have(fake)
    assert status(fake) == ["exited"]


def test_a_name_that_is_taken_for_nothing_is_a_conflict(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_once, "MAKING_SECONDS", 0.2)
    made_by_another(fake, looks=-1)
    with pytest.raises(Conflict):
        have(fake)


def test_many_at_once_make_one(fake: FakeEngine) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: have(fake), range(8)))
    assert status(fake) == ["exited"]
