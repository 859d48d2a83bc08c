"""A router on a network with a password, as a process, with its tunnels' secrets made anew as often as is said.

    python -m tests.router.private_router SECONDS ARGUMENTS…

Everybody has the same password, and no data may go in the clear.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from weave_http import router
from weave_http.records import replace
from weave_http.router import options
from weave_http.router.keys.service import Tunnels
from weave_http.router.options import Options
from weave_http.router.secrecy.keyring import Keyring
from weave_http.router.secrecy.options import SecrecyOptions

_parse = options.parse


def parse(argv: Sequence[str]) -> Options:
    """Return the options, with a password: that of the state, else always the same."""
    found = _parse(argv)
    return found if found.secrecy else replace(found, secrecy=SecrecyOptions(Keyring("the password of these tests")))


if __name__ == "__main__":
    Tunnels.period = float(sys.argv[1])
    options.parse = parse  # type: ignore[assignment]
    sys.exit(router.main(sys.argv[2:]))
