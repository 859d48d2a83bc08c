"""What an operation is: a frozen value that says what is asked of a Docker host, and its words.

An operation is declared once, as a dataclass with a tuple of `parts`: its options and arguments in the order in which
they are written. From the parts come the parser, the words, the usage line and the help of the command line.
`parse(op.words()[1:]) == op` holds, except for options of the caller's side, which are not among the words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weave_http import records
from weave_http.addresses import Wanted, is_ip, leading_addresses
from weave_http.errors import UsageError
from weave_http.hints import Any, ClassVar, Self
from weave_http.operations.index import INTERNAL, SUMMARIES
from weave_http.records import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """An option.

    Args:
        field: the attribute of the operation that it sets.
        names: its spellings; the first one is written.
        help: what it does, a sentence.
        metavar: what its value is; empty for a switch.
        sets: the value of the attribute when a switch is given.
        read: makes a value of a text. Raises `UsageError`.
        write: makes a text of a value.
        many: it may be given again; the attribute is a tuple.
        caller: it is for the caller's side, and is not among the words for the host.
        bare: the text that stands for a value that is left out. A value is then written after `=` alone.
    """

    field: str
    names: tuple[str, ...]
    help: str
    metavar: str = ""
    sets: bool = True
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = str
    many: bool = False
    caller: bool = False
    bare: str = ""

    @property
    def spelling(self) -> str:
        """Its first name, with what its value is."""
        if self.bare:
            return f"{self.names[0]}[={self.metavar}]"
        return f"{self.names[0]} {self.metavar}" if self.metavar else self.names[0]

    @property
    def usage(self) -> str:
        """How it stands in a line of usage."""
        shown = f"[{self.spelling}]"
        return f"{shown}…" if self.many else shown

    def words(self, value: Any, default: Any) -> list[str]:
        """Return what is written for a value of the attribute; nothing for the default."""
        if value == default:
            return []
        if not self.metavar:
            return [self.names[0]] if value == self.sets else []
        if self.bare:
            return [f"{self.names[0]}={self.write(value)}"]
        return [word for each in (value if self.many else (value,)) for word in (self.names[0], self.write(each))]


@dataclass(frozen=True, slots=True)
class Argument:
    """Words that are no options.

    Args:
        field: the attribute of the operation that it sets.
        metavar: how it is shown.
        help: what it is, a sentence.
        take: makes the attribute's value of the words at hand; returns it with the words that are left.
            Raises `UsageError`.
        write: makes words of the value.
        candidates: what completes it on a command line: `running`, `containers`, `targets`, `sections`,
            `commands`, or nothing.
    """

    field: str
    metavar: str
    help: str
    take: Callable[[list[str]], tuple[Any, list[str]]]
    write: Callable[[Any], list[str]]
    candidates: str = ""

    @property
    def usage(self) -> str:
        """How it stands in a line of usage."""
        return self.metavar

    def words(self, value: Any, default: Any) -> list[str]:
        """Return what is written for a value of the attribute."""
        return self.write(value)


class Operation:
    """Something that is asked of a Docker host; each subclass is a frozen dataclass.

    Class attributes:
        name: its name on the command line.
        summary: what it does, a sentence, from `index`; the first line of its help.
        more: further sentences of its help.
        parts: options and arguments, in the order in which they are written.
        example: words after `weave` that make one.
        exit_codes: those that only this one has, and what each means.
        verbatim: options end with the first argument; what follows is passed on as it is.
        internal: it is for scripts, and not in the list of commands; from `index`.
        warm: the resident executor may do it. Not what begins, ends or replaces that itself (`launch`, `stop`, `reset`,
            `setup`), nor what may carry a secret: what is said to the resident others may hear.
    """

    __slots__ = ()

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    more: ClassVar[str] = ""
    parts: ClassVar[tuple[Option | Argument, ...]] = ()
    example: ClassVar[str] = ""
    exit_codes: ClassVar[tuple[tuple[str, str], ...]] = ()
    verbatim: ClassVar[bool] = False
    internal: ClassVar[bool] = False
    warm: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        cls.summary = SUMMARIES.get(cls.name, cls.summary)
        cls.internal = cls.name in INTERNAL or cls.internal

    @classmethod
    def parse(cls, words: Sequence[str]) -> Self:
        """Return the operation that words make.

        Args:
            words: what follows the operation's name.

        Raises:
            UsageError: they make none.
        """
        values, plain = _options(cls, words)
        for part in cls.parts:
            if isinstance(part, Argument):
                values[part.field], plain = part.take(plain)
        if plain:
            bare = next((word for word in words if is_ip(word)), "")
            if bare and any(part.usage == _ADDRESSES for part in cls.parts):
                raise UsageError(f"address {bare} has no length", hint=f"as in {bare}/{64 if ':' in bare else 24}")
            raise UsageError(f"unexpected argument {plain[0]!r}")
        return cls(**values)

    def words(self) -> list[str]:
        """Return the words that make this operation on the host, its name first."""
        words = [self.name]
        for part in self.parts:
            if not (isinstance(part, Option) and part.caller):
                words += part.words(getattr(self, part.field), records.default(type(self), part.field))
        return words

    @property
    def goes_warm(self) -> bool:
        """Whether the resident executor may do this one."""
        return self.warm

    @classmethod
    def usage(cls) -> str:
        """Return options and arguments as one line shows them."""
        return " ".join(part.usage for part in cls.parts)


def _options(cls: type[Operation], words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the attributes that options set, and the other words. Raises `UsageError`."""
    known = {name: part for part in cls.parts if isinstance(part, Option) for name in part.names}
    values: dict[str, Any] = {}
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            plain += rest
        elif len(word) < 2 or not word.startswith("-"):
            plain += (word, *rest) if cls.verbatim else (word,)
        else:
            name, equals, text = word.partition("=")
            option = known.get(name)
            if option is None and not word.startswith("--") and (short := known.get(word[:2])) and short.metavar:
                option, name, equals, text = short, word[:2], "=", word[2:]
            if option is None and cls.verbatim:
                plain += (word, *rest)
                break
            if option is None or (equals and not option.metavar):
                raise UsageError(f"unknown option {word!r}")
            if not option.metavar:
                values[option.field] = option.sets
                continue
            given = text if equals else option.bare or _value_of(name, next(rest, None))
            value = option.read(given)
            values[option.field] = (*values.get(option.field, ()), value) if option.many else value
    return values, plain


def _value_of(name: str, word: str | None) -> str:
    if word is None:
        raise UsageError(f"option {name!r} needs a value")
    return word


EXIT_CODES = (
    ("0", "Done."),
    ("1", "Refused, or failed on the host; the words make no command."),
    ("125", "The daemon refused, or was not reached."),
    ("130", "Interrupted; another signal: 128 and its number."),
)
"""Exit codes of every operation, beside its own."""


# -- kinds of arguments ------------------------------------------------------------------------------

_ADDRESSES = "[ADDR…]"


def addresses(help_: str) -> Argument:
    """Return the argument `[ADDR…]`: addresses of interfaces, or subnets to find some in; without any `net:default`."""

    def take(words: list[str]) -> tuple[tuple[Wanted, ...], list[str]]:
        found, rest = leading_addresses(words)
        return tuple(dict.fromkeys(found)), rest

    return Argument("addresses", _ADDRESSES, help_, take, lambda value: [str(each) for each in value])


def one(
    field: str, metavar: str, help_: str, *, missing: str, read: Callable[[str], Any] = str, candidates: str = ""
) -> Argument:
    """Return an argument that is one word.

    Args:
        field: the attribute.
        metavar: how it is shown.
        help_: what it is.
        missing: what to say when it is left out, as `no container given`.
        read: makes a value of the word. Raises `UsageError`.
        candidates: what completes it.
    """

    def take(words: list[str]) -> tuple[Any, list[str]]:
        if not words:
            raise UsageError(missing)
        return read(words[0]), words[1:]

    return Argument(field, metavar, help_, take, lambda value: [str(value)], candidates)


def many(
    field: str,
    metavar: str,
    help_: str,
    *,
    missing: str = "",
    read: Callable[[str], Any] = str,
    candidates: str = "",
) -> Argument:
    """Return an argument that is all the words that are left.

    Args:
        field: the attribute, a tuple.
        metavar: how it is shown.
        help_: what they are.
        missing: what to say when there is none; empty where there may be none.
        read: makes a value of a word. Raises `UsageError`.
        candidates: what completes it.
    """

    def take(words: list[str]) -> tuple[tuple[Any, ...], list[str]]:
        if missing and not words:
            raise UsageError(missing)
        return tuple(map(read, words)), []

    return Argument(field, metavar, help_, take, lambda value: [str(each) for each in value], candidates)
