"""Names as parts of messages between peers: plain values out, and in again with everything checked."""

from __future__ import annotations

import re
from typing import Any

from weave_http.router.mesh.facts import Stamp
from weave_http.router.mesh.fields import a_flag, a_list, a_number, a_peer, an_ip, matching
from weave_http.router.names.register import Change, Name, Update

CHANGES_PER_MESSAGE = 1024
"""So that a frame of names stays below 400 KB."""
_MOST_STAMPS = 4096
_OWNER = re.compile(r"[A-Za-z0-9:._-]{1,64}")
_HOSTNAME = re.compile(r"[!-~]{1,253}")

Stamps = tuple[tuple[str, Stamp], ...]


def pack_update(update: Update) -> dict[str, Any]:
    """Return an update as the fields of a message."""
    return {
        "origin": update.origin,
        "uid": update.stamp.uid,
        "version": update.stamp.version,
        "base": update.base,
        "changes": [
            [change.version, change.name.hostname, change.name.address, change.name.owner, change.there]
            for change in update.changes
        ],
    }


def take_update(fields: dict[str, Any]) -> Update:
    """Return the update in the fields of a message, which are taken out. Raises `Malformed` or `KeyError`."""
    stamp = Stamp(a_number(fields.pop("uid"), 1), a_number(fields.pop("version"), 1))
    base = before = a_number(fields.pop("base"), 0, stamp.version - 1)
    changes = []
    for value in a_list(fields.pop("changes"), CHANGES_PER_MESSAGE):
        version, hostname, address, owner, there = a_list(value, 5, 5)
        before = a_number(version, before + 1, stamp.version)
        name = Name(matching(_HOSTNAME, hostname), an_ip(address), matching(_OWNER, owner))
        changes.append(Change(before, name, a_flag(there)))
    return Update(a_peer(fields.pop("origin")), stamp, base, tuple(changes))


def pack_stamps(stamps: Stamps) -> list[Any]:
    """Return stamps by origin as plain values."""
    return [[origin, stamp.uid, stamp.version] for origin, stamp in stamps]


def read_stamps(value: Any) -> Stamps:
    """Return the stamps in a value. Raises `Malformed`."""
    stamps = [a_list(each, 3, 3) for each in a_list(value, _MOST_STAMPS)]
    return tuple((a_peer(origin), Stamp(a_number(uid), a_number(version))) for origin, uid, version in stamps)
