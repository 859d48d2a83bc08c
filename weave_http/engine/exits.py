"""Exits of containers: what is waited for before `start`, and known afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence

from weave_http.closing import Closing
from weave_http.engine.error_bodies import shorten
from weave_http.engine.errors import StreamError
from weave_http.engine.wire.contract import Response
from weave_http.records import dataclass


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a container ended.

    Args:
        code: its exit code.
        error: what the daemon adds about a failed wait, as a rule empty.
    """

    code: int
    error: str = ""


class PendingExit(Closing):
    """An exit that is waited for; `result` returns when the container has done what was waited for."""

    def __init__(self, response: Response, reference: str) -> None:
        self._response = response
        self._reference = reference

    def result(self) -> ExitStatus:
        """Return the exit status, once there is one.

        Raises:
            StreamError: the answer is not a status; what came instead is in the message.
            TransportError: the connection broke off.
        """
        body = self._response.read()
        try:
            value = json.loads(body)
            code = value["StatusCode"]
            error = value.get("Error") or {}
            return ExitStatus(int(code), str(error.get("Message", "")))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as problem:
            # A proxy that cuts a long wait appends its own words.
            said = shorten(body.decode(errors="replace"), 120)
            raise StreamError(f"the wait for {self._reference} ended without an exit code: {said!r}") from problem

    def close(self) -> None:
        """Stop waiting."""
        self._response.close()


class PendingExits(Closing):
    """Exits of several containers, all waited for."""

    def __init__(self, pending: Sequence[PendingExit]) -> None:
        self._pending = pending

    def results(self) -> list[ExitStatus]:
        """Return the exit statuses in the order of the containers, once all have one.

        Raises:
            StreamError, TransportError: as `PendingExit.result`.
        """
        return [each.result() for each in self._pending]

    def close(self) -> None:
        """Stop waiting."""
        for each in self._pending:
            each.close()
