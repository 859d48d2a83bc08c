"""An exchange as a line: method, path, status, milliseconds; with its body below when asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, urlencode

from weave_http.engine.wire.contract import Request
from weave_http.transcript.formats import body_text
from weave_http.transcript.masking import masked
from weave_http.transcript.quoting import json_text, one_line
from weave_http.transcript.routes import UNKNOWN, route_of
from weave_http.transcript.watch import Exchange, ShortAnswer

ID = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
"""A full id; its first 12 digits, which the daemon takes as well, are enough for people."""


class Printer:
    """Writes exchanges as lines.

    Args:
        write: takes one line without its end.
        bodies: show JSON bodies as well.
        timed: show status and milliseconds; a dry run has none.
        secrets: show the values of environment variables that look like passwords.
        at: address of the daemon, where it is not the one that a command is for.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        bodies: bool = False,
        timed: bool = True,
        secrets: bool = False,
        at: str = "",
    ) -> None:
        self._write = write
        self._bodies = bodies
        self._timed = timed
        self._secrets = secrets
        self._at = f"  at {one_line(at)}" if at else ""

    def __call__(self, exchange: Exchange) -> None:
        """Write one exchange."""
        request = exchange.request
        line = f"{request.method:<6} {target(request)}"
        if exchange.failure:
            line = f"{line}  failed: {one_line(exchange.failure)}"
        elif self._timed and exchange.seconds is not None:
            line = f"{line:<62} {exchange.status}  {exchange.seconds * 1000:6.1f} ms"
        self._write(line + self._at + ("" if route_of(request).name else f"  {UNKNOWN}"))
        if self._bodies and request.body is not None:
            for text in body_text(request, show_secrets=self._secrets, indent=2).split("\n"):
                self._write(f"       {text}")


class AnswerPrinter:
    """Writes what daemons answer, a line each.

    Args:
        write: takes one line without its end.
        full: as a comment, with ids in full, to go with a `FullPrinter`.
        secrets: show the values of what looks like a password.
    """

    def __init__(self, write: Callable[[str], None], *, full: bool = False, secrets: bool = False) -> None:
        self._write = write
        self._full = full
        self._secrets = secrets

    def __call__(self, answer: ShortAnswer) -> None:
        """Write one answer; that of a call that was left open comes long after it."""
        text = json_text(answer.document if self._secrets else masked(answer.document))
        end = target(answer.request).partition("?")[0].rpartition("/")[2]
        line = f"answer to {answer.request.method} …/{end}: {text}"
        self._write(f"# {line}" if self._full else " " * 7 + ID.sub(r"\1", line))


def target(request: Request) -> str:
    """Return path and query as people read them: full ids cut to 12 digits."""
    query = f"?{urlencode(request.query, quote_via=quote)}" if request.query else ""
    return ID.sub(r"\1", one_line(request.path + query))
