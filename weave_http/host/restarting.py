"""A router that is about to answer: it was killed, or is being upgraded, and is there again in a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from weave_http.errors import WeaveError
from weave_http.hints import TypeVar
from weave_http.host.host import Host
from weave_http.host.router_api import RouterUnavailable

PATIENCE = 5.0
"""Seconds for which a router is waited for whose container runs, or is being restarted."""
_PAUSE = 0.1
_COMING = ("running", "restarting")

Answer = TypeVar("Answer")


def answered(host: Host, ask: Callable[[], Answer]) -> Answer:
    """Return what a router says; one that is only starting is asked again and again.

    Args:
        host: where it is.
        ask: raises `RouterUnavailable` while it does not answer.

    Raises:
        RouterUnavailable: there is none, or it does not answer in time.
        RouterError: it refused.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except RouterUnavailable:
            if time.monotonic() > deadline or not _is_coming(host):
                raise
        time.sleep(_PAUSE)


def _is_coming(host: Host) -> bool:
    from weave_http.host import router_container

    with suppress(WeaveError):
        found = router_container.find(host)
        return found is not None and found.ours and found.status in _COMING
    return False
