"""Data stays data: what was typed or answered, as a word of a shell, as JSON, on a terminal, in Markdown.

Whatever writes a command, a page or a line for people quotes by these functions, so that no text can end a comment, a
word or a block, or do something to a terminal. Characters that can't be seen (`str.isprintable` says which) are written
out: a text that reads as one thing must not be another.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any


def sh_word(text: str) -> str:
    """Return a text as one word of any POSIX shell; a line feed stays a line feed, within quotes."""
    runs = groupby(text, lambda char: char.isprintable() or char == "\n")
    words = [shlex.quote("".join(run)) if plain else f"\"$(printf '{_octal(run)}')\"" for plain, run in runs]
    return "".join(words) or "''"


def sh_line(words: Iterable[str]) -> str:
    """Return the words of a command as they are typed in any POSIX shell."""
    return " ".join(map(sh_word, words))


def shown_word(text: str) -> str:
    """Return a text as one word on one line, for people and their shells: `$'a\\nb'` where it can't stand as it is."""
    if text.isprintable():
        return shlex.quote(text)
    short = {"\n": r"\n", "\t": r"\t", "\\": r"\\", "'": r"\'"}
    return f"$'{''.join(short.get(char) or (char if char.isprintable() else _octal(char)) for char in text)}'"


def shown_line(words: Iterable[str]) -> str:
    """Return the words of a command on one line, for people and their shells."""
    return " ".join(map(shown_word, words))


def one_line(text: str) -> str:
    r"""Return a text on one line, with all that can't be seen written out: a line feed as `\n`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def json_text(document: Any, *, indent: int | None = None) -> str:
    """Return a document as JSON, with all that can't be seen in its strings written as escapes."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    # Outside strings there are no other characters than spaces and the line feeds of the indentation.
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def code_span(text: str) -> str:
    """Return a text as code within a line of Markdown."""
    text = one_line(text)
    fence = "`" * (_longest_run(text, "`") + 1)
    margin = " " if text[:1] in ("`", " ") or text[-1:] in ("`", " ") or not text else ""
    return f"{fence}{margin}{text}{margin}{fence}"


def fence_for(lines: Sequence[str]) -> str:
    """Return what a block of code in Markdown begins and ends with, so that none of its lines ends it."""
    return "`" * max(3, _longest_run("\n".join(lines), "`") + 1)


def _longest_run(text: str, char: str) -> int:
    return max(map(len, re.findall(f"{re.escape(char)}+", text)), default=0)


def _octal(chars: Iterable[str]) -> str:
    """Return characters as the octal escapes of their bytes, which every shell reads alike."""
    return "".join(f"\\{byte:03o}" for char in chars for byte in _bytes(char))


def _bytes(char: str) -> bytes:
    """Return a character in UTF-8; a byte of the command line that was none is that byte."""
    return char.encode(errors="surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass")
