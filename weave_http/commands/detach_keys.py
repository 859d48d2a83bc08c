"""Finds the detach keys in what is typed; they leave a container in the foreground running."""

from __future__ import annotations


class Detached(Exception):
    """The keys were typed."""


class KeyFilter:
    """Holds back what may become the keys, and raises `Detached` when it has.

    Args:
        codes: the bytes to look for.
    """

    def __init__(self, codes: bytes) -> None:
        self._codes = codes
        self._matched = 0

    def __call__(self, data: bytes) -> bytes:
        """Return what is to be sent of what was typed.

        Raises:
            Detached: these are the keys, with what was typed before.
        """
        sent = bytearray()
        for code in data:
            if code != self._codes[self._matched]:
                sent += self._codes[: self._matched]
                self._matched = 0
            if code != self._codes[self._matched]:
                sent.append(code)
                continue
            self._matched += 1
            if self._matched == len(self._codes):
                raise Detached
        return bytes(sent)
