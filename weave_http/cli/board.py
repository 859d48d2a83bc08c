"""What many hosts say, on one screen: each line after its host's name, and below them how far all are."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Sequence

from weave_http.errors import WeaveError
from weave_http.printable import printable
from weave_http.sinks import write_all

_REDRAW_SECONDS = 0.1
_CLEAR = b"\r\x1b[K"


class Board:
    """Prints lines of many hosts, in several threads; what is below them only where stderr is a terminal.

    Args:
        names: of the hosts.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._width = max(map(len, names), default=0)
        self._out = sys.stdout.buffer
        self._err = sys.stderr.buffer
        self._terminal = self._err.isatty()
        self._lock = threading.Lock()
        self._doing = dict.fromkeys(names, "")
        self._count = len(names)
        self._drawn = 0.0

    def line(self, name: str, text: bytes | str, *, error: bool = False) -> None:
        """Print a line of a host's."""
        data = printable(text).encode() if isinstance(text, str) else text
        with self._lock:
            self._write(f"{name:<{self._width}} | ".encode() + data.rstrip(b"\n") + b"\n", error=error)

    def block(self, text: str, *, error: bool = False) -> None:
        """Print lines that are of no single host."""
        with self._lock:
            self._write(f"{text}\n".encode(errors="backslashreplace"), error=error)

    def failed(self, name: str, error: WeaveError) -> None:
        """Print why the work on a host failed."""
        self.line(name, f"weave: {error}", error=True)

    def sink(self, name: str, *, error: bool) -> HostLines:
        """Return what takes a host's output."""
        return HostLines(self, name, error=error)

    def doing(self, name: str, what: str) -> None:
        """Show what a host is about."""
        if not self._terminal:
            return
        with self._lock:
            if name in self._doing:
                self._doing[name] = printable(what)
            if time.monotonic() - self._drawn > _REDRAW_SECONDS:
                self._draw()

    def over(self, name: str) -> None:
        """Show that a host is done."""
        with self._lock:
            self._doing.pop(name, None)
            if self._terminal and self._doing:
                self._draw()

    def end(self) -> None:
        """Show nothing more of how far the hosts are."""
        with self._lock:
            if self._terminal and self._drawn:
                write_all(self._err, _CLEAR)
                self._drawn = 0.0

    def _write(self, data: bytes, *, error: bool) -> None:
        drawn = self._drawn
        if drawn:
            write_all(self._err, _CLEAR)
        write_all(self._err if error else self._out, data)
        if drawn:
            self._draw()

    def _draw(self) -> None:
        done = self._count - len(self._doing)
        busy = ", ".join(f"{name} {what}".strip() for name, what in self._doing.items())
        line = f"{done} of {self._count} hosts done; waiting for {busy}"
        write_all(self._err, _CLEAR + line[: shutil.get_terminal_size().columns - 1].encode())
        self._drawn = time.monotonic()


class HostLines:
    """Takes a host's output and prints whole lines of it; `close` prints what is left.

    Args:
        board: where.
        name: the host's.
        error: whether it is on stderr.
    """

    def __init__(self, board: Board, name: str, *, error: bool) -> None:
        self._board = board
        self._name = name
        self._error = error
        self._left = b""

    def write(self, data: bytes) -> int:
        """Print the lines that are whole now."""
        *lines, self._left = (self._left + data).split(b"\n")
        for line in lines:
            if line:
                self._board.line(self._name, line, error=self._error)
        return len(data)

    def flush(self) -> None:
        """Do nothing: lines are printed as soon as they are whole."""

    def close(self) -> None:
        """Print what has no end of line."""
        if self._left:
            self.write(b"\n")


class HostMeter:
    """A meter of one host's transfers, see `weave_http.commands.caller.Meter`."""

    def __init__(self, board: Board, name: str) -> None:
        self._board = board
        self._name = name

    def update(self, item: str, status: str, current: int, total: int) -> None:
        """Show how far a transfer is."""
        self._board.doing(self._name, f"{status} {min(100, 100 * current // total)} %" if total else status)

    def end(self) -> None:
        """Do nothing: others' lines stay."""
