"""Which call a request is, as far as the proxy looks at it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

Kind = Literal["create", "start", "restart", "exec", "inspect"]
_VERSION = r"(?:/v[0-9.]+)?"
_ROUTES: tuple[tuple[Kind, str, re.Pattern[str]], ...] = (
    ("create", "POST", re.compile(rf"{_VERSION}/containers/create")),
    ("start", "POST", re.compile(rf"{_VERSION}/containers/([^/]+)/start")),
    ("restart", "POST", re.compile(rf"{_VERSION}/containers/([^/]+)/restart")),
    ("exec", "POST", re.compile(rf"{_VERSION}/containers/([^/]+)/exec")),
    ("inspect", "GET", re.compile(rf"{_VERSION}/containers/([^/]+)/json")),
)


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
