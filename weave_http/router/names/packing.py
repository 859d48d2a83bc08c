"""Packs names into messages between peers, and unpacks them with every value checked."""

from __future__ import annotations

import re

from weave_http.records import dataclass
from weave_http.router.mesh.facts import Stamp
from weave_http.router.mesh.fields import Fields, a_flag, a_list, a_number, a_peer, a_stamp, an_address, matching
from weave_http.router.mesh.messages import Message
from weave_http.router.names.register import Change, Name, Update

CHANGES_PER_MESSAGE = 1024
"""So that a frame of names stays below 400 KB."""
_OWNER = re.compile(r"[A-Za-z0-9:._-]{1,64}")
_HOSTNAME = re.compile(r"[!-~]{1,253}")


@dataclass(frozen=True, slots=True)
class Names(Message):
    """What I know about the names of a peer.

    Args:
        update: it, or a part of it.
        more: whether the next message of this kind goes on with its changes.
    """

    update: Update
    more: bool = False


def pack_names(names: Names) -> Fields:
    """Return the fields of a message."""
    update = names.update
    return {
        "origin": update.origin,
        "uid": update.stamp.uid,
        "version": update.stamp.version,
        "base": update.base,
        "changes": [
            [change.version, change.name.hostname, str(change.name.address), change.name.owner, change.present]
            for change in update.changes
        ],
        "more": names.more,
    }


def read_names(fields: Fields, greatest: int) -> Names:
    """Return the message with these fields. Raises `Malformed` or `KeyError`.

    Args:
        fields: as they came.
        greatest: the greatest uid to take.
    """
    stamp = a_stamp(fields["uid"], fields["version"], greatest)
    stamp = Stamp(a_number(stamp.uid, 1), a_number(stamp.version, 1))
    base = before = a_number(fields["base"], 0, stamp.version - 1)
    changes = []
    for value in a_list(fields["changes"], CHANGES_PER_MESSAGE):
        version, hostname, address, owner, present = a_list(value, 5, 5)
        before = a_number(version, before + 1, stamp.version)
        name = Name(matching(_HOSTNAME, hostname), an_address(address), matching(_OWNER, owner))
        changes.append(Change(before, name, a_flag(present)))
    return Names(Update(a_peer(fields["origin"]), stamp, base, tuple(changes)), a_flag(fields["more"]))
