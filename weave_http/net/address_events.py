"""Addresses of this host, and when they come and go, as the kernel tells it."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

from weave_http.addresses import IP
from weave_http.closing import Closing
from weave_http.net import netlink
from weave_http.net.messages import ifaddrmsg
from weave_http.net.netlink import Netlink

_RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x10, 0x100
_LARGEST = 64 * 1024
_ATTRIBUTES = 8
"""Where they begin, behind family, prefix length, flags, scope and index."""
_SCOPE, _SCOPE_LINK = 3, 253
_IFA_ADDRESS, _IFA_LOCAL = 1, 2


class AddressEvents(Closing):
    """A socket that can be read whenever an address came or went; which one is not looked at.

    Raises:
        OSError: the kernel refused.
    """

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        try:
            self.socket.setblocking(False)
            self.socket.bind((0, _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))
        except OSError:
            self.socket.close()
            raise

    def close(self) -> None:
        """Listen no more. Idempotent."""
        self.socket.close()

    def clear(self) -> None:
        """Take what has come so far: until then the socket can be read. Raises `OSError`."""
        while True:
            try:
                self.socket.recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # more came than there was room for, which says as much
                    raise


def own_addresses() -> set[IP]:
    """Return all addresses of this host, but for link-local ones of IPv6: each veth of each container has one of those.

    Blocking. Raises `HostError`.
    """
    message = ifaddrmsg()
    message["family"] = socket.AF_UNSPEC
    with Netlink() as kernel:
        return set(kernel.scan(message, netlink.RTM_GETADDR, "list the addresses", _address))


def _address(body: memoryview) -> IP | None:
    """Return an undecoded address as a value; None for one that is link-local."""
    if body[0] == socket.AF_INET6 and body[_SCOPE] == _SCOPE_LINK:
        return None
    found = netlink.attributes(body, _ATTRIBUTES)
    # IPv6 has IFA_LOCAL only where the other end has another address.
    raw = found.get(_IFA_LOCAL, found.get(_IFA_ADDRESS))
    return ip_address(bytes(raw)) if raw is not None else None
