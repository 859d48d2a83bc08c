"""The executor: `weave --local COMMAND …`, run as root on the Docker host, in a throw-away container.

It is the process alone: words in; what is said and an exit code out; and signals. What is done is in `host`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from weave_http.errors import ExitCode
from weave_http.host import Host, perform_words
from weave_http.local import interrupts
from weave_http.operations.outcome import OUT

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Do what words say with this process's environment and streams; return the exit code."""
    streams = _Streams()
    try:
        interrupts.listen()
        code = perform_words(Host(os.environ, streams.write), argv).code
        interrupts.ignore()
    except interrupts.Interrupted as interruption:
        return interruption.exit_code
    return code or (ExitCode.FAILURE if streams.lost else ExitCode.OK)


class _Streams:
    """stdout and stderr. Each line goes out at once: whoever waits for a launch to end reads its warnings before.

    Attributes:
        lost: whether something could not be written, as when nobody reads it. What is done is done all the same.
    """

    def __init__(self) -> None:
        self.lost = False

    def write(self, stream: int, data: bytes) -> None:
        file = (sys.stdout if stream == OUT else sys.stderr).buffer
        try:
            file.write(data)
            file.flush()
        except OSError:
            self.lost = True
