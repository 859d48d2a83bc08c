"""Which Docker networks there are, by the engine's ids: on the disk, because the engine asks before it answers.

While an engine starts, it calls its plugins for containers that it starts again, and serves nobody yet. What is known
of the networks of all hosts is in the same file.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weave_http import constants
from weave_http.atomic import replacing
from weave_http.errors import HostError
from weave_http.net.segments import bridge_name
from weave_http.operations.flag_values import FALSE, TRUE
from weave_http.records import dataclass
from weave_http.router.mesh.fields import Malformed, a_flag, a_list, a_map, a_number, a_text
from weave_http.router.plugin.facts import pack_design, pack_known, read_design, read_known
from weave_http.router.plugin.registry import Design, Identity, Known

logger = logging.getLogger(__name__)

FILE, FORMAT = "networks.json", 3
MULTICAST = "works.weave.multicast"
"""Option of a network: whether multicast of its containers is routed there."""


@dataclass(frozen=True, slots=True)
class Network:
    """A Docker network of ours.

    Args:
        further: whether it is another one than that of all containers.
        multicast: whether its containers route multicast there.
        name: of a further network; empty for that of all, and for one of which the engine has not told more yet.
        design: of a further network.
        identity: which one of all hosts' networks it is; None for that of all.
        vni: number of a further network; 0 before it had one.
    """

    further: bool
    multicast: bool
    name: str = ""
    design: Design | None = None
    identity: Identity | None = None
    vni: int = 0

    @property
    def gateways(self) -> tuple[str, str]:
        """Where its containers' default routes of IPv4 and of IPv6 lead; empty for the engine's own way out."""
        pools = (self.design.ipv4, self.design.ipv6) if self.design else (None, None)
        four, six = (str(pool.gateway or "") if pool else "" for pool in pools)
        return four, six


def is_of_all(options: Mapping[str, Any]) -> bool:
    """Tell by a Docker network's options whether it is the network of all containers, or a further one."""
    return options.get(constants.NETWORK_OPTION) == constants.DOCKER_NETWORK


def identity_of(options: Mapping[str, Any]) -> Identity | None:
    """Return which further network a router made, by the options; None if a person did. Raises `HostError`."""
    text = options.get(constants.NETWORK_OPTION)
    if text is None:
        return None
    born, _, creator = str(text).partition("/")
    if not born.isdecimal() or not creator:
        raise HostError(f"invalid {constants.NETWORK_OPTION} {text!r}", hint="leave it out: the router sets it")
    return Identity(int(born), creator)


def multicast_of(options: Mapping[str, Any]) -> bool:
    """Return whether multicast is routed to a network; by default only to that of all. Raises `HostError`."""
    text = str(options.get(MULTICAST, "true" if is_of_all(options) else "false"))
    if text not in TRUE | FALSE | {""}:
        raise HostError(f"invalid {MULTICAST} {text!r}", hint="expected true or false")
    return text not in FALSE


class Networks:
    """The networks by the engine's id, and what is known of those of all hosts.

    Args:
        folder: where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self.here: Mapping[str, Network] = {}
        self.known = Known()
        try:
            kept = a_map(json.loads(self._path.read_bytes()))
            if kept.get("format") != FORMAT:
                raise Malformed(f"format {kept.get('format')}, expected {FORMAT}")
            here = {identity: _read(a_map(fields)) for identity, fields in a_map(kept["here"]).items()}
            self.known = read_known(kept["networks"], kept["removed"])
            self.here = here
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, RecursionError, Malformed) as error:
            logger.warning("%s makes no sense (%s); the engine is asked which networks there are", self._path, error)

    def __iter__(self) -> Iterator[str]:
        return iter(self.here)

    def of(self, network: str) -> Network:
        """Return a network. Raises `HostError`: there is none of that id."""
        if network not in self.here:
            raise HostError(f"network {network[:12]} is unknown to the router", hint="remove it and make it again")
        return self.here[network]

    def bridge(self, network: str) -> str:
        """Return the bridge that a network's containers hang on. Raises `HostError`: there is none of that id."""
        return bridge_name(network) if self.of(network).further else constants.BRIDGE

    def keep(self, here: Mapping[str, Network], known: Known) -> bool:
        """Have these networks, and no others; return whether that is a change. Raises `HostError`: can't be kept."""
        if (here, known) == (self.here, self.known):
            return False
        records, removed = pack_known(known)
        value = {
            "format": FORMAT,
            "here": {network: _pack(each) for network, each in here.items()},
            "networks": records,
            "removed": removed,
        }
        try:
            with replacing(self._path, mode=0o600) as file:
                file.write(json.dumps(value).encode())
        except OSError as error:
            raise HostError(f"can't keep {self._path}: {error.strerror or error}") from error
        self.here, self.known = dict(here), known
        return True


def _pack(network: Network) -> dict[str, Any]:
    return {
        "further": network.further,
        "multicast": network.multicast,
        "name": network.name,
        "design": pack_design(network.design) if network.design else None,
        "identity": list(network.identity) if network.identity else None,
        "vni": network.vni,
    }


def _read(fields: Mapping[str, Any]) -> Network:
    design, identity = fields["design"], fields["identity"]
    born, creator = a_list(identity, 2, 2) if identity else (0, "")
    return Network(
        a_flag(fields["further"]),
        a_flag(fields["multicast"]),
        a_text(fields["name"]),
        read_design(design) if design else None,
        Identity(a_number(born), a_text(creator)) if identity else None,
        a_number(fields["vni"]),
    )
