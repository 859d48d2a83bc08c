"""Working on several hosts at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from weave_http.sandbox.host import Host

AT_ONCE = 2
"""Hosts worked on at the same time: starting an engine keeps one processor busy."""


def boot_side_by_side(hosts: Sequence[Host], boot: Callable[[Host], object], cancel: threading.Event) -> None:
    """Boot hosts, `AT_ONCE` at a time.

    At the first failure, or Ctrl-C, the others are called off, and what was being started is ended; its logs stay.

    Args:
        hosts: which.
        boot: does it for one of them.
        cancel: set when the others are to give up.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running: dict[Future[object], Host] = {pool.submit(boot, host): host for host in hosts}
        try:
            for done in as_completed(running):
                done.result()
        except BaseException:
            cancel.set()
            pool.shutdown(cancel_futures=True)
            for future, host in running.items():
                if future.cancelled() or future.exception():
                    host.halt()
            raise


def delete_side_by_side(hosts: Sequence[Host]) -> None:
    """End hosts and throw their disks away, `AT_ONCE` at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(host.delete) for host in hosts]:
            done.result()
