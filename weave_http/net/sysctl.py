"""Kernel parameters of one interface, in the network namespace of the calling thread."""

from __future__ import annotations

from collections.abc import Mapping

from weave_http.errors import HostError

_ROOT = "/proc/sys/net/ipv4"

ARP = {"base_reachable_time_ms": "5000", "delay_first_probe_time": "2", "ucast_solicit": "1"}
"""Notice within seconds that an address has moved to another container: by default it takes minutes."""
PROMOTE = {"promote_secondaries": "1"}
"""Removing one of several addresses of a subnet must leave the others alone, which is not the default."""


def set_neighbour(interface: str, values: Mapping[str, str] = ARP) -> None:
    """Set `net.ipv4.neigh.INTERFACE.*`. Raises `HostError`."""
    _write(f"{_ROOT}/neigh/{interface}", values)


def set_interface(interface: str, values: Mapping[str, str] = PROMOTE) -> None:
    """Set `net.ipv4.conf.INTERFACE.*`. Raises `HostError`."""
    _write(f"{_ROOT}/conf/{interface}", values)


def _write(folder: str, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        try:
            with open(f"{folder}/{name}", "w") as file:
                file.write(value)
        except OSError as error:
            reason = error.strerror or str(error)
            raise HostError(f"can't set {folder}/{name}: {reason}", hint="the executor must be privileged") from error
