"""Which parts of a request are secrets: found by what they are called and where they stand, whoever wrote them.

A value may be one as a whole (`DB_PASSWORD=x`, the word after `--password`) or hold some (`postgres://me:x@db`, a line
for a shell). What is found is named by its path in the document, so that it can be masked in what people read, and
asked for by a script that must not hold it. A secret that nothing betrays is not found.
"""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Iterator, Sequence
from typing import Any

from weave_http.records import dataclass

_NAME = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN(?!IZ)|CREDENTIAL|PRIVATE|(API|ACCESS)[._-]?KEY|AUTHORIZATION|AUTH[._-]?CONFIG"
    r"|(^|[._-])(PASS|AUTH|(APP|DEPLOY|ENCRYPTION|MASTER|SIGNING|SSH)[._-]?KEY)$|[._-](PWD|PAT)$",
    re.IGNORECASE,
)
_OF_A_FILE = re.compile(r"[._-](FILE|PATH|DIR)$", re.IGNORECASE)
"""`POSTGRES_PASSWORD_FILE` is no secret, but where one is."""
_OPTION = re.compile(
    r"--?([\w-]*(password|passwd|passphrase|secret|token|api-?key)|([\w-]+-)?pass|requirepass|masterauth)",
    re.IGNORECASE,
)
"""A command's option whose value is the next word."""
_CLUSTER = re.compile("^-[ditPq]*[a-z]")
"""Short options of docker's before a name, as in `-eNAME=x` and `-diteNAME=x`."""
_SHELL = re.compile(r"-[a-z]*c")
"""What a line for a shell stands behind: it does not end with the value of a variable at its beginning."""
_SWITCHED = frozenset({"", "true", "false", "yes", "no", "on", "off", "none", "null"})
"""Values that are none, as in `ALLOW_EMPTY_PASSWORD=yes`."""
_REFERENCE = re.compile(r"\$(\w+|\{\w+\}|\(.*)", re.DOTALL)
"""A shell's variable or command: the secret is elsewhere."""
HEADERS = frozenset({"x-registry-auth", "x-registry-config", "authorization"})
MASK = "********"

_SCHEMES = frozenset({"basic", "bearer", "digest", "negotiate", "token"})
"""What stands before the secret in a header field."""

_NAMES = (
    re.compile(r"(?<![\w.-])(?P<name>[\w.-]+)="),
    re.compile(r"(?<![\w-])(?P<option>--?[A-Za-z][\w-]*)\s+(?!-)"),
)
"""Names in lines for a shell, queries, options of a JVM."""
_VALUE = re.compile(r""""([^"]*)"|'([^']*)'|([^\s"'&;|]+)""")
"""What stands behind them."""
_FIELDS = (
    re.compile(r'"(?P<name>[^"\\]+)"\s*:\s*"(?P<bare>(?:[^"\\]|\\.)*)"'),
    re.compile(r'\\"(?P<name>[^"\\]+)\\"\s*:\s*\\"(?P<bare>[^"\\]*)'),
    re.compile(r"""(?<![\w-])(?P<name>[\w-]+):[ \t]+(?P<bare>[^\s"']+)"""),
    re.compile(r"""(?<![\w-])(?P<name>X-[\w-]+):(?P<bare>[^\s"']+)""", re.IGNORECASE),
)
"""Names with values in JSON, also within JSON, and in fields of headers."""
_KNOWN = (
    (
        "AUTHORIZATION",
        re.compile(r"""Authorization["']?\s*[:=]\s*["']?(?:\w+\s+)?(?P<bare>[^\s"',]+)""", re.IGNORECASE),
    ),
    ("AUTHORIZATION", re.compile(r"\b[Bb]earer\s+(?P<bare>[\w.~+/=-]{6,})")),
    (
        "AUTHORIZATION",
        re.compile(r"\b[Bb]asic\s+(?P<basic>(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2,3}={0,2})?)(?![\w+/=])"),
    ),
    # Up to the last @ before a path; a port with a path behind it is no password.
    (
        "PASSWORD",
        re.compile(
            r"""(?<![\w+.-])[A-Za-z][\w+.-]*://[^\s/?#@:'"\[]*:(?!\d+(?:[/?#'",;]|$))(?P<bare>\S+?)"""
            r"""@(?=[^\s'"/?#@]*(?:[\s'"/?#]|$))"""
        ),
    ),
    ("PASSWORD", re.compile(r"(?<=:)(?P<bare>[^\s:@]+)@(?=(?:tcp|unix)\()")),
    ("TOKEN", re.compile(r"""https?://(?P<bare>[^\s/?#@:'"]{16,})@""", re.IGNORECASE)),
    ("PASSWORD", re.compile(r"(?<=;)\s*pwd=(?P<bare>[^;\s]+)", re.IGNORECASE)),
    ("PRIVATE_KEY", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<bare>.+?)(?=-----END|\Z)", re.DOTALL)),
)
"""What is a secret by where it stands, with what to call it."""

JsonPath = tuple[str | int, ...]
"""Keys and indexes that lead to a value in a document."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A secret, in the text where it stands.

    Args:
        name: what to call it, in capitals: `DB_PASSWORD`.
        value: the secret.
    """

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Secret:
    """A value of a document that is a secret, or holds some.

    Args:
        path: keys and indexes that lead to it.
        pieces: the value in pieces, secrets and what is none: `DB_PASSWORD=` and `x`.
    """

    path: JsonPath
    pieces: tuple[str | Hidden, ...]


def find(document: Any) -> list[Secret]:
    """Return the secrets of a JSON document, in its order."""
    return list(_within(document, ()))


def masked(document: Any) -> Any:
    """Return a copy of a JSON document with its secrets masked."""
    copied = {"": copy.deepcopy(document)}
    for secret in find(document):
        place: Any = copied
        *way, last = ("", *secret.path)
        for step in way:
            place = place[step]
        place[last] = "".join(MASK if isinstance(piece, Hidden) else piece for piece in secret.pieces)
    return copied[""]


def masked_words(words: Sequence[str]) -> list[str]:
    """Return the words of a command with the secrets among them masked."""
    shown: list[str] = masked(list(words))
    return shown


def is_secret(name: str) -> bool:
    """Tell whether what is called so is a secret."""
    return bool(_NAME.search(name)) and not _OF_A_FILE.search(name)


def _within(value: Any, path: JsonPath) -> Iterator[Secret]:
    if isinstance(value, str):
        if pieces := _pieces(value):
            yield Secret(path, pieces)
    elif isinstance(value, dict):
        for key, item in value.items():
            if is_secret(key) and item and str(item).lower() not in _SWITCHED:
                yield Secret((*path, key), (Hidden(_variable(key), item),))
            else:
                yield from _within(item, (*path, key))
    elif isinstance(value, list):
        asked = ""
        for index, item in enumerate(value):
            if isinstance(item, str) and index and _SHELL.fullmatch(str(value[index - 1])):
                yield from _within(item, (*path, index))
                continue
            if asked and isinstance(item, str) and item:
                yield Secret((*path, index), (Hidden(_variable(asked), item),))
                asked = ""
                continue
            yield from _of_word(item, (*path, index))
            asked = item if isinstance(item, str) and _OPTION.fullmatch(item) else ""


def _of_word(item: Any, path: JsonPath) -> Iterator[Secret]:
    """Yield the secrets of an item of a list: `NAME=VALUE` may be one to its end, also behind `--env=`."""
    match = re.fullmatch(r"((?:--?\w[\w-]*=)?)([^\s=]+)=(.*)", item, re.DOTALL) if isinstance(item, str) else None
    name = match[2] if match else ""
    if match is None or not (is_secret(name) or is_secret(_CLUSTER.sub("", name))):
        for secret in _within(item, path):
            yield Secret(secret.path, tuple(_called_after(name, piece) for piece in secret.pieces))
    elif match[3].lower() not in _SWITCHED:
        yield Secret(path, (f"{match[1]}{name}=", Hidden(_variable(name), match[3])))


def _called_after(name: str, piece: str | Hidden) -> str | Hidden:
    """Return a piece; a password in `DATABASE_URL` is called DATABASE_URL_PASSWORD."""
    if isinstance(piece, Hidden) and name and piece.name in {called for called, _ in _KNOWN}:
        return Hidden(f"{_variable(name)}_{piece.name}", piece.value)
    return piece


def _pieces(text: str) -> tuple[str | Hidden, ...]:
    """Return a text cut into secrets and what is none; nothing if there is no secret in it."""
    found: list[tuple[int, int, str]] = []
    for start, stop, name in sorted(_spans(text)):
        if found and start < found[-1][1]:
            before = found.pop()
            found.append((before[0], max(stop, before[1]), before[2]))
        else:
            found.append((start, stop, name))
    pieces: list[str | Hidden] = []
    end = 0
    for start, stop, name in found:
        pieces += [text[end:start], Hidden(name, text[start:stop])]
        end = stop
    return tuple(piece for piece in (*pieces, text[end:]) if piece) if pieces else ()


def _spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield beginnings and ends of the secrets in a text, with their names."""
    for pattern in _NAMES:
        end = 0
        for match in pattern.finditer(text):
            word = match[1]
            named = _OPTION.fullmatch(word) if "option" in match.groupdict() else is_secret(word)
            value = _VALUE.match(text, match.end()) if named and match.start() >= end else None
            if value and _is_meant(value[value.lastindex or 0]):
                end = value.end()
                yield (*value.span(value.lastindex or 0), _variable(word))
    for pattern in _FIELDS:
        for match in pattern.finditer(text):
            if is_secret(match["name"]) and _is_meant(match["bare"]):
                yield (*match.span("bare"), _variable(match["name"]))
    for name, pattern in _KNOWN:
        for match in pattern.finditer(text):
            (group,) = match.groupdict()
            if group == "basic" and b":" not in base64.b64decode(f"{match[group]}=="):
                continue  # some other word
            if _is_meant(match[group]):
                yield (*match.span(group), name)


def _is_meant(value: str) -> bool:
    """Tell whether a value in a text is a secret itself."""
    return value.lower() not in _SWITCHED | _SCHEMES and not _REFERENCE.fullmatch(value) and not value.startswith(MASK)


def _variable(name: str) -> str:
    called = re.sub("[^A-Za-z0-9_]+", "_", name.strip("-")).upper()
    return f"_{called}" if called[:1].isdigit() else called
