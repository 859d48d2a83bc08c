"""Failures at a chosen request to the kernel: what a signal, or a kernel that refuses, would do there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from weave_http.net.netlink import Netlink
from weave_http.records import dataclass


class Fault(BaseException):
    """Stands for an interruption: like one it is no `Exception`."""


@dataclass(slots=True)
class Struck:
    """Whether the failure came to pass."""

    struck: bool = False


@contextmanager
def failing_at(count: int, *, after: bool = False, error: Callable[[], BaseException] = Fault) -> Iterator[Struck]:
    """Raise at the `count`-th netlink request, before it is sent or after it was answered.

    Args:
        count: from 1.
        after: the kernel has done it, and nobody has heard of that.
        error: makes what is raised.
    """
    real = Netlink._exchange
    state, requests = Struck(), 0

    def exchange(self: Netlink, *arguments: Any) -> Any:
        nonlocal requests
        requests += 1
        due = requests == count
        if due and not after:
            state.struck = True
            raise error()
        try:
            return real(self, *arguments)
        finally:
            if due:
                state.struck = True
                raise error()

    with patch.object(Netlink, "_exchange", exchange):
        yield state
