"""Data classes are what the module `dataclasses` would have made of them, but for how long that takes."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from weave_http import records

T = TypeVar("T")


def _made(module: Any) -> dict[str, type[Any]]:
    """Return classes of each form that there is, as a module makes them."""

    @module.dataclass(frozen=True, slots=True)
    class Plain:
        """One of most."""

        one: int
        two: str = "b"
        shared: ClassVar[int] = 7

        @property
        def both(self) -> str:
            return f"{self.one}{self.two}"

    @module.dataclass(frozen=True, slots=True)
    class Derived(Plain):
        three: tuple[int, ...] = ()

    @module.dataclass(frozen=True, slots=True)
    class Fields:
        hidden: str = module.field(default="", repr=False)
        apart: int = module.field(default=0, compare=False)
        unhashed: dict[str, int] = module.field(default_factory=dict, hash=False)

    @module.dataclass(slots=True)
    class Changing:
        names: list[str] = module.field(default_factory=list)

    @module.dataclass(frozen=True)
    class Remembering:
        one: int
        two: int = 2

        @cached_property
        def twice(self) -> int:
            return 2 * self.one

    @module.dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        one: int
        two: str

    @module.dataclass(frozen=True, eq=False)
    class Same:
        one: int

    @module.dataclass(frozen=True, slots=True)
    class Empty:
        pass

    @module.dataclass(frozen=True, slots=True)
    class OfAKind(Generic[T]):
        value: T

    @module.dataclass(frozen=True, slots=True)
    class Checked:
        one: int = 1

        def __post_init__(self) -> None:
            if self.one < 0:
                raise TypeError("less than nothing")

    @module.dataclass(frozen=True, slots=True)
    class Shown:
        one: int

        def __str__(self) -> str:
            return f"<{self.one}>"

        def __repr__(self) -> str:
            return "shown"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 3

    return {each.__name__: each for each in locals().values() if isinstance(each, type)}


OURS, THEIRS = _made(records), _made(dataclasses)
USES: list[Callable[[dict[str, Any]], Any]] = [
    lambda made: made["Plain"](1),
    lambda made: made["Plain"](1, two="c").both,
    lambda made: made["Plain"](two="c", one=3),
    lambda made: made["Plain"].shared,
    lambda made: made["Plain"].__doc__,
    lambda made: made["Plain"](1) == made["Plain"](1),
    lambda made: made["Plain"](1) == made["Plain"](2),
    lambda made: made["Plain"](1) == made["Derived"](1),
    lambda made: made["Plain"](1) == (1, "b"),
    lambda made: len({made["Plain"](1), made["Plain"](1), made["Plain"](2)}),
    lambda made: made["Derived"](1, "x", (1, 2)),
    lambda made: isinstance(made["Derived"](1), made["Plain"]),
    lambda made: made["Derived"].__slots__,
    lambda made: made["Derived"].__match_args__,
    lambda made: hasattr(made["Plain"](1), "__dict__"),
    lambda made: made["Fields"]("secret"),
    lambda made: made["Fields"](apart=1) == made["Fields"](apart=2),
    lambda made: hash(made["Fields"](unhashed={"a": 1})) == hash(made["Fields"]()),
    lambda made: made["Fields"]().unhashed is made["Fields"]().unhashed,
    lambda made: made["Changing"](["a"]),
    lambda made: made["Changing"]().names is made["Changing"]().names,
    lambda made: made["Remembering"](4).twice,
    lambda made: made["Remembering"].two,
    lambda made: made["Ordered"](1, "b") < made["Ordered"](2, "a"),
    lambda made: made["Ordered"](1, "b") <= made["Ordered"](1, "b"),
    lambda made: made["Ordered"](1, "b") > made["Ordered"](1, "a"),
    lambda made: made["Ordered"](1, "b") >= made["Ordered"](2, "a"),
    lambda made: sorted([made["Ordered"](2, "a"), made["Ordered"](1, "b")]),
    lambda made: max(made["Ordered"](2, "a"), made["Ordered"](1, "b")),
    lambda made: made["Same"](1) == made["Same"](1),
    lambda made: len({made["Same"](1), made["Same"](1)}),
    lambda made: made["Empty"]() == made["Empty"](),
    lambda made: len({made["Empty"](), made["Empty"]()}),
    lambda made: made["OfAKind"](1) == made["OfAKind"](1),
    lambda made: made["OfAKind"](1),
    lambda made: made["Checked"](),
    lambda made: str(made["Shown"](1)) + repr(made["Shown"](1)),
    lambda made: made["Shown"](1) == made["Shown"](2),
    lambda made: hash(made["Shown"](1)),
    lambda made: copy.deepcopy(made["Plain"](1, "z")),
    lambda made: copy.copy(made["Changing"](["a"])),
]
WRONG: list[Callable[[dict[str, Any]], Any]] = [
    lambda made: made["Plain"](),
    lambda made: made["Plain"](1, "b", 3),
    lambda made: made["Plain"](1, three=3),
    lambda made: setattr(made["Plain"](1), "one", 2),
    lambda made: delattr(made["Plain"](1), "one"),
    lambda made: setattr(made["Remembering"](1), "one", 2),
    lambda made: setattr(made["Changing"](), "new", 2),
    lambda made: hash(made["Changing"]()),
    lambda made: made["Ordered"](1, "b") < made["Plain"](2),
    lambda made: made["Ordered"](1, "b") < 3,
    lambda made: made["Checked"](-1),
]


@pytest.mark.parametrize("use", USES)
def test_what_is_done_with_one_gives_the_same(use: Callable[[dict[str, Any]], Any]) -> None:
    for _ in range(2):  # the first object of a class is made otherwise than those after it
        assert repr(use(OURS)) == repr(use(THEIRS))


@pytest.mark.parametrize("use", WRONG)
def test_what_must_not_be_done_with_one_raises_the_same(use: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises((TypeError, AttributeError)) as theirs:
        use(THEIRS)
    with pytest.raises(AttributeError if isinstance(theirs.value, AttributeError) else TypeError):
        use(OURS)


def test_another_one_differs_in_what_is_replaced() -> None:
    plain = OURS["Derived"](1, "x", (1,))
    assert repr(records.replace(plain, two="y")) == repr(OURS["Derived"](1, "y", (1,)))
    with pytest.raises(TypeError):
        records.replace(plain, four=4)


def test_the_fields_of_one_are_known_by_name() -> None:
    assert records.fields(OURS["Derived"](1)) == records.fields(OURS["Derived"]) == ("one", "two", "three")
    assert records.fields(3) == ()
    assert records.default(OURS["Derived"], "two") == "b"
    with pytest.raises(KeyError):
        records.default(OURS["Derived"], "four")


@records.dataclass(frozen=True, slots=True)
class Sent:
    """One that pickle finds by its name."""

    one: int
    two: str = ""


def test_a_frozen_one_is_pickled() -> None:
    assert pickle.loads(pickle.dumps(Sent(1, "b"))) == Sent(1, "b")
