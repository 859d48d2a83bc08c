"""The passwords that a router knows: the one that counts, and the one before it. Pure; times are seconds since 1970."""

from __future__ import annotations

import json

from weave_http.errors import UsageError
from weave_http.operations import passwords
from weave_http.records import dataclass, field


@dataclass(frozen=True, slots=True)
class Candidate:
    """A password that may be the other side's, too.

    Args:
        password: the text.
        counts: whether who has it is let in; if not, he is told that it was changed.
    """

    password: str = field(repr=False)
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Keyring:
    """The passwords.

    Args:
        password: the one that counts.
        changed: when it was changed over the network; 0 for a launch's.
        former: the one before that; empty if there was none.
        until: to when that one is taken, too.
    """

    password: str = field(repr=False)
    changed: float = 0.0
    former: str = field(default="", repr=False)
    until: float = 0.0

    def candidates(self, now: float) -> tuple[Candidate, ...]:
        """Return what to try with the other side of a connection, in that order."""
        former = (Candidate(self.former, counts=now < self.until),) if self.former else ()
        return (Candidate(self.password), *former)

    def replaced(self, password: str, changed: float, until: float) -> Keyring:
        """Return the keyring after a change of the password, the same one if that is not the latest change.

        Args:
            password: the new one.
            changed: when it was changed.
            until: to when the one before it is taken.
        """
        # Two changes at one moment: all routers must choose the same one.
        if (changed, password) <= (self.changed, self.password):
            return self
        if password == self.password:
            return Keyring(password, changed, self.former, until)
        return Keyring(password, changed, self.password, until)

    def pack(self) -> bytes:
        """Return the content of the file that keeps it."""
        return passwords.packed(self.password, self.changed, self.former, self.until)


def read(content: bytes) -> Keyring | None:
    """Return the keyring that a file keeps; None if it says that there is no password.

    Raises:
        ValueError: it makes no sense.
    """
    if not content:
        return None
    try:
        fields = json.loads(content)
        if not isinstance(fields, dict) or fields.get("format") != passwords.FORMAT:
            raise ValueError("it is of another format")
        changed, until = float(fields["changed"]), float(fields["until"])
        former = fields["former"]
        if former:
            passwords.check(former)
        return Keyring(passwords.check(fields["password"]), changed, former, until)
    except (KeyError, TypeError, AttributeError, RecursionError, UsageError) as error:
        raise ValueError(f"it is not as it was written ({type(error).__name__})") from error
