"""Lists inside one value, as `--mount`, `--network` and `--gpus` have them: one record of comma-separated values."""

from __future__ import annotations

from collections.abc import Sequence

from weave_http.run_args.wrong import BadValue


def fields(text: str) -> list[str]:
    """Return the fields of a record.

    A field with a comma stands in double quotes, a double quote in it is doubled. Quotes anywhere else are an error.
    """
    if not text.strip("\r\n"):
        raise BadValue("expected key=value,…")
    if '"' not in text:
        return text.strip("\r\n").splitlines()[0].split(",")
    found: list[str] = []
    position = 0
    while True:
        field, position = _quoted(text, position) if text.startswith('"', position) else _plain(text, position)
        found.append(field)
        if position >= len(text):
            return found
        position += 1  # the comma


def _plain(text: str, start: int) -> tuple[str, int]:
    end = text.find(",", start)
    end = len(text) if end < 0 else end
    field = text[start:end]
    if '"' in field:
        raise BadValue("a double quote may only be around a whole key=value")
    return field, end


def _quoted(text: str, start: int) -> tuple[str, int]:
    parts: list[str] = []
    position = start + 1
    while True:
        end = text.find('"', position)
        if end < 0:
            raise BadValue("a double quote is not closed")
        parts.append(text[position:end])
        if not text.startswith('""', end):
            break
        parts.append('"')
        position = end + 2
    if end + 1 < len(text) and text[end + 1] != ",":
        raise BadValue("a double quote may only be around a whole key=value")
    return "".join(parts), end + 1


def record(values: Sequence[str]) -> str:
    """Return fields as one record, quoted where they have to be."""
    return ",".join(_written(value, alone=len(values) == 1) for value in values)


def _written(value: str, *, alone: bool) -> str:
    if any(character in value for character in ',"\r\n') or (alone and not value):
        doubled = value.replace('"', '""')
        return f'"{doubled}"'
    return value
