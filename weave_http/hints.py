"""The names of `typing` that a command's start needs, without the module: it takes 7 ms to load, of 80 for a command.

Annotations are not looked at when a program runs (`from __future__ import annotations`). So there these names need no
meaning, and for a type checker they are those of `typing`. Modules that are loaded later may have them from there.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for true

if TYPE_CHECKING:
    from typing import Any as Any
    from typing import ClassVar as ClassVar
    from typing import Literal as Literal
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
    from typing import Self as Self
    from typing import TextIO as TextIO
    from typing import TypeGuard as TypeGuard
    from typing import TypeVar as TypeVar
    from typing import overload as overload
else:
    Any = ClassVar = NoReturn = Self = TextIO = TypeGuard = None
    Protocol = object

    class Literal:
        """Stand for `typing.Literal`: what it is of is in annotations alone."""

        def __class_getitem__(cls, values):
            return cls

    def TypeVar(name, **limits):
        """Stand for `typing.TypeVar`: what it returns is in annotations alone."""

    def overload(function):
        """Stand for `typing.overload`: what it decorates is replaced by the function that follows."""
        return function
