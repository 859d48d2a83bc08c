"""`weave version`: what runs on this side, then what runs on the host."""

from __future__ import annotations

from weave_http import __version__
from weave_http.commands.caller import Caller
from weave_http.commands.executor import execute


def version(caller: Caller) -> int:
    """Print this program's version, then that of the router or the image on the host.

    Args:
        caller: engine, streams and environment.
    """
    caller.say(f"weave script {__version__}")
    return execute(caller, ["version"])
