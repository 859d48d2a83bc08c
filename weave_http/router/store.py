"""The router's memory: a state, which changes when the change is on the disk (`weave_http.router.database`)."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from weave_http.errors import HostError
from weave_http.records import replace
from weave_http.router.blocking import in_thread
from weave_http.router.database import Database
from weave_http.router.state import State

logger = logging.getLogger(__name__)

FILE = "weave.db"
_CLOSING = 2.0
"""Seconds that a disk has at the end: what was written is there in any case."""

Edit = Callable[[State], State]


class Store:
    """The state, and its file.

    What can't be read does not keep the router from running: it starts with what there is, and says so. A file that
    makes no sense, or is of a later format, is kept under another name.

    Args:
        folder: where the file is; made when missing.

    Attributes:
        state: what is known; the same as on the disk unless there is trouble.
        trouble: why not everything is kept, empty if it is.
    """

    def __init__(self, folder: Path) -> None:
        self.trouble = ""
        self._database = Database(folder / FILE)
        self._edits: list[tuple[Edit, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database.read()
        except (OSError, sqlite3.Error) as error:
            self._in_trouble(error)
        self.state = self._database.kept

    async def begin(self, **fields: Any) -> None:
        """Set fields of the state whether or not they can be written: what the router needs to run at all."""
        self.state = replace(self.state, **fields)
        try:
            await self.change(lambda state: state)
        except HostError as error:
            logger.error("%s; going on without", error)

    async def change(self, edit: Edit) -> None:
        """Change the state, and return when it is on the disk; only then it is in memory.

        What is asked for while the disk is busy is written together.

        Args:
            edit: returns the state as it must be, from the one that it is; changes follow one after another.

        Raises:
            HostError: it could not be written; nothing was changed.
        """
        done = asyncio.get_running_loop().create_future()
        done.add_done_callback(_seen)
        self._edits.append((edit, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        # Whoever asked may give up waiting; what is on the disk must come to memory all the same.
        await asyncio.shield(done)

    async def close(self) -> None:
        """Leave the file as it is best read. Nothing is lost without."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING):
                if self._writing is not None:
                    await asyncio.wait([self._writing])
                await in_thread(self._database.close)

    async def _write(self) -> None:
        while self._edits:
            edits, self._edits = self._edits, []
            after, made = self.state, list[asyncio.Future[None]]()
            for edit, done in edits:
                try:
                    after = edit(after)
                except Exception as error:  # whoever asked for it is told
                    done.set_exception(error)
                else:
                    made.append(done)
            why = await self._written(after)
            for done in made:
                if why is None:
                    done.set_result(None)
                else:
                    done.set_exception(HostError(why))

    async def _written(self, after: State) -> str | None:
        """Write a state, and have it in memory; return why that can't be done."""
        if after != self._database.kept:
            try:
                await in_thread(partial(self._database.write, after))
            except (OSError, sqlite3.Error) as error:
                self._in_trouble(error)
                return self.trouble
            if self.trouble:
                logger.info("the router's state is kept in %s again", self._database.path)
            self.trouble = ""
        self.state = after
        return None

    def _in_trouble(self, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) else str(error)
        trouble = f"can't keep the router's state in {self._database.path}: {why}"
        if trouble != self.trouble:
            logger.error("%s", trouble)
        self.trouble = trouble


def _seen(done: asyncio.Future[None]) -> None:
    """Look at how a change ended: nobody may wait for it any more."""
    if not done.cancelled():
        done.exception()
