"""Progress of transfers: bars on a terminal, nothing elsewhere."""

from __future__ import annotations

from types import TracebackType

from weave_http.hints import TYPE_CHECKING, Self, TextIO
from weave_http.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Meter:
    """Shows each item of a transfer as a bar, on a terminal only; the bars' library is loaded with the first.

    Args:
        stream: where to show them.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bars: Progress | None = None
        self._items: dict[str, TaskID] = {}

    def update(self, item: str, status: str, current: int, total: int) -> None:
        """See `weave_http.commands.caller.Meter`."""
        if not self._stream.isatty():
            return
        if self._bars is None:
            self._bars = self._start()
        if item not in self._items:
            self._items[item] = self._bars.add_task("", total=None)
        self._bars.update(
            self._items[item],
            description=printable(f"{item[:24]} {status[:32]}"),
            completed=current,
            total=total or None,
        )

    def _start(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            DownloadColumn(),
            console=Console(file=self._stream),
            transient=True,
        )
        bars.start()
        return bars

    def end(self) -> None:
        """See `weave_http.commands.caller.Meter`."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            self._items.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
