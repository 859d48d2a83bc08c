"""Takes over the JSON files in which the router kept its state before it had a database; they are read once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weave_http.addresses import parse_cidr, parse_ip
from weave_http.errors import UsageError
from weave_http.operations.hostnames import parse_hostname
from weave_http.router.mesh.identity import is_peer_name
from weave_http.router.names.register import Name
from weave_http.router.state import Exposure, State, is_container_id, parse_addresses


def read_json_files(folder: Path, put_aside: Callable[[Path, Exception], None]) -> State:
    """Return the state that `state.json` and `names.json` hold.

    Args:
        folder: where they are, or aren't.
        put_aside: what to do with one that makes no sense, and why it makes none.

    Raises:
        OSError: one can't be read.
    """
    path, names = folder / "state.json", folder / "names.json"
    state, given = State(), frozenset[Name]()
    try:
        state = _state(json.loads(path.read_bytes()))
    except FileNotFoundError:
        pass
    except _NONSENSE as error:
        put_aside(path, error)
    try:
        given = frozenset(
            Name(parse_hostname(hostname), parse_ip(address), str(owner))
            for hostname, address, owner in json.loads(names.read_bytes())
        )
    except FileNotFoundError:
        pass
    except _NONSENSE as error:
        put_aside(names, error)
    return State(state.name, state.uid, state.launch, state.targets, state.attachments, state.exposed, given)


_NONSENSE = (ValueError, TypeError, KeyError, AttributeError, RecursionError, UsageError)


def _state(value: Any) -> State:
    name, uid = value["name"], value["uid"]
    if (name and not is_peer_name(name)) or type(uid) is not int or not 0 <= uid < 2**62:
        raise ValueError("invalid name or uid")
    if not all(map(is_container_id, value["attachments"])):
        raise ValueError("invalid attachments")
    return State(
        name=name,
        uid=uid,
        launch=str(value["launch"]),
        targets=tuple(map(str, value["targets"])),
        attachments={container: parse_addresses(each) for container, each in value["attachments"].items()},
        exposed={
            parse_cidr(address): Exposure(bool(each["masquerade"]), tuple(map(str, each["names"])))
            for address, each in value["exposed"].items()
        },
    )
