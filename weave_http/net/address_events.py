"""Addresses of this host, and when they come and go, as the kernel tells it."""

from __future__ import annotations

import errno
import socket

from weave_http.addresses import IP
from weave_http.closing import Closing
from weave_http.net import links, netlink
from weave_http.net.messages import ifaddrmsg
from weave_http.net.netlink import Netlink

_RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x10, 0x100
_LARGEST = 64 * 1024


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
    return None if links.is_link_local_6(body) else links.raw_cidr(body).ip
