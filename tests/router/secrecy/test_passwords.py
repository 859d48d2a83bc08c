"""What may be a password, how good one is at best, and the file it is kept in."""

from __future__ import annotations

import string
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.errors import UsageError
from weave_http.operations import passwords
from weave_http.router.secrecy.keyring import Keyring, read

TEXTS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=40)


def test_a_secret_that_is_made_is_strong_and_never_the_same() -> None:
    made = {passwords.make() for _ in range(100)}
    assert len(made) == 100
    for each in made:
        assert passwords.check(each) == each
        assert set(each) <= set(string.ascii_lowercase + string.digits)
        assert passwords.most_bits(each) > 96
        assert passwords.warning(each) == ""


@pytest.mark.parametrize(
    ("password", "bits"),
    [
        ("", 0),
        ("a", log2(26)),
        ("aaaaaaaa", log2(26)),
        ("abcdefgh", log2(26)),
        ("54321", log2(10)),
        ("q7", 2 * log2(36)),
    ],
)
def test_repetitions_and_runs_of_the_alphabet_count_as_nothing(password: str, bits: float) -> None:
    assert passwords.most_bits(password) == pytest.approx(bits)


@given(TEXTS, TEXTS)
def test_a_longer_password_is_never_weaker(one: str, more: str) -> None:
    assert passwords.most_bits(one + more) >= passwords.most_bits(one)


def test_a_weak_password_is_warned_of_with_the_time_that_guessing_takes() -> None:
    assert "one of 2^14 at most" in passwords.warning("tree")
    assert "5 a second, all 2^14 in 59 minutes" in passwords.warning("tree")
    assert "weave secret" in passwords.warning("hunter2")


@pytest.mark.parametrize("password", ["", "two\nlines", "nul\0", "x" * 1025, "bell\a"])
def test_what_is_no_line_of_printable_text_is_no_password(password: str) -> None:
    with pytest.raises(UsageError) as caught:
        passwords.check(password)
    assert not password.strip("x") or password not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"\xff\xfe", b"\0"])
def test_a_file_without_exactly_one_line_of_text_has_no_password(content: bytes) -> None:
    with pytest.raises(UsageError):
        passwords.first_line(content, "the file")
    assert passwords.first_line(b"secret\n", "the file") == passwords.first_line(b"secret", "the file") == "secret"


@given(TEXTS, TEXTS | st.just(""), st.floats(0, 1e10), st.floats(0, 1e10))
def test_what_the_file_says_is_what_was_kept(password: str, former: str, changed: float, until: float) -> None:
    keyring = Keyring(password, changed, former, until)
    assert read(keyring.pack()) == keyring
    assert read(passwords.packed(password)) == Keyring(password)
    assert password not in repr(keyring) or len(password) < 4


@pytest.mark.parametrize(
    "content",
    [b"x", b"[]", b"{}", b'{"format": 2, "password": "x"}', b'{"format": 1, "password": 7}', b'{"format": 1}', b"\xff"],
)
def test_a_file_that_makes_no_sense_is_never_no_password(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (whatever it says)
        read(content)
    assert read(b"") is None


@given(st.lists(st.tuples(TEXTS, st.floats(1, 1e9)), min_size=1, max_size=6))
def test_the_latest_change_counts_in_whatever_order_changes_are_heard(
    changes: list[tuple[str, float]],
) -> None:
    there = back = Keyring("begin")
    for password, changed in changes:
        there = there.replaced(password, changed, changed + 60)
    for password, changed in reversed(changes):
        back = back.replaced(password, changed, changed + 60)
    assert (there.password, there.changed) == (back.password, back.changed)


def test_the_former_password_counts_for_a_time_and_is_known_after_it() -> None:
    keyring = Keyring("old").replaced("new", 100.0, 160.0)
    assert [(each.password, each.counts) for each in keyring.candidates(159.0)] == [("new", True), ("old", True)]
    assert [(each.password, each.counts) for each in keyring.candidates(161.0)] == [("new", True), ("old", False)]
    assert keyring.replaced("late", 99.0, 200.0) is keyring
    assert [each.password for each in Keyring("old").candidates(0.0)] == ["old"]
