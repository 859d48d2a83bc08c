"""IP and MAC addresses in their usual forms."""

from __future__ import annotations

import ipaddress
import re

from weave_http.run_args.wrong import BadValue

_MAC = re.compile(
    r"[0-9a-fA-F]{2}(?P<by>[:-])(?:[0-9a-fA-F]{2}(?P=by))*[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{4}\.)+[0-9a-fA-F]{4}|[0-9a-fA-F]+"
)
_MAC_DIGITS = (12, 16, 40)
"""Of an Ethernet address, an EUI-64 and an IP-over-InfiniBand one."""


def ip(text: str) -> str:
    """Return an IP address in its usual form."""
    text = text.strip()
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise BadValue("expected an IP address") from error
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise BadValue("expected an IP address without a zone")
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
    return str(address)


def optional_ip(text: str) -> str:
    """Return an IP address in its usual form; nothing for nothing."""
    return ip(text) if text else ""


def mac(text: str) -> str:
    """Return a MAC address in lower case, with colons; nothing for nothing."""
    if not text:
        return ""
    text = text.strip()
    digits = re.sub(r"[:.-]", "", text).lower()
    if not _MAC.fullmatch(text) or len(digits) not in _MAC_DIGITS:
        raise BadValue("expected a MAC address, as in 02:42:ac:11:00:02")
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
