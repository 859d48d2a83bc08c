"""The executor: `weave --local COMMAND …`, run as root on the Docker host, in a throw-away container.

It is the process alone: words in; what is said and an exit code out; and signals. What is done is in `host`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from weave_http.host import Host, perform_words
from weave_http.local import interrupts

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Do what words say with this process's environment and streams; return the exit code."""
    try:
        interrupts.listen()
        code = perform_words(Host(os.environ, _write), argv).code
        interrupts.ignore()
    except interrupts.Interrupted as interruption:
        return interruption.exit_code
    return code


def _write(stream: int, data: bytes) -> None:
    """Pass on what is said, at once: whoever waits for the end of a launch reads its warnings before."""
    file = (sys.stdout if stream == 1 else sys.stderr).buffer
    with suppress(OSError):  # nobody reads it; the flush at the process's end says so by its exit code
        file.write(data)
        file.flush()
