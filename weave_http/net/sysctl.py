"""Kernel parameters of one interface, in the network namespace of the calling thread."""

from __future__ import annotations

import os
from collections.abc import Mapping

from weave_http.errors import HostError

_ROOT = "/proc/sys/net"

_ARP = {"base_reachable_time_ms": "5000", "delay_first_probe_time": "2", "ucast_solicit": "1"}
"""Notice within seconds that an address has moved to another container: by default it takes minutes."""
_PROMOTE = {"promote_secondaries": "1"}
"""Removing one of several addresses of a subnet must leave the others alone, which is not the default."""
NO_ADVICE = {"accept_ra": "0", "autoconf": "0", "accept_redirects": "0"}
"""Take no route and no address from whoever sends a Router Advertisement: by default any container may give one."""
ON = {"disable_ipv6": "0"}
IPV6 = {**NO_ADVICE, "accept_dad": "0", **ON}
"""Have IPv6 there, whatever the engine set for interfaces to come; who has which address was settled before."""
IPV6_OF_THE_HOST = {"addr_gen_mode": "1", **IPV6}
"""The same without a link-local address, by which containers of any subnet would find the host."""
NO_IPV6 = {**NO_ADVICE, "disable_ipv6": "1"}
"""Have no IPv6 there at all: by a link-local address a container would reach every service of the host."""


def set_neighbour(interface: str) -> None:
    """Notice soon that an address moved, for IPv4, and IPv6 where the interface has that. Raises `HostError`."""
    _write(f"{_ROOT}/ipv4/neigh/{interface}", _ARP)
    _write(f"{_ROOT}/ipv6/neigh/{interface}", _ARP, optional=True)


def set_interface(interface: str) -> None:
    """Keep the other addresses of a subnet when one of them is removed. Raises `HostError`."""
    _write(f"{_ROOT}/ipv4/conf/{interface}", _PROMOTE)


def set_ipv6(interface: str, values: Mapping[str, str] = NO_IPV6) -> None:
    """Set `net.ipv6.conf.INTERFACE.*`; nothing happens where a kernel or an interface has no IPv6.

    An interface has none while its MTU is below 1280 bytes; it gets some, with all defaults, when the MTU rises.

    Raises:
        HostError: the kernel refused.
    """
    _write(f"{_ROOT}/ipv6/conf/{interface}", values, optional=True)


def has_ipv6() -> bool:
    """Tell whether the kernel has IPv6 at all."""
    return os.path.isdir(f"{_ROOT}/ipv6")


def check_ipv6() -> None:
    """Raise `HostError` if the kernel has no IPv6."""
    if not has_ipv6():
        raise HostError(
            "this host's kernel has IPv6 off", hint="use addresses of IPv4, or boot it without ipv6.disable=1"
        )


def turn_ipv6_on(interface: str, values: Mapping[str, str] = IPV6) -> None:
    """Have IPv6 on an interface, and on no other one.

    Raises:
        HostError: the kernel has none, or the interface has none because its MTU is too small.
    """
    check_ipv6()
    if not os.path.isdir(f"{_ROOT}/ipv6/conf/{interface}"):
        raise HostError(f"{interface} has no IPv6: its MTU is below 1280 bytes", hint="launch with a larger --mtu")
    set_ipv6(interface, values)
    set_neighbour(interface)


def forwards_ipv6() -> bool:
    """Tell whether the host forwards IPv6 from one interface to another."""
    try:
        with open(f"{_ROOT}/ipv6/conf/all/forwarding") as file:
            return file.read().strip() != "0"
    except OSError:
        return False


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
