"""A program that fails gives one line."""

from __future__ import annotations

import sys

import pytest

from weave_http.errors import WeaveError
from weave_http.image.tools import reason, run


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("W: careful\nE: Unable to locate package python3\nE: more\n", "Unable to locate package python3"),
        ("WARNING: x\nERROR: Could not find a version.\nERROR: No match\n", "Could not find a version"),
        ("Traceback\n  File\nSyntaxError: invalid syntax\n", "SyntaxError: invalid syntax"),
        ("", "it failed without a word"),
    ],
)
def test_the_reason_is_the_first_marked_line_or_the_last_one(said: str, line: str) -> None:
    assert reason(said) == line


def test_the_output_of_a_program_is_returned_and_variables_are_set() -> None:
    command = [sys.executable, "-c", "import os; print(os.environ['WORD'])"]
    assert run(command, what="asking", env={"WORD": "hello"}) == b"hello\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["no-such-program-here"], "trying: no-such-program-here is not installed; get it"),
        ([sys.executable, "-c", "import sys; sys.exit('E: broken')"], "trying: broken; get it"),
        ([sys.executable, "-c", "print('on stdout'); exit(1)"], "trying: on stdout; get it"),
        (
            [sys.executable, "-c", "import time; time.sleep(30)"],
            rf"trying: {sys.executable} took more than 0 s; get it",
        ),
    ],
    ids=["missing", "failing", "failing on stdout", "hanging"],
)
def test_what_goes_wrong_is_one_line_with_a_hint(command: list[str], said: str) -> None:
    with pytest.raises(WeaveError) as caught:
        run(command, what="trying", hint="get it", seconds=0.3 if "sleep" in command[-1] else 60)
    assert str(caught.value) == said
