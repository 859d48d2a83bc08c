"""Inspects one container of this host, joins it to the network again, takes addresses from it. All of it blocks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from weave_http import constants
from weave_http.addresses import Cidr
from weave_http.engine import Engine
from weave_http.host.dns_names import full_name
from weave_http.net import guest
from weave_http.net.sysctl import has_ipv6


class Joined(NamedTuple):
    """A container on the network.

    Attributes:
        addresses: that it was given, as far as that is known; else those of its interface.
        hostname: with a domain, or empty.
        known: whether the kernel's rules say that it was given them.
    """

    addresses: tuple[Cidr, ...]
    hostname: str
    known: bool = False


def rejoin(engine: Engine, container: str, addresses: Sequence[Cidr]) -> bool:
    """Give a container its addresses again; return False if it does not run any more.

    Args:
        engine: of this host.
        container: full container id.
        addresses: that it had.

    Raises:
        WeaveError: it could not be done; nothing was changed.
    """
    target = _target(engine.containers.inspect(container))
    if target is None:
        return False
    here = [cidr for cidr in addresses if cidr.version == 4 or has_ipv6()]
    guest.plug(target, here, noted=lambda: here)
    return True


def withdraw(engine: Engine, container: str, addresses: Sequence[Cidr]) -> None:
    """Take addresses from a container, if it runs and has them.

    Args:
        engine: of this host.
        container: full container id.
        addresses: to be taken.

    Raises:
        WeaveError: it could not be done; nothing was changed.
    """
    target = _target(engine.containers.inspect(container))
    state = guest.describe(target) if target is not None else None
    if target is not None and state is not None:
        guest.unplug(target, addresses)


def look(engine: Engine, container: str) -> Joined | None:
    """Return what a container has of the network; None if it does not run, or is not on it. Raises `EngineError`."""
    found = engine.containers.inspect(container)
    target = _target(found)
    state = guest.granted(target) if target is not None else None
    if state is None or not state[0]:
        return None
    return Joined(tuple(state[0]), full_name(found), state[1])


def _target(found: Mapping[str, Any]) -> guest.Target | None:
    pid = found["State"].get("Pid")
    return guest.Target(pid, found["Id"][:12], os.environ.get("PROCFS") or constants.PROCFS) if pid else None
