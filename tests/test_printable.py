"""What a daemon says reaches a terminal as words only."""

from __future__ import annotations

import pytest

from weave_http.errors import WeaveError
from weave_http.printable import printable, some_of


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no such container: wéb → 容器", "no such container: wéb → 容器"),
        ("two\n\tlines", "two\n\tlines"),
        ("\x1b]0;owned\x07\x1b[2J", r"\x1b]0;owned\x07\x1b[2J"),
        ("over\rwritten", r"over\rwritten"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egpj", r"\u202egpj"),
    ],
)
def test_what_a_terminal_would_act_on_is_written_out(said: str, shown: str) -> None:
    assert printable(said) == shown


def test_no_failure_reaches_a_terminal_otherwise() -> None:
    assert str(WeaveError("\x1b[2J", hint="\x1b[3J")) == r"\x1b[2J; \x1b[3J"


@pytest.mark.parametrize(
    ("names", "shown"),
    [([], ""), (list("ab"), "a, b"), (list("abcde"), "a, b, c, d, e"), (list("abcdefg"), "a, b, c, d, e and 2 more")],
)
def test_a_long_list_is_cut_and_says_so(names: list[str], shown: str) -> None:
    assert some_of(names) == shown
