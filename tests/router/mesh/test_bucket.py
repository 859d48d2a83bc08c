from __future__ import annotations

from weave_http.router.mesh.bucket import TokenBucket


def test_twenty_pass_at_once_and_then_twenty_a_second() -> None:
    bucket = TokenBucket()
    waits = [bucket.take(100.0) for _ in range(40)]
    assert waits[:20] == [0.0] * 20
    assert [round(wait, 2) for wait in waits[20:23]] == [0.05, 0.1, 0.15]
    assert round(waits[39], 2) == 1.0


def test_a_quiet_second_fills_it_and_no_more() -> None:
    bucket = TokenBucket()
    for _ in range(20):
        bucket.take(0.0)
    waits = [bucket.take(1000.0) for _ in range(21)]
    assert waits[:20] == [0.0] * 20
    assert waits[20] > 0
