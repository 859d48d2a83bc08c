"""The container in which WireGuard runs in user space, on a host whose kernel has none; the router starts it.

It is not the router's own, so that frames pass while a router restarts or is replaced. It may do what WireGuard needs
and no more: the network of the host, NET_ADMIN, and the device that tunnels are made with. It is told its keys over its
socket, so nothing that the engine shows has any. It ends, and is gone, when its device is taken away.
"""

from __future__ import annotations

from contextlib import suppress

from weave_http import constants
from weave_http.engine import Engine
from weave_http.engine.errors import Conflict, NotFound
from weave_http.errors import EngineError, HostError
from weave_http.hints import Any

ROLE = "tunnel"
MEMORY = {"GOMEMLIMIT": "256MiB"}
"""For the environment of wireguard-go: what it tries to do with. Under the load of many streams it took 560 MB without,
and kept it; with less than this it collects memory half of the time."""
TUN = "/dev/net/tun"


def create_body(image: str, device: str = constants.TUNNEL_DEVICE) -> dict[str, Any]:
    """Return the body of `POST /containers/create`.

    Args:
        image: reference.
        device: name of the WireGuard device.
    """
    return {
        "Image": image,
        "Entrypoint": [constants.TUNNEL_PROGRAM],
        "Cmd": ["-f", device],
        "Env": ["WG_PROCESS_FOREGROUND=1", "LOG_LEVEL=error", *(f"{name}={value}" for name, value in MEMORY.items())],
        "Labels": {constants.ROLE_LABEL: ROLE},
        "HostConfig": {
            "AutoRemove": True,
            "CapAdd": ["NET_ADMIN"],
            "CapDrop": ["ALL"],
            "Devices": [{"PathOnHost": TUN, "PathInContainer": TUN, "CgroupPermissions": "rwm"}],
            "LogConfig": {"Type": "none"},
            "NetworkMode": "host",
        },
    }


def ensure(engine: Engine, image: str, name: str = constants.TUNNEL_CONTAINER) -> int:
    """Have it run, and return its process id on the host.

    Args:
        engine: of this host.
        image: reference; one that runs already stays as it is.
        name: of the container and of the device.

    Raises:
        HostError: another container has its name, or it ended at once.
        EngineError: the engine refused.
    """
    for _ in range(2):
        try:
            found = engine.containers.inspect(name)
        except NotFound:
            break
        if (found["Config"].get("Labels") or {}).get(constants.ROLE_LABEL) != ROLE:
            raise HostError(f"another container is called {name}", hint="rename or remove it")
        if found["State"]["Running"]:
            return int(found["State"]["Pid"])
        with suppress(NotFound, Conflict):
            engine.containers.remove(found["Id"], force=True)
    created = engine.containers.create(create_body(image, name), name=name)
    try:
        engine.containers.start(created.id)
        pid = int(engine.containers.inspect(created.id)["State"]["Pid"])
    except NotFound as error:
        raise HostError(f"wireguard-go ended as soon as it was started in {name}") from error
    except EngineError:
        with suppress(EngineError):
            engine.containers.remove(created.id, force=True)
        raise
    if not pid:
        raise HostError(f"wireguard-go ended as soon as it was started in {name}")
    return pid
