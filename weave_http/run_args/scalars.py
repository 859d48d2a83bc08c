"""Numbers as docker's options take them: whole numbers, sizes, durations, decimals; each read and written."""

from __future__ import annotations

import re

from weave_http.run_args.wrong import BadValue

_INTEGER = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)"
)
_FLOAT = re.compile(
    r"(?P<sign>[+-]?)(?=\.?[0-9])(?P<whole>[0-9]*)\.?(?P<fraction>[0-9]*)(?:[eE](?P<exponent>[+-]?[0-9]+))?"
)
_RATIO = re.compile(r"(?P<sign>[+-]?)(?P<over>[0-9]+)/(?P<under>[0-9]+)")
_LONGEST_NUMBER = 400
"""Digits: what is longer is no honest number, and big exponents take for ever to be computed exactly."""
_LONGEST_EXPONENT = 3

INT64_MAX = 2**63 - 1
SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # the micro sign
    "μs": 1_000,  # the Greek letter
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
"""Nanoseconds of each unit."""
NANO = 1_000_000_000


def integer(text: str, low: int, high: int) -> int:
    """Return a whole number: decimal, `0x10`, `0o17`, `017`, `0b1`, `1_000`.

    Args:
        text: what was given; a sign only where negative numbers are allowed.
        low, high: bounds, inclusive.
    """
    match = _INTEGER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if match is None or (match["sign"] and low >= 0):
        raise BadValue("expected a whole number")
    digits = text.replace("_", "").lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    value = int(digits, 8 if octal else 0)
    return within(-value if match["sign"] == "-" else value, low, high)


def decimal_integer(text: str, low: int = -(2**63), high: int = INT64_MAX) -> int:
    """Return a whole number in decimal digits."""
    digits = text[1:] if low < 0 and text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER):
        raise BadValue("expected a whole number")
    return within(int(text), low, high)


def within(value: int, low: int, high: int) -> int:
    """Return a value that is within bounds."""
    if not low <= value <= high:
        raise BadValue(f"expected {low} to {high}")
    return value


def size(text: str) -> int:
    """Return bytes: a number, then `b`, or `k m g t p` with or without `b` or `ib`, in any case, times 1024 each."""
    end = max(text.rfind(character) for character in "0123456789. ")
    if end < 0:
        raise BadValue("expected a size, as in 512m or 1.5g")
    number = text[:end] if text[end] == " " else text[: end + 1]
    suffix = text[end + 1 :].lower()
    if not _FLOAT.fullmatch(number):
        raise BadValue("expected a size, as in 512m or 1.5g")
    value = float(number)
    if value < 0:
        raise BadValue("a size can't be negative")
    if suffix not in ("", "b"):
        factor = SIZES.get(suffix[0])
        if factor is None or suffix[1:] not in ("", "b", "ib"):
            raise BadValue("invalid suffix; expected b, k, m, g, t or p")
        value *= factor
    if value > INT64_MAX:
        raise BadValue("too large")
    return int(value)


def size_text(value: int) -> str:
    """Return the shortest size that says so many bytes exactly."""
    if value <= 0:
        return str(value)
    exact = [(factor, letter) for letter, factor in SIZES.items() if value % factor == 0]
    if not exact:
        # The reader goes through a float; larger numbers than it holds exactly are multiples of something.
        return str(value)
    factor, letter = exact[-1]
    return f"{value // factor}{letter}"


def swap_size(text: str) -> int:
    """Return bytes, or -1 for no limit."""
    return -1 if text == "-1" else size(text)


_PART = re.compile(r"(?P<whole>[0-9]*)(?P<dot>\.?)(?P<fraction>[0-9]*)(?P<unit>[^0-9.]+)")


def duration(text: str) -> int:
    """Return nanoseconds: `1h30m`, `1.5s`, `250ms`; a bare number is none, but for `0`."""
    sign = text[:1] if text[:1] in ("+", "-") else ""
    rest = text[len(sign) :]
    if rest == "0":
        return 0
    if len(rest) > _LONGEST_NUMBER:
        raise BadValue("too long")
    total = 0
    position = 0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None:
            raise BadValue("a duration needs a unit, as in 30s or 1h30m")
        unit = UNITS.get(part["unit"])
        if unit is None or not (part["whole"] or part["fraction"]):
            raise BadValue("expected a duration, as in 30s or 1h30m")
        total += int(part["whole"] or "0") * unit
        if part["fraction"]:
            digits = part["fraction"][:18]  # as many as 63 bits hold
            total += int(float(int(digits)) * (unit / float(10 ** len(digits))))
        position = part.end()
    if not rest:
        raise BadValue("expected a duration, as in 30s or 1h30m")
    if total > INT64_MAX:
        raise BadValue("too long")
    return -total if sign == "-" else total


def duration_text(nanoseconds: int) -> str:
    """Return a duration in the largest unit that says it exactly."""
    if nanoseconds == 0:
        return "0s"
    for unit in ("h", "m", "s", "ms", "us"):
        if nanoseconds % UNITS[unit] == 0:
            return f"{nanoseconds // UNITS[unit]}{unit}"
    return f"{nanoseconds}ns"


def nano(text: str) -> int:
    """Return billionths: `1.5`, `1/4`, `5e-1`; exactly, so what is finer than a billionth is refused."""
    match = (_RATIO.fullmatch(text) or _FLOAT.fullmatch(text)) if len(text) <= _LONGEST_NUMBER else None
    if match is None:
        raise BadValue("expected a number, as in 1.5")
    over, under = _ratio(match)
    if under == 0:
        raise BadValue("division by zero")
    if over % under:
        raise BadValue("too precise: at most 9 digits after the point")
    value = over // under
    return within(-value if match["sign"] == "-" else value, -(2**63), INT64_MAX)


def _ratio(match: re.Match[str]) -> tuple[int, int]:
    """Return billionths, as one whole number over another."""
    if match.re is _RATIO:
        return int(match["over"]) * NANO, int(match["under"])
    exponent = match["exponent"] or "0"
    if len(exponent.lstrip("+-")) > _LONGEST_EXPONENT:
        raise BadValue("expected a number, as in 1.5")
    mantissa = int(match["whole"] + match["fraction"]) * NANO
    shift = int(exponent) - len(match["fraction"])
    return (mantissa * 10**shift, 1) if shift >= 0 else (mantissa, 10**-shift)


def nano_text(value: int) -> str:
    """Return billionths as a decimal number."""
    whole, rest = divmod(abs(value), NANO)
    fraction = f".{rest:09}".rstrip("0").rstrip(".") if rest else ""
    return f"{'-' if value < 0 else ''}{whole}{fraction}"
