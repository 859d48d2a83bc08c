"""The Docker network `weave`: the network of `weave attach`, for containers that `docker run --net weave` starts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from weave_http import constants
from weave_http.addresses import Network
from weave_http.engine import Engine
from weave_http.engine.errors import APIError, NotFound
from weave_http.host.plugin_files import DRIVERS

logger = logging.getLogger(__name__)


def body(subnets: Sequence[Network]) -> dict[str, Any]:
    """Return the body of `POST /networks/create`.

    Args:
        subnets: said although they are the default ones: the engine takes `--ip` on no other networks.
    """
    return {
        "Name": constants.DOCKER_NETWORK,
        "CheckDuplicate": True,
        "Driver": constants.NETWORK_DRIVER,
        "EnableIPv6": any(subnet.version == 6 for subnet in subnets),
        "IPAM": {"Driver": constants.IPAM_DRIVER, "Config": [{"Subnet": str(subnet)} for subnet in subnets]},
        "Options": {constants.NETWORK_OPTION: constants.DOCKER_NETWORK},
    }


def ensure(engine: Engine, subnets: Sequence[Network]) -> None:
    """Have the network there, with these subnets; one of other subnets is made anew if nobody is on it.

    What the engine refuses goes into the log: all else works without.

    Args:
        engine: of this host.
        subnets: out of which addresses are handed out.

    Raises:
        EngineError: the engine can't be asked.
    """
    name = constants.DOCKER_NETWORK
    try:
        found = engine.networks.inspect(name)
    except NotFound:
        found = {}
    try:
        if found and _is_right(found, subnets):
            return
        if found.get("Driver") in DRIVERS and not found.get("Containers"):
            engine.networks.remove(found["Id"])
            found = {}
        if found:
            logger.warning(
                "there is a Docker network %s already, of driver %s: it is left alone", name, found["Driver"]
            )
            return
        engine.networks.create(body(subnets))
        logger.info("made the Docker network %s, %s", name, ", ".join(map(str, subnets)))
    except APIError as error:
        logger.warning("there is no Docker network %s: %s", name, error)


def _is_right(found: dict[str, Any], subnets: Sequence[Network]) -> bool:
    ranges = {each.get("Subnet") for each in (found.get("IPAM") or {}).get("Config") or ()}
    return found.get("Driver") in DRIVERS and ranges == set(map(str, subnets))
