"""A stream of TCP from one container to another, that runs on while a test does something."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, NamedTuple

from tests.patience import PATIENCE
from tests.router.hosts import RoutedHost, popen

PORT = 5001
_SECONDS = 20 * PATIENCE
_RECEIVE = f"""
import hashlib, json, socket
with socket.create_server(("", {PORT})) as server:
    print("there", flush=True)
    stream, count, digest = server.accept()[0], 0, hashlib.sha256()
    while data := stream.recv(1 << 16):
        count += len(data)
        digest.update(data)
print(json.dumps([count, digest.hexdigest()]))
"""
_SEND = f"""
import hashlib, json, os, select, socket, sys, time
stream, count, digest, longest = socket.create_connection((sys.argv[1], {PORT}), 10), 0, hashlib.sha256(), 0.0
stream.settimeout(None)
stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
print("there", flush=True)
while not select.select([sys.stdin], [], [], 0.01)[0]:
    data, began = os.urandom(1 << 15), time.monotonic()
    stream.sendall(data)
    longest = max(longest, time.monotonic() - began)
    count += len(data)
    digest.update(data)
stream.close()
print(json.dumps([count, digest.hexdigest(), longest]))
"""


class Arrived(NamedTuple):
    """What became of a stream.

    Attributes:
        sent: bytes that were.
        whole: whether just these arrived, in order.
        longest: seconds for which it stood still, at most.
    """

    sent: int
    whole: bool
    longest: float


class Stream:
    """A stream of random bytes, some 2 MB/s, from a host's container to another's."""

    def __init__(self, source: RoutedHost, target: RoutedHost) -> None:
        self._receiver = _started(target, _RECEIVE)
        self._sender = _started(source, _SEND, target.inside)

    def end(self) -> Arrived:
        """End it, and return what became of it."""
        sent, digest, longest = json.loads(self._sender.communicate("\n", timeout=_SECONDS)[0])
        arrived = json.loads(self._receiver.communicate(timeout=_SECONDS)[0])
        return Arrived(sent, arrived == [sent, digest], longest)


def _started(host: RoutedHost, code: str, *arguments: str) -> subprocess.Popen[Any]:
    command = [sys.executable, "-c", code, *arguments]
    process = host.guest.call(popen, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    host.reap(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process
