"""Errors in docker run's arguments: one sentence, which names the option."""

from __future__ import annotations

from weave_http.errors import EngineError


class RunArgumentError(EngineError):
    """The arguments make no `docker run` line; exit 125, as docker's own."""


class HelpRequested(RunArgumentError):
    """`--help` was among the options: no failure, but no request either."""

    exit_code = 0


class BadValue(Exception):
    """A value is none of its option's. Says why; who reads the option says which, and what the value was."""
