"""Data stays data: in words of a shell, in JSON, on a line, in Markdown."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weave_http.transcript.quoting import code_span, fence_for, json_text, one_line, sh_line, sh_word, shown_line

SPECIAL = [
    *("\n", "\r", "\t", "\x1b[2J", "\x07", "\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\u00a0", "\ufeff", "\u00ad"),
    *(
        "'",
        '"',
        "`",
        "$(touch canary)",
        "`touch canary`",
        "${HOME}",
        "\\",
        "\\n",
        "!",
        "*",
        "?",
        "~",
        "#",
        ";",
        "&",
        "|",
    ),
    *(
        "\nEOF\n",
        "\n# ",
        "\ntouch canary\n",
        "\n```\n",
        "<script>",
        "</pre>",
        "&lt;",
        "--",
        "-x",
        "@",
        "%",
        "%s",
        "a",
        " ",
        "ü",
        "𝄞",
    ),
    "\udcff",
]
TEXTS = st.lists(st.sampled_from(SPECIAL), max_size=8).map("".join)
WORDS = st.lists(TEXTS, max_size=4)


def said_by(shell: str, line: str) -> list[bytes]:
    """The words that a shell makes of a line."""
    script = f"printf '%s\\0' {line}"
    done = subprocess.run([shell, "-c", script], capture_output=True, timeout=20, check=True, cwd="/proc")
    assert done.stderr == b""
    return done.stdout.split(b"\0")[:-1]


@pytest.mark.parametrize("shell", ["dash", "bash"])
@settings(max_examples=60, deadline=None)
@given(words=WORDS)
def test_a_word_for_a_shell_is_what_it_was(shell: str, words: list[str]) -> None:
    assert said_by(shell, sh_line(["x", *words])) == [b"x", *map(os.fsencode, words)]


@settings(max_examples=60, deadline=None)
@given(words=WORDS)
def test_a_line_for_people_is_one_line_and_what_it_was(words: list[str]) -> None:
    line = shown_line(["x", *words])
    assert line.isprintable()
    assert said_by("bash", line) == [b"x", *map(os.fsencode, words)]


@given(TEXTS)
def test_a_word_for_a_shell_has_nothing_that_a_terminal_acts_on(text: str) -> None:
    assert sh_word(text).replace("\n", "").isprintable()
    assert one_line(text).isprintable()


@given(TEXTS, st.sampled_from([None, 2]))
def test_json_is_what_it_was_and_can_be_seen(text: str, indent: int | None) -> None:
    document = {"a": [text, {text: 1}], "b": None}
    shown = json_text(document, indent=indent)
    assert json.loads(shown) == document
    assert shown.replace("\n", "").isprintable()
    assert "\n" not in shown or indent


@given(TEXTS)
def test_a_span_of_code_ends_where_it_should(text: str) -> None:
    span = code_span(text)
    fence = re.match("`+", span)
    assert fence
    inner = span[len(fence[0]) : -len(fence[0])]
    assert fence[0] not in re.findall("`+", inner)
    assert inner.strip(" ") == one_line(text).strip(" ")
    assert span.isprintable()


@given(WORDS)
def test_a_block_of_code_ends_where_it_should(lines: list[str]) -> None:
    lines = [part for line in lines for part in line.split("\n")]
    assert fence_for(lines) not in "\n".join(lines)
