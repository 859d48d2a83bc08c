from __future__ import annotations

import io
import logging

import pytest

from weave_http.router import log
from weave_http.router.log import Bounded


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(log, "monotonic", lambda: now[0])
    return now


def test_of_each_kind_there_are_only_so_many_lines_and_the_rest_is_counted(clock: list[float]) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Bounded(burst=3, period=10.0))
    logger = logging.Logger("x")
    logger.addHandler(handler)
    for round_ in range(2):
        for number in range(1000):
            logger.warning("peer %s is odd", number)
            logger.debug("debugging is asked for")
        logger.info("another kind")
        clock[0] += 10.0 if not round_ else 0.0
    lines = stream.getvalue().splitlines()
    assert [line for line in lines if "odd" in line] == [
        "peer 0 is odd",
        "peer 1 is odd",
        "peer 2 is odd",
        "peer 0 is odd (997 more like this were left out)",
    ]
    assert (lines.count("another kind"), lines.count("debugging is asked for")) == (2, 2000)
