"""Addresses of this host, and when they come and go, as the kernel tells it."""

from __future__ import annotations

import errno
import socket

from weave_http.addresses import IP, parse_ip
from weave_http.closing import Closing
from weave_http.net import netlink
from weave_http.net.messages import ifaddrmsg
from weave_http.net.netlink import Netlink

_RTMGRP_IPV4_IFADDR = 0x10
_LARGEST = 64 * 1024


class AddressEvents(Closing):
    """A socket that can be read whenever an IPv4 address came or went; which one is not looked at.

    Raises:
        OSError: the kernel refused.
    """

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        try:
            self.socket.setblocking(False)
            self.socket.bind((0, _RTMGRP_IPV4_IFADDR))
        except OSError:
            self.socket.close()
            raise

    def close(self) -> None:
        """Listen no more. Idempotent."""
        self.socket.close()

    def clear(self) -> None:
        """Take what has come so far. Raises `OSError`."""
        while True:
            try:
                self.socket.recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # more came than there was room for, which says as much
                    raise


def own_addresses() -> set[IP]:
    """Return all IPv4 addresses of this host. Blocking. Raises `HostError`."""
    message = ifaddrmsg()
    message["family"] = socket.AF_INET
    with Netlink() as kernel:
        found = kernel.dump(
            message, netlink.RTM_GETADDR, "list the addresses", read=lambda answer: answer.get_attr("IFA_LOCAL")
        )
    return {parse_ip(ip) for ip in found if ip}
