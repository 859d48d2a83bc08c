"""Names that a package offers and imports when they are asked for first: Python's start is most of a command's time.

A package imports them for type checkers only, under `if TYPE_CHECKING:` and as `X as X`, which offers them there; and
says in a table where they are, which offers them to the import system. No name may be that of a module of the package:
that would be the package's attribute as soon as anybody imports it.
"""

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` for it would cost milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable


def lazy_names(package: str, homes: "dict[str, tuple[str, ...]]") -> "Callable[[str], object]":
    """Return the `__getattr__` of a package; it also knows `__all__`, where the package does not say it.

    Args:
        package: its name.
        homes: names by the module that has them; the package's own modules among these are offered, too.
    """

    def find(name: str) -> object:
        """Import a name when it is asked for first."""
        from importlib import import_module
        from sys import modules

        if name == "__all__":
            return offered()
        for home, there in homes.items():
            if name in there:
                value: object = getattr(import_module(home), name)
                setattr(modules[package], name, value)
                return value
            if home == f"{package}.{name}":
                return import_module(home)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def offered() -> "list[str]":
        itself = [home.removeprefix(f"{package}.") for home, there in homes.items() if not there]
        return sorted([*itself, *(name for there in homes.values() for name in there)])

    return find
