"""`launch`: start the router, and connect it to peers."""

from __future__ import annotations

from collections.abc import Sequence

from weave_http.addresses import PeerAddress, looks_like_cidr, parse_peer_address
from weave_http.errors import UsageError
from weave_http.hints import Any, ClassVar
from weave_http.operations import flag_words, flags
from weave_http.operations.operation import Argument, Operation, Option, many
from weave_http.operations.peers import PEERS
from weave_http.operations.unused_flags import UNUSED, judge
from weave_http.records import dataclass, field

_CALLERS = ("password", "password-file")
"""Flags whose values stay on the caller's side."""
SWITCHES = {flag.name: not flag.metavar for flag in flags.FLAGS} | {name: flag.switch for name, flag in UNUSED.items()}
"""Every flag that is known, and whether it is a switch."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the flags of a launch say.

    Args:
        values: of the flags that were given, by name; switches that are as by default are left out.
        texts: the same, as they were typed.
        peers: to dial.
        warnings: what is said beside, a line each.
    """

    values: dict[str, Any]
    texts: dict[str, str]
    peers: tuple[PeerAddress, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Launch(Operation):
    """Start the router on the Docker host, and connect it to peers.

    Args:
        arguments: flags, then peers as `HOST[:PORT]`, as they were typed: another version's image may read them
            otherwise.
        password: never among the words; it goes by `WEAVE_PASSWORD`. None when none is given.
        password_file: where the caller's side has it from; not among the words either.
    """

    name: ClassVar[str] = "launch"
    more: ClassVar[str] = "It prints the id of the router's container. Flags come before the peers."
    exit_codes: ClassVar[tuple[tuple[str, str], ...]] = (
        ("2", "Another container has the router's name."),
        ("3", "The router runs already, and --if-needed is not given."),
    )
    example: ClassVar[str] = "launch --nickname one host2 host3"
    warm: ClassVar[bool] = False
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        *(Option(flag.name.replace("-", "_"), (flag.option,), flag.help, metavar=flag.metavar) for flag in flags.FLAGS),
        many("arguments", "[PEER…]", PEERS),
    )

    arguments: tuple[str, ...] = ()
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None

    @classmethod
    def usage(cls) -> str:
        """Return what follows `launch` in one line."""
        return "[FLAG…] [PEER…]"

    @classmethod
    def parse(cls, words: Sequence[str]) -> Launch:
        """Return the operation.

        Raises:
            UsageError: a flag that no version has, a value that makes no sense, or a word that is no peer.
        """
        arguments: list[str] = []
        kept: dict[str, str] = {}
        rest = list(words)
        while rest:
            word = rest.pop(0)
            name, equals, text = word.partition("=")
            if word.startswith("-") and (name := name.lstrip("-")) in _CALLERS:
                if not equals and not rest:
                    break
                kept[name.replace("-", "_")] = text if equals else rest.pop(0)
            else:
                arguments.append(word)
        found, _, _ = _read(words)
        given = [f"--{name}" for name, text in found if name in (*_CALLERS, "no-password") and text != "false"]
        if len(given) > 1:
            raise UsageError(f"{given[0]} and {given[1]} exclude each other")
        if kept.get("password") == "":
            raise UsageError("the password is empty", hint="leave out --password; --no-password forgets an earlier one")
        return cls(tuple(arguments), **kept)

    def words(self) -> list[str]:
        """Return the words for the host; the password is not among them."""
        return [self.name, *self.arguments]

    def settings(self) -> Settings:
        """Return what the flags say to this version.

        Raises:
            UsageError: without a flag that this version has no use for the network would be another one.
        """
        found, peers, warnings = _read(self.arguments)
        warnings += [judge(name, text) for name, text in found if name in UNUSED]
        used = flag_words.gathered([each for each in found if each[0] not in UNUSED], flags.BY_NAME)
        used = {name: text for name, text in used.items() if not (SWITCHES[name] and _is_off(name, text))}
        values = {
            name: text == "true" if SWITCHES[name] else flags.BY_NAME[name].read(text) for name, text in used.items()
        }
        return Settings(values, used, peers, tuple(dict.fromkeys(filter(None, warnings))))


def _is_off(name: str, text: str) -> bool:
    """Tell whether a switch is as if it had not been given."""
    return (text == "true") == bool(flags.BY_NAME[name].default)


def _read(words: Sequence[str]) -> tuple[list[tuple[str, str]], tuple[PeerAddress, ...], list[str]]:
    """Return flags, peers and warnings. Raises `UsageError`."""
    warnings = []
    rest = list(words)
    if rest and looks_like_cidr(rest[0]):
        warnings.append(f"WARNING: {rest.pop(0)} is ignored: the router needs no address on the network")
    found, others = flag_words.split(rest, SWITCHES)
    for name, text in found:
        if name in flags.BY_NAME and flags.BY_NAME[name].metavar:
            flags.BY_NAME[name].read(text)
    return found, tuple(map(parse_peer_address, others)), warnings
