"""Calls to the resident executor, in a process of their own, one after the other.

Both sides speak over one socket that keeps messages apart. To the process goes a call, as JSON; from it comes what is
said, both streams in order, each message behind the number of its stream. After a call that went well comes an empty
message of no stream, and the process takes the next one: what it has touched by then is its own memory, while a new
process would have to copy it again. After any other call, or with a thread left over, it ends with the exit code.
"""

from __future__ import annotations

import json
import os
import signal
import socket

from weave_http import constants
from weave_http.closed_behind import threads_besides
from weave_http.hints import NoReturn
from weave_http.local import executed
from weave_http.signals import SIGNALS

DONE = 0
"""First byte of the message after a call that went well; 1 or 2 before what is said."""
LONGEST = 32768
"""Bytes of a message: several fit into a socket's buffer, and a call is shorter, as the frame it came in was."""


def work(channel: socket.socket) -> NoReturn:
    """Do calls as `weave --local` does each, until the other side closes; end this process with an exit code.

    The signals that end a command are held back between calls: one that comes early is for the call that begins.

    Args:
        channel: where calls come from, and what is said goes to.
    """
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        own = {name: value for name, value in os.environ.items() if name not in constants.FORWARDED_VARIABLES}
        code = _serve(channel, own)
    finally:
        os._exit(code)


def _serve(channel: socket.socket, own: dict[str, str]) -> int:
    """Do calls until one does not go well, or there are no more; return the exit code.

    Args:
        channel: as of `work`.
        own: environment variables of every call; Weave's own count only if they are given with it.
    """

    def say(stream: int, data: bytes) -> None:
        for start in range(0, len(data), LONGEST - 1):
            channel.sendall(bytes((stream,)) + data[start : start + LONGEST - 1])

    while data := channel.recv(LONGEST):
        call = json.loads(data)
        given = {name: call["env"][name] for name in constants.FORWARDED_VARIABLES if name in call["env"]}
        os.environ.clear()
        os.environ.update(own | given)
        code = executed(call["words"], os.environ, say)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        if code or threads_besides():
            return code
        channel.sendall(bytes((DONE,)))
    return 0
