"""The rows of the router's memory: how a state is read from the database, and how what differs is written to it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from ipaddress import ip_network
from typing import TypeVar

from weave_http.addresses import parse_cidr, parse_ip
from weave_http.errors import UsageError
from weave_http.operations.hostnames import parse_hostname
from weave_http.records import replace
from weave_http.router.addresses.packing import pack_memory, pack_passed, read_memory, read_passed
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.identity import is_peer_name
from weave_http.router.names.register import Name
from weave_http.router.state import Exposure, Kept, State, is_container_id

K = TypeVar("K")
V = TypeVar("V")

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


def make_tables(database: sqlite3.Connection) -> None:
    """Make the tables in a new file. Raises `sqlite3.Error`."""
    for statement in filter(str.strip, _SCHEMA.split(";")):
        database.execute(statement)


def read(database: sqlite3.Connection) -> State:
    """Return the state that the tables hold. Raises `ValueError` for what is none, `sqlite3.Error`."""
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


def write_difference(database: sqlite3.Connection, before: State, after: State) -> None:
    """Bring the tables from one state to another. Raises `sqlite3.Error`."""
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
