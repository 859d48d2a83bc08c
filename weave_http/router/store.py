"""The router's memory on the disk: one SQLite file, in which every change is a transaction.

A rollback journal, not a write-ahead log: that one needs a second and a third file to be made only to read the first,
which a full disk or a read-only one does not allow, and a router must come up with what it can read. With
`synchronous=EXTRA` the file and its folder are on the disk when a commit returns, so power may fail at any moment. A
commit costs about a millisecond; the library 1.4 ms and 1.5 MB.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from weave_http.addresses import parse_cidr, parse_ip
from weave_http.errors import HostError, UsageError
from weave_http.operations.hostnames import parse_hostname
from weave_http.router.addresses.packing import pack_memory, pack_passed, read_memory, read_passed
from weave_http.router.blocking import in_thread
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.identity import is_peer_name
from weave_http.router.names.register import Name
from weave_http.router.state import Exposure, Kept, State, is_container_id
from weave_http.router.takeover import read_json_files

logger = logging.getLogger(__name__)
K = TypeVar("K")
V = TypeVar("V")

FILE = "weave.db"
FORMAT = 4
"""Of the file (its `user_version`); 0 is a file that nothing has been written to."""
_PATIENCE = 5.0
"""Seconds for which another process may hold the file."""
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
_SCHEMA = """
    CREATE TABLE identity (name TEXT NOT NULL, uid INTEGER NOT NULL, launch TEXT NOT NULL) STRICT;
    CREATE TABLE target (peer TEXT NOT NULL) STRICT;
    CREATE TABLE attachment (container TEXT PRIMARY KEY, addresses TEXT NOT NULL) STRICT;
    CREATE TABLE exposed (address TEXT PRIMARY KEY, masquerade INTEGER NOT NULL, names TEXT NOT NULL) STRICT;
    CREATE TABLE name (hostname TEXT, address TEXT, owner TEXT, PRIMARY KEY (hostname, address, owner)) STRICT;
    CREATE TABLE agreement (peer TEXT NOT NULL, ranges TEXT NOT NULL, memory TEXT NOT NULL, passed TEXT NOT NULL)
        STRICT;
    CREATE TABLE held (owner TEXT PRIMARY KEY, addresses TEXT NOT NULL) STRICT;
    CREATE TABLE place (address TEXT PRIMARY KEY, peer TEXT NOT NULL) STRICT;
"""
"""The addresses of an attachment are separated by spaces; the names of an exposed address are a JSON array."""


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
        self.state = State()
        self.trouble = ""
        self._path = folder / FILE
        self._kept = State()
        self._lock = asyncio.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._load()
        except (OSError, sqlite3.Error) as error:
            self._in_trouble(error)

    async def begin(self, **fields: Any) -> None:
        """Set fields of the state whether or not they can be written: what the router needs to run at all."""
        self.state = replace(self.state, **fields)
        try:
            await self.change(lambda state: state)
        except HostError as error:
            logger.error("%s; going on without", error)

    async def change(self, edit: Callable[[State], State]) -> None:
        """Change the state, and return when it is on the disk; only then it is in memory.

        Args:
            edit: returns the state as it must be, from the one that it is; changes follow one after another.

        Raises:
            HostError: it could not be written; nothing was changed.
        """
        # Whoever asked may give up waiting; what is on the disk must come to memory all the same.
        await asyncio.shield(asyncio.create_task(self._change(edit)))

    async def _change(self, edit: Callable[[State], State]) -> None:
        async with self._lock:
            after = edit(self.state)
            if after == self._kept:
                self.state = after
                return
            try:
                await in_thread(partial(self._write, after))
            except (OSError, sqlite3.Error) as error:
                self._in_trouble(error)
                raise HostError(self.trouble) from error
            if self.trouble:
                logger.info("the router's state is kept in %s again", self._path)
            self.state, self._kept, self.trouble = after, after, ""

    def _in_trouble(self, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) else str(error)
        trouble = f"can't keep the router's state in {self._path}: {why}"
        if trouble != self.trouble:
            logger.error("%s", trouble)
        self.trouble = trouble

    def _load(self) -> None:
        """Read the file, or what an earlier version has written. Raises `OSError` or `sqlite3.Error`."""
        if not self._path.exists():
            self.state = read_json_files(self._path.parent, put_aside)
            return
        try:
            with closing(self._open()) as database:
                self.state = self._kept = _read(database)
        except (ValueError, sqlite3.DatabaseError) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_THE_FILES_FAULT:
                raise
            put_aside(self._path, error)

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA synchronous = EXTRA")
        return database

    def _write(self, after: State) -> None:
        """Blocking. Write what differs from what is on the disk."""
        with closing(self._open()) as database:
            database.execute("BEGIN IMMEDIATE")
            before = self._kept
            if _format(database) != FORMAT:  # a new file: the first one, or the old one was taken away
                before = State()
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {FORMAT}")
            _write_difference(database, before, after)
            database.execute("COMMIT")
        for name in ("state.json", "names.json"):
            self._path.with_name(name).unlink(missing_ok=True)


def put_aside(path: Path, why: Exception) -> None:
    """Rename a file that makes no sense to `NAME.corrupt-1`, or the next number that is free. Raises `OSError`."""
    aside = next(it for number in count(1) if not (it := path.with_name(f"{path.name}.corrupt-{number}")).exists())
    logger.warning("%s makes no sense (%s); it is kept as %s, and the router starts anew", path, why, aside.name)
    path.rename(aside)
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)


def _format(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _read(database: sqlite3.Connection) -> State:
    """Return what is in a file. Raises `ValueError` for what is no state, `sqlite3.Error`."""
    found = _format(database)
    if found == 0 and not database.execute("SELECT 1 FROM sqlite_master").fetchone():
        return State()
    if found != FORMAT:
        raise ValueError(f"its format is {found}, this version knows {FORMAT}")
    check = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if check != "ok":
        raise ValueError(" ".join(str(check).split()))
    name, uid, launch = database.execute("SELECT name, uid, launch FROM identity").fetchone() or ("", 0, "")
    if name and not is_peer_name(name):
        raise ValueError(f"invalid peer name {name!r}")
    try:
        return State(
            name=name,
            uid=uid,
            launch=launch,
            targets=tuple(peer for (peer,) in database.execute("SELECT peer FROM target ORDER BY rowid")),
            attachments={
                _container(container): tuple(map(parse_cidr, addresses.split()))
                for container, addresses in database.execute("SELECT container, addresses FROM attachment")
            },
            exposed={
                parse_cidr(address): Exposure(bool(masquerade), tuple(json.loads(names)))
                for address, masquerade, names in database.execute("SELECT address, masquerade, names FROM exposed")
            },
            names=frozenset(_name(*row) for row in database.execute("SELECT hostname, address, owner FROM name")),
            kept=_kept(database),
            places={parse_ip(address): peer for address, peer in database.execute("SELECT address, peer FROM place")},
        )
    except (UsageError, Malformed, KeyError) as error:
        raise ValueError(str(error)) from error


def _kept(database: sqlite3.Connection) -> Kept | None:
    row = database.execute("SELECT peer, ranges, memory, passed FROM agreement").fetchone()
    if row is None:
        return None
    held = database.execute("SELECT owner, addresses FROM held")
    return Kept(
        row[0],
        tuple(map(ip_network, row[1].split())),
        read_memory(json.loads(row[2])),
        {owner: tuple(map(parse_cidr, addresses.split())) for owner, addresses in held},
        read_passed(json.loads(row[3])),
    )


def _write_kept(database: sqlite3.Connection, before: Kept | None, after: Kept | None) -> None:
    if before is after or after is None:
        return
    if before is None or replace(before, held=after.held) != after:
        database.execute("DELETE FROM agreement")
        memory, passed = json.dumps(pack_memory(after.memory)), json.dumps(pack_passed(after.passed))
        values = (after.name, " ".join(map(str, after.ranges)), memory, passed)
        database.execute("INSERT INTO agreement VALUES (?, ?, ?, ?)", values)
    gone, new = _difference(before.held if before else {}, after.held)
    database.executemany("DELETE FROM held WHERE owner = ?", ((owner,) for owner in gone))
    database.executemany(
        "INSERT OR REPLACE INTO held VALUES (?, ?)", ((owner, " ".join(map(str, after.held[owner]))) for owner in new)
    )


def _container(text: str) -> str:
    if not is_container_id(text):
        raise ValueError(f"invalid container id {text!r}")
    return text


def _name(hostname: str, address: str, owner: str) -> Name:
    return Name(parse_hostname(hostname), parse_ip(address), owner)


def _write_difference(database: sqlite3.Connection, before: State, after: State) -> None:
    if (before.name, before.uid, before.launch) != (after.name, after.uid, after.launch):
        database.execute("DELETE FROM identity")
        database.execute("INSERT INTO identity VALUES (?, ?, ?)", (after.name, after.uid, after.launch))
    if before.targets != after.targets:
        database.execute("DELETE FROM target")
        database.executemany("INSERT INTO target VALUES (?)", ((peer,) for peer in after.targets))
    gone, new = _difference(before.attachments, after.attachments)
    database.executemany("DELETE FROM attachment WHERE container = ?", ((container,) for container in gone))
    database.executemany(
        "INSERT OR REPLACE INTO attachment VALUES (?, ?)",
        ((container, " ".join(map(str, after.attachments[container]))) for container in new),
    )
    hidden, shown = _difference(before.exposed, after.exposed)
    database.executemany("DELETE FROM exposed WHERE address = ?", ((str(address),) for address in hidden))
    database.executemany(
        "INSERT OR REPLACE INTO exposed VALUES (?, ?, ?)",
        (
            (str(address), after.exposed[address].masquerade, json.dumps(after.exposed[address].names))
            for address in shown
        ),
    )
    _write_kept(database, before.kept, after.kept)
    left, moved = _difference(before.places, after.places)
    database.executemany("DELETE FROM place WHERE address = ?", ((str(ip),) for ip in left))
    database.executemany("INSERT OR REPLACE INTO place VALUES (?, ?)", ((str(ip), after.places[ip]) for ip in moved))
    if before.names is not after.names:
        database.executemany(
            "DELETE FROM name WHERE hostname = ? AND address = ? AND owner = ?", map(_row, before.names - after.names)
        )
        database.executemany("INSERT INTO name VALUES (?, ?, ?)", map(_row, after.names - before.names))


def _difference(before: Mapping[K, V], after: Mapping[K, V]) -> tuple[list[K], list[K]]:
    """Return the keys that are gone, and those that are new or have another value."""
    if before is after:
        return [], []
    gone = [key for key in before if key not in after]
    return gone, [key for key, value in after.items() if key not in before or before[key] != value]


def _row(name: Name) -> tuple[str, str, str]:
    return name.hostname, str(name.address), name.owner
