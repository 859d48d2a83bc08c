"""Which Docker networks there are, by the engine's ids: on the disk, because the engine asks before it answers.

While an engine starts, it calls its plugins for containers that it starts again, and serves nobody yet.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from weave_http import constants
from weave_http.atomic import replacing
from weave_http.errors import HostError
from weave_http.operations.flags import FALSE, TRUE

logger = logging.getLogger(__name__)

FILE = "networks.json"
MULTICAST = "works.weave.multicast"
"""Option of a network: whether multicast of its containers is routed there."""


@dataclass(frozen=True, slots=True)
class Network:
    """A Docker network of ours.

    Args:
        multicast: whether its containers route multicast there.
    """

    multicast: bool

    @property
    def bridge(self) -> str:
        """The bridge that its containers hang on."""
        return constants.BRIDGE


def from_options(options: Mapping[str, Any]) -> Network:
    """Return the network that an engine describes by the options of its creation.

    Raises:
        HostError: it is none that there can be.
    """
    if options.get(constants.NETWORK_OPTION) != constants.DOCKER_NETWORK:
        raise HostError(
            f"the one Docker network of the driver weave is {constants.DOCKER_NETWORK}",
            hint="weave launch makes it; use that one",
        )
    text = str(options.get(MULTICAST, "true"))
    if text not in TRUE | FALSE | {""}:
        raise HostError(f"invalid {MULTICAST} {text!r}", hint="expected true or false")
    return Network(text not in FALSE)


class Networks:
    """The networks by the engine's id.

    Args:
        folder: where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._known: dict[str, Network] = {}
        try:
            kept = json.loads(self._path.read_bytes())
            self._known = {identity: Network(**fields) for identity, fields in kept.items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError) as error:
            logger.warning("%s makes no sense (%s); the engine is asked which networks there are", self._path, error)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def of(self, identity: str) -> Network:
        """Return a network. Raises `HostError`: there is none of that id."""
        if identity not in self._known:
            raise HostError(f"network {identity[:12]} is unknown to the router", hint="remove it and make it again")
        return self._known[identity]

    def put(self, identity: str, network: Network) -> None:
        """Note a network. Raises `HostError`: it can't be kept."""
        if self._known.get(identity) != network:
            self._keep({**self._known, identity: network})

    def remove(self, identity: str) -> None:
        """Forget a network. Raises `HostError`: that can't be kept."""
        if identity in self._known:
            self._keep({known: network for known, network in self._known.items() if known != identity})

    def _keep(self, after: dict[str, Network]) -> None:
        value = {identity: asdict(network) for identity, network in after.items()}
        try:
            with replacing(self._path, mode=0o600) as file:
                file.write(json.dumps(value).encode())
        except OSError as error:
            raise HostError(f"can't keep {self._path}: {error.strerror or error}") from error
        self._known = after
