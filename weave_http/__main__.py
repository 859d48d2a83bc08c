"""`weave`: one program for both sides of the wire.

`weave --local …` is the executor, `weave --resident …` the one that stays, and `weave --router …` the router, all run
inside the image; anything else is the caller's side. Each branch imports only what it needs, because Python's start is
most of a command's time.
"""

# What `signal` is made of: it loads without a line of Python, in which a signal could arrive. Nothing comes before it,
# not even an import of `__future__`, which is a module like others.
import _signal  # type: ignore[import-not-found]

# While modules load there is nothing to undo: a signal ends the program at once, without a traceback. Whoever started
# us with the signal ignored, as a shell does in the background, wants it ignored.
if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# Modules are objects that stay: looking for garbage among them every 700th time is a tenth of their import.
gc.set_threshold(100_000)


def main() -> int:
    """Run `weave` with the arguments of this process and return its exit code."""
    side, rest = sys.argv[1:2], sys.argv[2:]
    if side == ["--local"]:
        from weave_http import local

        return local.main(rest)
    if side == ["--resident"]:
        from weave_http.local import resident

        return resident.main(rest)
    if side == ["--router"]:
        from weave_http import router

        return router.main(rest)
    from weave_http import cli

    return cli.main(sys.argv[1:])


def run() -> "NoReturn":
    """Run `weave` as this process, and end it.

    All that had to be closed is closed by then; taking every module apart, as the interpreter would, takes 10 ms.
    """
    code = main()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    # Only eight bits of it go to the parent; a failure must not become a success by that.
    os._exit(code & 0xFF or bool(code))


if __name__ == "__main__":
    run()
