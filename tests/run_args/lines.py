"""Random argument lines: options in any number, order and spelling, most of their values good."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.run_args.cases import BAD, BAD_NEWER, GOOD, NEWER, UNASKED
from weave_http.run_args.kinds import ValueKind
from weave_http.run_args.option import Option
from weave_http.run_args.table import OPTIONS

MOST_OPTIONS = 12
_OTHER = ':/=-,. 0aA1[]"x'
"""Characters that mean something in one value or another."""


@st.composite
def altered(draw: st.DrawFn, good: st.SearchStrategy[str]) -> str:
    """A good value with a character taken out, put in or exchanged."""
    value = draw(good)
    at = draw(st.integers(0, len(value)))
    other: str = draw(st.sampled_from(["", *_OTHER]))
    return value[:at] + other + value[at + draw(st.integers(0, 1)) :]


def values(option: Option, *, newer: bool, odd: bool) -> st.SearchStrategy[str]:
    """Values of an option.

    Args:
        option: of which.
        newer: also such as only newer CLIs understand.
        odd: also altered and bad ones.
    """
    pool = [*GOOD.get(option.name, ()), *(NEWER.get(option.name, ()) if newer else ())] or ["1"]
    good = st.sampled_from(pool)
    if not odd:
        return good
    bad = [*BAD.get(option.name, ()), *(BAD_NEWER.get(option.name, ()) if newer else ())] or pool
    return st.integers(0, 59).flatmap(lambda dice: {0: st.sampled_from(bad), 1: altered(good)}.get(dice, good))


@st.composite
def spelled(draw: st.DrawFn, option: Option, *, newer: bool, odd: bool) -> tuple[str, ...]:
    """One option in one of its spellings."""
    name = draw(st.sampled_from([option.name, *option.aliases]))
    letter = f"-{option.short}" if option.short and draw(st.booleans()) else ""
    if option.kind is ValueKind.SWITCH:
        on = draw(st.sampled_from(["", "", "=true", "=0", "=F"]))
        return ((letter or f"--{name}") + on,)
    value = draw(values(option, newer=newer, odd=odd))
    if not letter:
        return (f"--{name}={value}",) if draw(st.booleans()) else (f"--{name}", value)
    return draw(
        st.sampled_from([(letter, value), (f"{letter}={value}",), (f"{letter}{value}",), (f"-P{option.short}", value)])
    )


@st.composite
def lines(draw: st.DrawFn, known: Collection[str], *, newer: bool = True, odd: bool = True) -> tuple[str, ...]:
    """A line.

    Args:
        known: long names of the options that may be in it.
        newer, odd: see `values`.
    """
    options = [option for option in OPTIONS if option.name in known and option.name not in UNASKED and not option.os]
    chosen = draw(st.lists(st.sampled_from(options), max_size=MOST_OPTIONS))
    words = [word for option in chosen for word in draw(spelled(option, newer=newer, odd=odd))]
    if draw(st.integers(0, 9)) == 0:
        words.append("--")
    return (*words, "image", *draw(st.lists(st.sampled_from(["sh", "-c", "--rm", "ls -l", ""]), max_size=3)))


def drawn(strategy: st.SearchStrategy[tuple[str, ...]], count: int, number: int) -> list[tuple[str, ...]]:
    """Return so many different examples; for the same number (the seed) always the same."""
    found: dict[tuple[str, ...], None] = {}

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(line: tuple[str, ...]) -> None:
        found[line] = None

    turn = 0
    while len(found) < count:
        collect = seed(number + turn)(collect)
        collect()
        turn += 1_000_003
    return list(found)[:count]


def shortest(words: tuple[str, ...], differs: Callable[[tuple[str, ...]], bool]) -> tuple[str, ...]:
    """Return a line without the words that don't matter for a difference."""
    smaller: Iterable[tuple[str, ...]] = (
        words[:at] + words[at + width :] for width in (2, 1) for at in range(len(words))
    )
    for candidate in smaller:
        if candidate and differs(candidate):
            return shortest(candidate, differs)
    return words
