"""Which parts of a request are secrets: found by their names, whoever chose them.

What is found is named by its path in the document, so that it can be masked in what people read, and asked for by a
script that must not hold it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

NAME = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|PRIVATE|(API|ACCESS)[_-]?KEY|(^|[_-])PASS$|[_-](PWD|PAT)$",
    re.IGNORECASE,
)
OPTION = re.compile(r"--?[\w-]*(password|passwd|passphrase|secret|token|api-?key)", re.IGNORECASE)
"""A command's option whose value is one: `--password X`, `-password X`, `--password=X`."""
HEADERS = frozenset({"x-registry-auth", "x-registry-config", "authorization"})
MASK = "********"

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret of a document.

    Args:
        path: keys and indexes that lead to it.
        prefix: what stands before it in its string and is none: `DB_PASSWORD=`.
        value: the secret.
        name: what to call it, in capitals: `DB_PASSWORD`.
    """

    path: Path
    prefix: str
    value: Any
    name: str


def find(document: Any) -> list[Secret]:
    """Return the secrets of a JSON document, in its order."""
    return list(_within(document, ()))


def masked(document: Any) -> Any:
    """Return a copy of a JSON document with its secrets masked."""
    copied = copy.deepcopy(document)
    for secret in find(document):
        *way, last = secret.path
        place = copied
        for step in way:
            place = place[step]
        place[last] = secret.prefix + MASK
    return copied


def masked_words(words: Sequence[str]) -> list[str]:
    """Return the words of a command with the secrets among them masked."""
    shown: list[str] = masked(list(words))
    return shown


def _within(value: Any, path: Path) -> Iterator[Secret]:
    if isinstance(value, dict):
        for key, item in value.items():
            if NAME.search(key) and item:
                yield Secret((*path, key), "", item, _variable(key))
            else:
                yield from _within(item, (*path, key))
    elif isinstance(value, list):
        asked = ""
        for index, item in enumerate(value):
            if not isinstance(item, str):
                yield from _within(item, (*path, index))
                asked = ""
                continue
            name, equals, text = item.partition("=")
            if asked:
                yield Secret((*path, index), "", item, _variable(asked))
            elif equals and text and " " not in name and (NAME.search(name) or OPTION.fullmatch(name)):
                yield Secret((*path, index), f"{name}=", text, _variable(name))
            asked = item if not asked and OPTION.fullmatch(item) else ""


def _variable(name: str) -> str:
    return re.sub(r"\W+", "_", name.strip("-")).upper()
