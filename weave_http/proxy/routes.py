"""Which call a request is, as far as the proxy looks at it, and how people read a request. Pure."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from weave_http.records import dataclass

Kind = Literal["create", "start", "restart", "exec", "inspect"]
_VERSION = r"(?:/v[0-9.]+)?"
_ROUTES: tuple[tuple[Kind, str, re.Pattern[str]], ...] = (
    ("create", "POST", re.compile(rf"{_VERSION}/containers/create")),
    ("start", "POST", re.compile(rf"{_VERSION}/containers/([^/]+)/start")),
    ("restart", "POST", re.compile(rf"{_VERSION}/containers/([^/]+)/restart")),
    ("exec", "POST", re.compile(rf"{_VERSION}/containers/([^/]+)/exec")),
    ("inspect", "GET", re.compile(rf"{_VERSION}/containers/([^/]+)/json")),
)


_ID, _SHORT = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b"), r"\1"
_PLAIN = re.compile(r"[\w.:/,-]{0,24}")
"""A value in a query that is worth a look; others are long, or hold whatever somebody builds with: secrets, too."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the proxy looks at.

    Args:
        kind: which one.
        container: name or id; of a create the name that was chosen, or empty.
    """

    kind: Kind
    container: str


def call_of(method: str, target: str) -> Call | None:
    """Return the call that a request is; None for one that passes as it is."""
    parts = urlsplit(target)
    # The daemon's router takes `//` for `/`.
    path = re.sub("/{2,}", "/", unquote(parts.path))
    for kind, wanted, pattern in _ROUTES:
        if method == wanted and (found := pattern.fullmatch(path)):
            name = found[1] if kind != "create" else parse_qs(parts.query).get("name", [""])[0]
            return Call(kind, name.removeprefix("/"))
    return None


def shown(method: str, target: str, columns: int) -> str:
    """Return a request as people read it: full ids cut to 12 digits, the query as far as it is short and plain.

    Args:
        method: of the request.
        target: path and query.
        columns: that it may take; a query that needs more is cut.
    """
    path, _, query = target.partition("?")
    values = [
        f"{name}={value if _PLAIN.fullmatch(value) else '…'}" for name, value in parse_qsl(_ID.sub(_SHORT, query), True)
    ]
    line = f"{method} {_ID.sub(_SHORT, path)}{'?' if values else ''}"
    for index, value in enumerate(values):
        more = ("&" if index else "") + value
        if len(line) + len(more) > columns - 2:
            return f"{line}{'&' if index else ''}…"
        line += more
    return line
