"""The names of this host that outlive the router's process, in a file of their own.

They can be said anew a moment after a restart, before any container was looked at. Losing the file loses nothing but
names that were given by hand.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from weave_http.errors import UsageError
from weave_http.operations.hostnames import parse_hostname
from weave_http.router.names.register import Name

logger = logging.getLogger(__name__)


class Memory:
    """The file.

    Args:
        folder: where it is, which exists.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "names.json"

    def load(self) -> list[Name]:
        """Return the names; none, and a line in the log, when the file makes no sense."""
        try:
            value = json.loads(self._path.read_bytes())
            return [Name(parse_hostname(name), str(IPv4Address(address)), str(owner)) for name, address, owner in value]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, RecursionError, UsageError, AddressValueError) as error:
            logger.warning("the names in %s can't be read: %s", self._path, error)
        return []

    def save(self, names: Iterable[Name]) -> None:
        """Replace the file. Raises `OSError`."""
        text = json.dumps([[name.hostname, name.address, name.owner] for name in names], indent=0)
        new = self._path.with_suffix(".new")
        with new.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
