"""A router on a network with a password, as a process, with its tunnels' secrets made anew as often as is said.

    python -m tests.router.private_router SECONDS ARGUMENTS…

How peers prove that they know the password is another matter (tests/router/secrecy): here everybody does, and no data
may go in the clear.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from weave_http import router
from weave_http.router import options
from weave_http.router.keys.service import Tunnels
from weave_http.router.mesh.connections import Connection
from weave_http.router.options import Options
from weave_http.router.secrecy.options import SecrecyOptions

_parse, _init = options.parse, Connection.__init__


def parse(argv: Sequence[str]) -> Options:
    """Return the options, with a password."""
    return replace(_parse(argv), secrecy=SecrecyOptions())


def init(connection: Connection, *arguments: Any, **keywords: Any) -> None:
    """Make a connection by which nobody agreed on data in the clear."""
    _init(connection, *arguments, **{**keywords, "clear": False})


if __name__ == "__main__":
    Tunnels.period = float(sys.argv[1])
    options.parse = parse  # type: ignore[assignment]
    Connection.__init__ = init  # type: ignore[assignment,method-assign]
    sys.exit(router.main(sys.argv[2:]))
