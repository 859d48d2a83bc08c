"""The router: the long-running daemon that joins this host with the others.

It never touches a packet. It finds the peers, over TCP, and tells the kernel where to send: `weave_http.net.vxlan`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from weave_http.errors import ExitCode, WeaveError


def main(argv: Sequence[str]) -> int:
    """Run a router until SIGTERM or SIGINT.

    Args:
        argv: what follows `weave --router` (`weave_http.router.options`).

    Returns:
        the exit code.
    """
    # For number 1 of a container the kernel drops a signal without a handler. There is nothing to undo yet.
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(ExitCode.OK))
    import asyncio

    from weave_http.router import log, options

    try:
        parsed = options.parse(argv)
        log.set_up(parsed.log_level)
        from weave_http.router.daemon import serve

        asyncio.run(serve(parsed))
    except WeaveError as error:
        print(f"weave: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.OK
