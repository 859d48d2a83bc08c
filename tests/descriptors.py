"""The open files of this process, for tests that leave none behind.

They are compared as sets, not by their number: what another thread closes meanwhile is then no matter.
"""

from __future__ import annotations

import os
from contextlib import suppress


def descriptors() -> set[tuple[str, str]]:
    """Return number and target, as `("5", "socket:[1234]")`, of each open file; `after <= before` if none was left."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the listing's own
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found
