"""The terminal that `weave` was started at, as a container in the foreground needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Terminal:
    """Standard input and the screen. Implements `weave_http.commands.caller.Keyboard`."""

    @property
    def descriptor(self) -> int:
        """Standard input."""
        return sys.stdin.fileno()

    @property
    def is_terminal(self) -> bool:
        """Whether standard input is a terminal."""
        return os.isatty(self.descriptor)

    def size(self) -> tuple[int, int] | None:
        """Return height and width of the terminal that standard output is, if it is one."""
        try:
            size = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            return None
        return (size.lines, size.columns) if size.lines and size.columns else None

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Take each key as it is: no line editing, no echo, no signals; as before at the end."""
        import termios
        import tty

        if not self.is_terminal:
            yield
            return
        before = termios.tcgetattr(self.descriptor)
        tty.setraw(self.descriptor, termios.TCSADRAIN)
        try:
            yield
        finally:
            termios.tcsetattr(self.descriptor, termios.TCSADRAIN, before)
