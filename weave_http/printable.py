"""Makes text from elsewhere safe to show on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

_NAMED = 5


def printable(text: str) -> str:
    r"""Return a text with what a terminal would act on written out, as `\x1b`; line ends and tabs stay.

    Args:
        text: words of a daemon, of a registry, or of a container's image.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode() for char in text
    )


def some_of(names: Sequence[str]) -> str:
    """Return the first five names as a list to read, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def is_text(text: str) -> bool:
    """Tell whether a word can be said in JSON: words and variables may be any bytes, which Python hides in them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
