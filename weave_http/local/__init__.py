"""The executor: `weave --local COMMAND …`, run as root on the Docker host, in a throw-away container.

It is the process alone: words in; what is said and an exit code out; and signals. What is done is in `host`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from weave_http.errors import ExitCode
from weave_http.host import Host, perform_words
from weave_http.host.host import Sink
from weave_http.local import interrupts
from weave_http.operations.outcome import OUT

__all__ = ["executed", "main"]


def main(argv: Sequence[str]) -> int:
    """Do what words say with this process's environment and streams; return the exit code."""
    streams = _Streams()
    code = executed(argv, os.environ, streams.write)
    return code or (ExitCode.FAILURE if streams.lost else ExitCode.OK)


def executed(words: Sequence[str], environ: Mapping[str, str], sink: Sink) -> int:
    """Do what words say, as this process's only task; return the exit code.

    Args:
        words: name and arguments of an operation.
        environ: environment variables.
        sink: takes what is said.
    """
    try:
        interrupts.listen()
        code = perform_words(Host(environ, sink), words).code
        interrupts.ignore()
    except interrupts.Interrupted as interruption:
        return interruption.exit_code
    return code


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
