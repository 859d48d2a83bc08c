"""Kernel parameters of one interface, in the network namespace of the calling thread."""

from __future__ import annotations

from collections.abc import Mapping

from weave_http.errors import HostError

_ROOT = "/proc/sys/net"

ARP = {"base_reachable_time_ms": "5000", "delay_first_probe_time": "2", "ucast_solicit": "1"}
"""Notice within seconds that an address has moved to another container: by default it takes minutes."""
PROMOTE = {"promote_secondaries": "1"}
"""Removing one of several addresses of a subnet must leave the others alone, which is not the default."""
NO_ADVICE = {"accept_ra": "0", "autoconf": "0", "accept_redirects": "0"}
"""Take no route and no address from whoever sends a Router Advertisement: by default any container may give one."""
NO_IPV6 = {**NO_ADVICE, "disable_ipv6": "1"}
"""Have no IPv6 there at all: by a link-local address a container would reach every service of the host."""


def set_neighbour(interface: str, values: Mapping[str, str] = ARP) -> None:
    """Set `net.ipv4.neigh.INTERFACE.*`. Raises `HostError`."""
    _write(f"{_ROOT}/ipv4/neigh/{interface}", values)


def set_interface(interface: str, values: Mapping[str, str] = PROMOTE) -> None:
    """Set `net.ipv4.conf.INTERFACE.*`. Raises `HostError`."""
    _write(f"{_ROOT}/ipv4/conf/{interface}", values)


def set_ipv6(interface: str, values: Mapping[str, str] = NO_IPV6) -> None:
    """Set `net.ipv6.conf.INTERFACE.*`; nothing happens where a kernel or an interface has no IPv6.

    An interface has none while its MTU is below 1280 bytes; it gets some, with all defaults, when the MTU rises.

    Raises:
        HostError: the kernel refused.
    """
    _write(f"{_ROOT}/ipv6/conf/{interface}", values, optional=True)


def _write(folder: str, values: Mapping[str, str], *, optional: bool = False) -> None:
    """Write what is not so yet."""
    for name, value in values.items():
        try:
            with open(f"{folder}/{name}", "r+") as file:
                if file.read().strip() != value:
                    file.seek(0)
                    file.write(value)
        except OSError as error:
            if optional and isinstance(error, FileNotFoundError):
                continue
            reason = error.strerror or str(error)
            raise HostError(f"can't set {folder}/{name}: {reason}", hint="the executor must be privileged") from error
