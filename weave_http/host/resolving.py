"""Whether names of peers resolve now, as this host asks for them. The router asks again whenever it dials."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence

from weave_http.addresses import PeerAddress, is_ip

SECONDS = 5.0
"""How long all of them together may take: a name server that is silent must not hold a command up."""


def unresolved(peers: Sequence[PeerAddress]) -> dict[str, str]:
    """Return why names have no address, by name; nothing about those that have one, and about addresses."""
    names = dict.fromkeys(peer.host for peer in peers if not is_ip(peer.host))
    answers: dict[str, str] = {}

    def ask(name: str) -> None:
        answers[name] = _reason(name)

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in names]
    deadline = time.monotonic() + SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    reasons = {name: answers.get(name, f"no answer within {SECONDS:.0f} s") for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


def _reason(name: str) -> str:
    """Return why a name has no address, or nothing if it has one."""
    try:
        socket.getaddrinfo(name, None, 0, socket.SOCK_STREAM)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    except UnicodeError:
        return "no such name"
    return ""
