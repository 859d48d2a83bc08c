"""What must survive the router: its name, its targets, which containers have which addresses, and what is exposed.

One JSON file, replaced as a whole, so that it is always either the old one or the new one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from weave_http.addresses import parse_cidr
from weave_http.errors import HostError, UsageError
from weave_http.router.blocking import in_thread
from weave_http.router.mesh.identity import is_peer_name

logger = logging.getLogger(__name__)

_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
MOST_ADDRESSES = 256
"""Addresses of one container, or of the host, that are kept."""
LONGEST_NAME = 253
"""Characters of a name in the DNS."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What goes with an address of the host on the network.

    Args:
        masquerade: whether packets between its subnet and elsewhere bear the host's address.
        names: what it is called in the DNS.
    """

    masquerade: bool = True
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """What is kept.

    Args:
        name: peer name, empty before there is one.
        uid: the last one used, in µs since 1970.
        launch: id of the container in which the router was launched last, empty outside one.
        targets: `HOST[:PORT]` of peers to dial.
        attachments: addresses in CIDR notation by container id.
        exposed: addresses of the host on the network, in CIDR notation.
    """

    name: str = ""
    uid: int = 0
    launch: str = ""
    targets: tuple[str, ...] = ()
    attachments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exposed: Mapping[str, Exposure] = field(default_factory=dict)


class Store:
    """The state and its file.

    Args:
        folder: where the file is; created when missing.

    Raises:
        HostError: the folder can't be used.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "state.json"
        self._lock = asyncio.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.state = self._load()
        except OSError as error:
            raise HostError(f"can't keep the router's state in {folder}: {error.strerror}") from error

    async def change(self, **fields: Any) -> None:
        """Set some fields of the state, and return when it is on the disk.

        Raises:
            HostError: it could not be written.
        """
        self.state = replace(self.state, **fields)
        async with self._lock:
            try:
                await in_thread(partial(self._save, self.state))
            except OSError as error:
                raise HostError(f"can't write the router's state to {self._path}: {error.strerror}") from error

    def _load(self) -> State:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return State()
        try:
            return parse(text)
        except ValueError as error:
            aside = self._path.with_suffix(".corrupt")
            logger.warning("the state in %s makes no sense (%s); kept as %s, starting anew", self._path, error, aside)
            self._path.replace(aside)
            return State()

    def _save(self, state: State) -> None:
        partial_path = self._path.with_suffix(".new")
        with partial_path.open("wb") as file:
            file.write(render(state))
            file.flush()
            os.fsync(file.fileno())
        partial_path.replace(self._path)


def render(state: State) -> bytes:
    """Return the state as the text of its file."""
    value = {
        "name": state.name,
        "uid": state.uid,
        "launch": state.launch,
        "targets": list(state.targets),
        "attachments": {container: list(addresses) for container, addresses in state.attachments.items()},
        "exposed": rendered(state.exposed),
    }
    return json.dumps(value, indent=1).encode() + b"\n"


def rendered(exposed: Mapping[str, Exposure]) -> dict[str, dict[str, object]]:
    """Return what is exposed as JSON has it."""
    return {cidr: {"masquerade": each.masquerade, "names": list(each.names)} for cidr, each in exposed.items()}


def parse(text: bytes) -> State:
    """Return the state in a file's text.

    Raises:
        ValueError: it isn't one.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    name, uid, launch = value.get("name", ""), value.get("uid", 0), value.get("launch", "")
    targets, attachments = value.get("targets", []), value.get("attachments", {})
    if not isinstance(name, str) or (name and not is_peer_name(name)):
        raise ValueError("invalid name")
    if not isinstance(uid, int) or not 0 <= uid < 2**62 or not isinstance(launch, str):
        raise ValueError("invalid uid or launch")
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
        raise ValueError("invalid targets")
    if not isinstance(attachments, dict) or not all(map(is_container_id, attachments)):
        raise ValueError("invalid attachments")
    kept = {container: parse_addresses(addresses) for container, addresses in attachments.items()}
    return State(name, uid, launch, tuple(targets), kept, _parse_exposed(value.get("exposed", {})))


def _parse_exposed(value: object) -> dict[str, Exposure]:
    if not isinstance(value, dict) or not all(isinstance(each, dict) for each in value.values()):
        raise ValueError("invalid exposed addresses")
    if value:
        parse_addresses(list(value))
    exposed = {}
    for cidr, each in value.items():
        masquerade, names = each.get("masquerade", True), each.get("names", [])
        if not isinstance(masquerade, bool) or not isinstance(names, list):
            raise ValueError(f"invalid exposed address {cidr}")
        if not all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in names):
            raise ValueError(f"invalid names of exposed address {cidr}")
        exposed[cidr] = Exposure(masquerade, tuple(names))
    return exposed


def is_container_id(text: str) -> bool:
    """Return whether a text is a full container id."""
    return bool(_CONTAINER_ID.fullmatch(text))


def parse_addresses(value: object) -> tuple[str, ...]:
    """Return the addresses in a list.

    Raises:
        ValueError: it is none, or one of them is no address in CIDR notation.
    """
    if not isinstance(value, list) or not 0 < len(value) <= MOST_ADDRESSES:
        raise ValueError(f"expected a list of 1 to {MOST_ADDRESSES} addresses")
    for address in value:
        try:
            parse_cidr(address if isinstance(address, str) else "")
        except UsageError as error:
            raise ValueError(str(error)) from error
    return tuple(dict.fromkeys(value))
