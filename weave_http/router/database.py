"""The file with the router's memory: one SQLite database, which is open as long as the router runs. All of it blocks.

While it is open there is a write-ahead log beside it: a commit is one write to the end of that, and is on the disk when
it returns, so power may fail at any moment. At the end the log goes into the file, which is all that is there at rest:
it can be read where nothing can be written. A router that was killed leaves the log; the next one reads both.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

from weave_http.router.rows import make_tables, read, write_difference
from weave_http.router.state import State

logger = logging.getLogger(__name__)

FORMAT = 4
"""Of the file (its `user_version`); 0 is a file that nothing has been written to."""
_PATIENCE = 5.0
"""Seconds for which another process may hold the file."""
_LOG_PAGES = 64
"""Pages of the write-ahead log, 4 KiB each, after which it goes into the file: a volume may be small."""
_NOT_THE_FILES_FAULT = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
"""Primary error codes after which the file may well be sound."""
_CAN_NOT_WRITE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
"""Primary error codes with which a log can't be read where SQLite can't make its index, a file beside it."""


class Database:
    """The file. One thread at a time may use it.

    Args:
        path: of it.

    Attributes:
        kept: what is on the disk, as far as it could be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept = State()
        self._connection: sqlite3.Connection | None = None
        self._file = 0, 0
        """Device and inode of what the connection is to."""

    def read(self) -> None:
        """Read what there is; a file that makes no sense is put aside. Raises `OSError` or `sqlite3.Error`."""
        if not self.path.exists():
            return
        try:
            self.kept = self._read()
        except (ValueError, sqlite3.DatabaseError) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_THE_FILES_FAULT:
                raise
            self._put_aside(error)

    def write(self, after: State) -> None:
        """Write what differs from what is on the disk: all of it or nothing. Raises `OSError` or `sqlite3.Error`."""
        try:
            database = self._opened()
            database.execute("BEGIN IMMEDIATE")
            write_difference(database, self.kept, after)
            database.execute("COMMIT")
        except BaseException:
            self._disconnect()  # which also ends the transaction
            raise
        self.kept = after

    def close(self) -> None:
        """Leave one file. Idempotent; where that can't be done the next router reads both."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA busy_timeout = 0")
                self._connection.execute("PRAGMA journal_mode = DELETE")
            self._disconnect()

    def _opened(self) -> sqlite3.Connection:
        """Return the connection to the file that is there now: somebody may have taken the one before away."""
        if self._connection is not None and self._identity() != self._file:
            self._disconnect()
            for path in self._beside("-wal", "-shm"):
                path.unlink(missing_ok=True)
        if self._connection is None:
            self._connection = database = _connect(self.path)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            database.execute("PRAGMA synchronous = EXTRA")
            database.execute("BEGIN IMMEDIATE")
            if _format(database) != FORMAT:
                self.kept = State()
                make_tables(database)
                database.execute(f"PRAGMA user_version = {FORMAT}")
            database.execute("COMMIT")
            self._file = self._identity()
        return self._connection

    def _read(self) -> State:
        """Return what is in the file and the log. Where nothing can be written the log is read in a copy of both."""
        try:
            return _state(self.path)
        except sqlite3.OperationalError as error:
            (log,) = self._beside("-wal")
            if error.sqlite_errorcode & 0xFF not in _CAN_NOT_WRITE or not log.exists():
                raise
            with TemporaryDirectory() as folder:
                for each in (self.path, log):
                    copy(each, folder)
                return _state(Path(folder, self.path.name))

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _identity(self) -> tuple[int, int]:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return 0, 0
        return found.st_dev, found.st_ino

    def _beside(self, *endings: str) -> list[Path]:
        return [self.path.with_name(self.path.name + ending) for ending in endings]

    def _put_aside(self, why: Exception) -> None:
        """Rename the file to `NAME.corrupt-1`, or the next number that is free. Raises `OSError`."""
        path = self.path
        aside = next(it for number in count(1) if not (it := path.with_name(f"{path.name}.corrupt-{number}")).exists())
        logger.warning("%s makes no sense (%s); it is kept as %s, and the router starts anew", path, why, aside.name)
        path.rename(aside)
        for each in self._beside("-wal", "-shm", "-journal"):
            each.unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)


def _format(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _state(path: Path) -> State:
    """Return what is in a file. Raises `ValueError` for what is no state, `sqlite3.Error`."""
    with closing(_connect(path)) as database:
        found = _format(database)
        if found == 0 and not database.execute("SELECT 1 FROM sqlite_master").fetchone():
            return State()
        if found != FORMAT:
            raise ValueError(f"its format is {found}, this version knows {FORMAT}")
        check = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if check != "ok":
            raise ValueError(" ".join(str(check).split()))
        return read(database)
