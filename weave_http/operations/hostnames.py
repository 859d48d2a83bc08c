"""Reads hostnames, and brings them into the form in which they are kept: lower case, without the last dot. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weave_http.addresses import IP, parse_ip, parse_ipv4
from weave_http.errors import UsageError

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_LONGEST = 253
_NIBBLES, _NIBBLE = 32, re.compile(r"[0-9a-f]")


def parse_hostname(text: str) -> str:
    """Return a hostname as it is kept.

    Args:
        text: one or more labels of letters, digits, `-` and `_`, perhaps with a dot at the end.

    Raises:
        UsageError: it is no such thing.
    """
    name = text.lower().removesuffix(".")
    if len(name) > _LONGEST or not all(map(_LABEL.fullmatch, name.split("."))):
        raise UsageError(f"invalid name {text!r}", hint="expected letters, digits and hyphens, with dots between")
    return name


def is_inside(name: str, domain: str) -> bool:
    """Return whether a hostname is below a domain, both as they are kept."""
    return name.endswith("." + domain)


def from_labels(labels: Sequence[bytes]) -> str:
    """Return the labels of a question as a hostname as it is kept; empty when no hostname can have them."""
    if any(b"." in label for label in labels):
        return ""
    return b".".join(labels).decode("ascii", "replace").lower()


def reverse_address(name: str) -> IP | None:
    """Return the address that a name like `1.1.2.10.in-addr.arpa` stands for, None when it stands for none.

    Of IPv6 the labels are the 32 hexadecimal digits, the last one first, before `ip6.arpa` (RFC 3596).
    """
    labels, _, domain = name[: -len(".arpa")].rpartition(".")
    parts = labels.split(".")[::-1]
    try:
        if domain == "in-addr" and name.endswith(".arpa"):
            return parse_ipv4(".".join(parts))
        if domain == "ip6" and name.endswith(".arpa") and len(parts) == _NIBBLES and all(map(_NIBBLE.fullmatch, parts)):
            return parse_ip(":".join("".join(parts[at : at + 4]) for at in range(0, _NIBBLES, 4)))
    except UsageError:
        pass
    return None
