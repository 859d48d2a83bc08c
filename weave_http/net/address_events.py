"""Addresses of this host, and when they come and go, as the kernel tells it."""

from __future__ import annotations

import errno
import socket
from typing import Any

from weave_http.addresses import IP, parse_ip
from weave_http.closing import Closing
from weave_http.net import netlink
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
    """Return all addresses of this host, but for link-local ones of IPv6. Blocking. Raises `HostError`."""
    message = ifaddrmsg()
    message["family"] = socket.AF_UNSPEC

    def read(answer: Any) -> str:
        # IPv6 has IFA_LOCAL only where the other end has another address.
        return answer.get_attr("IFA_LOCAL") or answer.get_attr("IFA_ADDRESS") or ""

    with Netlink() as kernel:
        found = {
            parse_ip(ip) for ip in kernel.dump(message, netlink.RTM_GETADDR, "list the addresses", read=read) if ip
        }
    return {ip for ip in found if ip.version == 4 or not ip.is_link_local}
