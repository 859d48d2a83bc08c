"""Data classes as the module `dataclasses` makes them, made in a tenth of the time.

A command makes some sixty of them before it does anything, a router a hundred, and `dataclasses` writes and compiles
half a dozen functions for each: a fifth of a command's start, for which it loads `inspect` as well. Here a function is
the same for all classes, or it is compiled when it is first called.

To a type checker these names *are* those of `dataclasses`. What no class of this project uses is not here, such as
`InitVar` and `kw_only`.
"""

from __future__ import annotations

from collections.abc import Callable

from weave_http.hints import TYPE_CHECKING, Any

_MISSING: Any = object()
_FIELDS = "__record_fields__"


class FrozenError(AttributeError):
    """An attribute of a frozen object was to be changed."""


class _Field:
    """What is known of a field; arguments as of `dataclasses.field`."""

    __slots__ = "compare", "default", "factory", "hash", "repr"

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Callable[[], Any] | None = None,
        repr: bool = True,
        compare: bool = True,
        hash: bool | None = None,
    ) -> None:
        self.default, self.factory = default, default_factory
        self.repr, self.compare, self.hash = repr, compare, compare if hash is None else hash


def fields(value: object) -> tuple[str, ...]:
    """Return the names of the fields of an object; none if it is not of a data class."""
    return tuple(getattr(value, _FIELDS, ()))


def values(value: object) -> dict[str, Any]:
    """Return the fields of an object, as `fields`, with what they hold."""
    return {name: getattr(value, name) for name in fields(value)}


def default(cls: type[Any], name: str) -> Any:
    """Return what a field of a data class is when nothing is given. Raises `KeyError` if there is no such field."""
    return getattr(cls, _FIELDS)[name].default


def _dataclass(
    cls: type[Any] | None = None, *, frozen: bool = False, slots: bool = False, eq: bool = True, order: bool = False
) -> Any:
    """Make a class a data class; arguments as of `dataclasses.dataclass`."""
    if cls is None:
        return lambda cls: _dataclass(cls, frozen=frozen, slots=slots, eq=eq, order=order)
    found: dict[str, _Field] = {}
    for base in reversed(cls.__mro__[1:]):
        found.update(getattr(base, _FIELDS, {}))
    inherited = frozenset(found)
    attributes = {name: each for name, each in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}
    own = [name for name, kind in attributes.get("__annotations__", {}).items() if "ClassVar" not in str(kind)]
    for name in own:
        given = attributes.pop(name, _MISSING)
        found[name] = given if given.__class__ is _Field else _Field(default=given)
    added: dict[str, Any] = {_FIELDS: found, "__match_args__": tuple(found), "__repr__": _repr}
    later: dict[str, Callable[[type[Any]], Callable[..., Any]]] = {}
    if "__init__" not in attributes:
        later["__init__"] = lambda made: _init(made, found, frozen=frozen, slots=slots)
    if eq:
        later["__eq__"] = lambda made: _comparison("__eq__", "==", found)
        if frozen:
            later["__hash__"] = lambda made: _hash(found)
        else:
            added["__hash__"] = None
    if order:
        later["__lt__"] = lambda made: _comparison("__lt__", "<", found)
        later["__le__"] = lambda made: _comparison("__le__", "<=", found)
    if attributes.get("__hash__", _MISSING) is None:  # Python's own, as the class says itself what is equal
        del attributes["__hash__"]
    if frozen:
        added |= {"__setattr__": _refuse, "__delattr__": _refuse, "__reduce__": _reduce}
    added = {name: each for name, each in added.items() if name not in attributes}
    if slots:  # which a class can't be given later
        kind: Any = type(cls)
        attributes["__slots__"] = tuple(name for name in own if name not in inherited)
        made = kind(cls.__name__, cls.__bases__, attributes | added)
        made.__qualname__ = cls.__qualname__
    else:
        made = cls
        for name in own:
            if name in cls.__dict__:
                delattr(cls, name)
        defaults = {name: found[name].default for name in own if found[name].default is not _MISSING}
        for name, each in (defaults | added).items():
            setattr(cls, name, each)
    for name, make in later.items():
        if name not in attributes:
            setattr(made, name, _lazy(made, name, make))
    return made


def _replace(value: Any, /, **changes: Any) -> Any:
    """Return an object that is like another one but for some fields."""
    return value.__class__(**(values(value) | changes))


def _lazy(cls: type[Any], name: str, make: Callable[[type[Any]], Callable[..., Any]]) -> Callable[..., Any]:
    """Return a method that puts the one that is made in its place when it is called."""

    def method(*args: Any, **kwargs: Any) -> Any:
        made = make(cls)
        setattr(cls, name, made)
        return made(*args, **kwargs)

    return method


def _compiled(signature: str, lines: list[str], names: dict[str, Any]) -> Callable[..., Any]:
    """Return a function of some lines. They are made of names of this project's own code alone."""
    exec(f"def {signature}:\n " + "\n ".join(lines or ["pass"]), names)  # noqa: S102
    made: Callable[..., Any] = names[signature.partition("(")[0]]
    return made


def _init(cls: type[Any], found: dict[str, _Field], *, frozen: bool, slots: bool) -> Callable[..., Any]:
    names: dict[str, Any] = {"_missing": _MISSING}
    parameters, lines = ["self"], []
    for name, each in found.items():
        value = name
        if each.factory is not None:
            names[f"_make_{name}"] = each.factory
            parameters.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        elif each.default is not _MISSING:
            names[f"_default_{name}"] = each.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        if not frozen:
            lines.append(f"self.{name} = {value}")
        elif slots:
            names[f"_set_{name}"] = getattr(cls, name).__set__
            lines.append(f"_set_{name}(self, {value})")
        else:
            lines.append(f"self.__dict__[{name!r}] = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    return _compiled(f"__init__({', '.join(parameters)})", lines, names)


def _comparison(name: str, sign: str, found: dict[str, _Field]) -> Callable[..., Any]:
    compared = [name for name, each in found.items() if each.compare]
    line = f"return {_tuple('self', compared)} {sign} {_tuple('other', compared)}"
    return _compiled(f"{name}(self, other)", [f"{line} if other.__class__ is self.__class__ else NotImplemented"], {})


def _hash(found: dict[str, _Field]) -> Callable[..., Any]:
    hashed = [name for name, each in found.items() if each.hash]
    return _compiled("__hash__(self)", [f"return hash({_tuple('self', hashed)})"], {})


def _tuple(of: str, names: list[str]) -> str:
    return f"({' '.join(f'{of}.{name},' for name in names)})"


def _repr(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, each in self.__record_fields__.items() if each.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refuse(self: Any, name: str, value: Any = None) -> None:
    raise FrozenError(f"{self.__class__.__name__} is frozen: {name} can't be changed")


def _reduce(self: Any) -> Any:
    return self.__class__, tuple(values(self).values())


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
else:
    dataclass, field, replace = _dataclass, _Field, _replace
