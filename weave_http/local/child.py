"""A call to the resident executor, in a process of its own: what it says goes into a pipe, both streams in order."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Mapping, Sequence
from typing import NoReturn

from weave_http import constants
from weave_http.local import executed

HEADER = struct.Struct(">BI")
"""Before what is said: the stream, 1 or 2, and how many bytes it is."""


def work(words: Sequence[str], environ: Mapping[str, str], pipe: int) -> NoReturn:
    """Do a call as `weave --local` does, and end this process with its exit code.

    Args:
        words: of the operation.
        environ: environment variables for it; Weave's own count only if they are among these.
        pipe: descriptor for what is said: each time `HEADER`, and the bytes.
    """
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        own = {name: value for name, value in os.environ.items() if name not in constants.FORWARDED_VARIABLES}
        given = {name: environ[name] for name in constants.FORWARDED_VARIABLES if name in environ}
        os.environ.clear()
        os.environ.update(own | given)

        def say(stream: int, data: bytes) -> None:
            rest = memoryview(HEADER.pack(stream, len(data)) + data)
            while rest:
                rest = rest[os.write(pipe, rest) :]

        code = executed(words, os.environ, say)
    finally:
        os._exit(code)
