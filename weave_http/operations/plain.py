"""Operations with few or no arguments (`stop`, `reset`, `version`, …), and commands of other versions that are gone."""

from __future__ import annotations

from collections.abc import Sequence

from weave_http.errors import UsageError
from weave_http.hints import ClassVar
from weave_http.operations.operation import Argument, Operation, Option, many
from weave_http.records import dataclass


@dataclass(frozen=True, slots=True)
class Stop(Operation):
    """Stop the router; the containers of one host keep reaching each other."""

    name: ClassVar[str] = "stop"
    more: ClassVar[str] = "The containers of one host keep reaching each other."
    example: ClassVar[str] = "stop"
    warm: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Reset(Operation):
    """Stop the router, and remove all that Weave made on the host.

    Args:
        force: no effect; scripts for Weave 2.x give it. A router that hangs is removed in any case.
    """

    name: ClassVar[str] = "reset"
    example: ClassVar[str] = "reset"
    warm: ClassVar[bool] = False
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        Option("force", ("--force",), "No effect: a router that does not answer is removed in any case."),
    )

    force: bool = False


@dataclass(frozen=True, slots=True)
class Env(Operation):
    """Print the line by which docker uses the router's Docker API.

    Args:
        restore: print what undoes it; the caller's side does it.
    """

    name: ClassVar[str] = "env"
    more: ClassVar[str] = 'For eval "$(weave env)": containers that docker creates join the network then.'
    example: ClassVar[str] = "env"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        Option("restore", ("--restore",), "Print what undoes it.", caller=True),
    )

    restore: bool = False


@dataclass(frozen=True, slots=True)
class Help(Operation):
    """Show the commands and their arguments.

    Args:
        command: show only this one; empty for all.
    """

    name: ClassVar[str] = "help"
    example: ClassVar[str] = "help attach"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        Argument(
            "command",
            "[COMMAND]",
            "Show the help of this command.",
            lambda words: (words[0], words[1:]) if words else ("", []),
            lambda value: [value] if value else [],
            "commands",
        ),
    )

    command: str = ""


def _plain(name_: str, *, more_: str = "", warm_: bool = True) -> type[Operation]:
    """Return the class of an operation without arguments."""

    @dataclass(frozen=True, slots=True)
    class Plain(Operation):
        name: ClassVar[str] = name_
        more: ClassVar[str] = more_
        example: ClassVar[str] = name_
        warm: ClassVar[bool] = warm_

    Plain.__name__ = Plain.__qualname__ = "".join(part.title() for part in name_.split("-"))
    Plain.__doc__ = Plain.summary
    return Plain


Version = _plain("version")
Upgrade = _plain(
    "upgrade",
    more_="Its name, targets, attachments and names stay, and its flags. It prints the id of the router's container. "
    "If the new router can't start, the old one goes on.",
    warm_=False,
)
Prime = _plain("prime", more_="The first hosts agree on the range then, and not only when an address is asked for.")
Config = _plain("config")
StopDns = _plain("stop-dns", more_="Weave 0.10 had a container of its own for names.")
Setup = _plain(
    "setup",
    more_="It is for use on the Docker host itself. A caller elsewhere brings the image by calls of its own.",
    warm_=False,
)
CreateBridge = _plain("create-bridge")
BridgeType = _plain("bridge-type")
DockerBridgeIp = _plain("docker-bridge-ip")

_ONE_LAUNCH = "expected: weave launch, which starts all there is"
_ONE_STOP = "expected: weave stop, which stops all there is"
_NO_PROXY = "the router is the proxy, too: weave launch, weave env"

GONE = {
    "launch-router": _ONE_LAUNCH,
    "stop-router": _ONE_STOP,
    "launch-proxy": _NO_PROXY,
    "stop-proxy": _NO_PROXY,
    "proxy-args": _NO_PROXY,
    "launch-plugin": _ONE_LAUNCH,
    "stop-plugin": _ONE_STOP,
    "setup-cni": "there is no CNI plugin",
    "attach-bridge": "the router makes the bridge and connects it by itself: weave launch",
    "attach-router": "the router connects itself: weave launch",
    "test-launch": _ONE_LAUNCH,
}
"""Commands that some version of Weave has and this one does not have, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Gone(Operation):
    """A command of another version. It goes to the host as it was typed: the image there may be of that version.

    Args:
        command: its name.
        arguments: its words.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = "Say what to use instead of this command of another version."
    internal: ClassVar[bool] = True
    parts: ClassVar[tuple[Option | Argument, ...]] = (many("arguments", "[ARGUMENT…]", "Its arguments."),)

    command: str
    arguments: tuple[str, ...] = ()

    @classmethod
    def parse(cls, words: Sequence[str]) -> Gone:
        """Return the operation; the first word is the command's name. Raises `UsageError`."""
        if not words or words[0] not in GONE:
            raise UsageError(f"unknown command {words[0]!r}" if words else "no command given")
        return cls(words[0], tuple(words[1:]))

    def words(self) -> list[str]:
        """Return the words for the host."""
        return [self.command, *self.arguments]
