"""Images of daemons, saved here in files for a while, so that only a part of each goes on to other daemons."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weave_http.closing import Closing
from weave_http.errors import WeaveError

if TYPE_CHECKING:
    from weave_http.engine import Engine


class SavedImages(Closing):
    """Files of images, each read from its daemon once for all who want it, in any thread. `close` removes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._paths: dict[str, Path] = {}

    def path(self, source: Engine, name: str, image: Mapping[str, Any], on_bytes: Callable[[int], None]) -> Path:
        """Return the file of an image; whoever wants it while it is being read waits.

        Args:
            source: a daemon that has it.
            name: of the image there.
            image: what that daemon says of it.
            on_bytes: told after each piece how many bytes have come so far.

        Raises:
            WeaveError: there is no room for it here.
            EngineError: the daemon refused, or broke off.
        """
        with self._lock:
            path = self._paths.get(image["Id"])
            if path is None:
                path = self._paths[image["Id"]] = self._read(source, name, on_bytes)
            return path

    def _read(self, source: Engine, name: str, on_bytes: Callable[[int], None]) -> Path:
        with source.images.save([name]) as chunks:
            try:
                if self._folder is None:
                    self._folder = tempfile.TemporaryDirectory(prefix="weave-", ignore_cleanup_errors=True)
                path, sent = Path(self._folder.name) / f"{len(self._paths)}.tar", 0
                with path.open("wb") as file:
                    for chunk in chunks:
                        file.write(chunk)
                        sent += len(chunk)
                        on_bytes(sent)
            except OSError as error:
                raise WeaveError(
                    f"can't save image {name} in {tempfile.gettempdir()}: {error.strerror or error}",
                    hint="TMPDIR names another folder",
                ) from error
        return path

    def close(self) -> None:
        """Remove the files. Idempotent."""
        if self._folder is not None:
            self._folder.cleanup()
