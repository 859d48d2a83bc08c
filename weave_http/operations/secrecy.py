"""`password`: change the network's password."""

from __future__ import annotations

import re

from weave_http.errors import UsageError
from weave_http.hints import ClassVar
from weave_http.operations.operation import Argument, Operation, Option
from weave_http.records import dataclass

_DURATION = re.compile(r"(?P<number>\d{1,7})(?P<unit>[smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 90 * 86400
DEFAULT_GRACE = 86400


def _grace(text: str) -> int:
    match = _DURATION.fullmatch(text)
    seconds = int(match["number"]) * _SECONDS[match["unit"]] if match else _LONGEST + 1
    if seconds > _LONGEST:
        raise UsageError(f"invalid --grace {text!r}", hint="expected up to 90d, as 24h or 30m")
    return seconds


@dataclass(frozen=True, slots=True)
class Password(Operation):
    """Change the network's password.

    Args:
        grace: seconds for which the one before it is taken, too.
        password_file: where the caller's side has the new one from; not among the words. It goes by `WEAVE_PASSWORD`.
    """

    name: ClassVar[str] = "password"
    more: ClassVar[str] = (
        "It is said on one host, and goes to all others over the encrypted network. The new one is in the file, or in "
        "WEAVE_PASSWORD. Hosts that are away learn it when they come back, as long as the old one is taken."
    )
    example: ClassVar[str] = "password --password-file FILE"
    warm: ClassVar[bool] = False
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        Option(
            "password_file",
            ("--password-file",),
            "File on this machine whose one line is the new password; - for stdin.",
            metavar="FILE",
            caller=True,
        ),
        Option(
            "grace",
            ("--grace",),
            "How long the old password is taken, too: 24h if not given.",
            metavar="TIME",
            read=_grace,
            write=lambda seconds: f"{seconds}s",
        ),
    )

    password_file: str | None = None
    grace: int = DEFAULT_GRACE
