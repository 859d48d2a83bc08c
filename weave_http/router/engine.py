"""What the router asks the engine of its host."""

from __future__ import annotations

from weave_http import constants
from weave_http.engine import local_engine
from weave_http.errors import EngineError


def is_running(container: str, socket: str = constants.DOCKER_SOCKET) -> bool:
    """Return whether a container runs; also when the engine can't be asked, or doesn't know it, it does not."""
    try:
        with local_engine(socket) as engine:
            return bool(engine.containers.inspect(container)["State"]["Running"])
    except EngineError:
        return False


def default_gateway(socket: str = constants.DOCKER_SOCKET) -> str:
    """Return the host's IPv4 address on the engine's default network; empty when there is none, or no answer."""
    try:
        with local_engine(socket) as engine:
            return engine.networks.default_gateway()
    except EngineError:
        return ""
