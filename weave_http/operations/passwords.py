"""The network's password: what may be one, how good it is at best, how a good one is made, and its file. Pure."""

from __future__ import annotations

import json
import secrets
from base64 import b32encode
from itertools import pairwise
from math import log2

from weave_http.errors import UsageError

FILE = "password.json"
"""Name, in the router's state, of the file with the password: a launch writes it, and the router when it is changed."""
FORMAT = 1
LONGEST = 1024
"""Characters."""
GUESSES_PER_SECOND = 5
"""How many passwords strangers may try on one router, all of them together, as time goes by."""
STRONG = 64.0
"""Bits from which on nobody is warned."""
_RANDOM_BYTES = 20
_ALPHABETS = ((str.islower, 26), (str.isupper, 26), (str.isdigit, 10))
_OTHERS = 33
_YEAR = 365.25 * 86400


def check(password: str) -> str:
    """Return a password; raise `UsageError` if it is none."""
    if not password:
        raise UsageError("the password is empty", hint="make one: weave secret")
    if len(password) > LONGEST or not password.isprintable():
        raise UsageError(f"the password is no line of at most {LONGEST} printable characters")
    return password


def first_line(content: bytes, where: str) -> str:
    """Return the password in a file: its one line.

    Args:
        content: of the file.
        where: the file, for people.

    Raises:
        UsageError: there is none.
    """
    try:
        text = content.decode()
    except ValueError:
        raise UsageError(f"the password in {where} is no text") from None
    lines = text.splitlines()
    if len(lines) != 1:
        raise UsageError(f"{where} has {len(lines)} lines", hint="expected one, the password")
    return check(lines[0])


def make() -> str:
    """Return a new password of 160 random bits, in lower-case letters and digits: 32 characters."""
    return b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode().lower()


def most_bits(password: str) -> float:
    """Return how many bits of chance a password has at best, if each character was drawn from what such are made of.

    A character that repeats the one before it, or follows or precedes it in the alphabet, counts as nothing. What is
    known of words and dates is not looked at: a password may be far weaker than this, and is never stronger.
    """
    size = sum(count for belongs, count in _ALPHABETS if any(each.isascii() and belongs(each) for each in password))
    if any(not (each.isascii() and each.isalnum()) for each in password):
        size += _OTHERS
    drawn = 1 + sum(abs(ord(one) - ord(other)) > 1 for one, other in pairwise(password)) if password else 0
    return drawn * log2(size) if drawn else 0.0


def warning(password: str) -> str:
    """Return a line that says how weak a password is; empty if it may be strong."""
    bits = most_bits(password)
    if bits >= STRONG:
        return ""
    number, takes = f"2^{bits:.0f}", _duration(2**bits / GUESSES_PER_SECOND)
    return (
        f"WARNING: the password is weak: it is one of {number} at most, of far fewer if it has words in it;"
        f" strangers can try {GUESSES_PER_SECOND} a second, all {number} in {takes}; make a strong one: weave secret"
    )


def packed(password: str, changed: float = 0.0, former: str = "", until: float = 0.0) -> bytes:
    """Return the content of the file.

    Args:
        password: the one that counts.
        changed: when it was changed over the network, in seconds since 1970; 0 for a launch's.
        former: the one before that; empty if there was none.
        until: to when that one is taken, too, in seconds since 1970.
    """
    fields = {"format": FORMAT, "password": password, "changed": changed, "former": former, "until": until}
    return json.dumps(fields).encode()


def _duration(seconds: float) -> str:
    for name, size in (("years", _YEAR), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {name}"
    return f"{seconds:.0f} seconds"
