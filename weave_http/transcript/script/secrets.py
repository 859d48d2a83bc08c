"""Secrets of a script: they are not in it, but in variables that who runs it has to set."""

from __future__ import annotations

import json
from collections.abc import Iterator

from weave_http.transcript.masking import Hidden, Secret


class Secrets:
    """The secrets that a script has come upon so far, each with a variable of its own."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the variables."""
        return iter(self._values)

    def variable(self, secret: Hidden) -> str:
        """Return the name of a secret's variable: the same for the same value."""
        name, count = secret.name, 1
        while self._values.setdefault(name, str(secret.value)) != str(secret.value):
            count += 1
            name = f"{secret.name}_{count}"
        return name

    def joined(self, secret: Secret) -> str:
        """Return a value with secrets in it as jq's sum of its pieces."""
        return " + ".join(
            f"env.{self.variable(piece)}" if isinstance(piece, Hidden) else json.dumps(piece) for piece in secret.pieces
        )
