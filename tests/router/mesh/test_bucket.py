from __future__ import annotations

from ipaddress import ip_address

from weave_http.router.mesh.bucket import Quiet, TokenBucket, origin


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


def test_looking_at_the_bucket_takes_nothing() -> None:
    bucket = TokenBucket(1, 1.0)
    assert bucket.wait(0.0) == bucket.wait(0.0) == 0.0
    bucket.take(0.0)
    assert bucket.wait(0.25) == 0.75


def test_of_many_lines_of_a_kind_few_are_written_and_the_others_are_counted() -> None:
    quiet = Quiet(2, 10.0)
    assert [quiet.let("refused", 0.0) for _ in range(5)] == ["", "", None, None, None]
    assert quiet.let("closed", 0.0) == ""
    assert quiet.let("refused", 10.0) == " (and 3 more like this)"
    assert quiet.let("refused", 20.0) == ""


def test_one_host_with_many_ipv6_addresses_is_one_stranger() -> None:
    one, again, another = (origin(ip_address(text)) for text in ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"))
    assert one == again != another
    assert origin(ip_address("192.0.2.1")) != origin(ip_address("192.0.2.2"))
