"""Keys that leave a container running: which they are, and how they are found in what is typed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from weave_http.docker_config import ReadFile, config_dir, field, load
from weave_http.engine.endpoint import read_file
from weave_http.run_args import RunArgumentError

DEFAULT = "ctrl-p,ctrl-q"


class Detached(Exception):
    """The keys were typed."""


def configured(environ: Mapping[str, str], read: ReadFile = read_file) -> str:
    """Return the keys that docker's configuration names, or nothing: `detachKeys` in its `config.json`.

    Args:
        environ: where `DOCKER_CONFIG` may be.
        read: returns a file's content, or None if there is none.
    """
    keys = field(load(config_dir(environ), read), "detachKeys")
    return keys if isinstance(keys, str) else ""


def key_codes(keys: str) -> bytes:
    """Return the bytes that keys send.

    Args:
        keys: comma list of single characters and `ctrl-X`, X being a letter or one of `@[\\]^_`.

    Raises:
        RunArgumentError: not of that form.
    """
    codes = bytearray()
    for key in keys.split(","):
        if re.fullmatch(r"ctrl-[a-z@[\\\]^_]", key):
            codes.append(ord(key[-1].upper()) - ord("@"))
        elif len(key) == 1 and key.isascii():
            codes += key.encode()
        else:
            raise RunArgumentError(
                f"unknown key {key!r} in detach keys {keys!r}", hint="expected single characters or ctrl-a to ctrl-z"
            )
    return bytes(codes)


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
