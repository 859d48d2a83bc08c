"""The resident executor's container: `launch` starts it, `stop` and `reset` take it away."""

from __future__ import annotations

from contextlib import suppress

from weave_http import constants
from weave_http.engine.errors import APIError, Conflict, NotFound
from weave_http.errors import EngineError, HostError
from weave_http.hints import Any
from weave_http.host.host import Host
from weave_http.signals import held_back

ROLE = "resident"
_END_SECONDS = 10
"""How long operations have that it is at when it is taken away."""


def create_body(image: str, *, restart: bool, tty: bool = False) -> dict[str, Any]:
    """Return the body of `POST /containers/create` for the resident.

    It is the executor's, but that it stays, has a stdin for all callers, and writes no log: what it says is for them.

    Args:
        image: reference.
        restart: whether the engine starts it again whenever it ends, also after a reboot.
        tty: give it a terminal for its stdin and stdout. Podman needs that: of a pipe it closes the container's end as
            soon as one caller leaves.
    """
    return {
        "Image": image,
        "Cmd": ["--resident", image],
        "Env": [f"PROCFS={constants.HOSTPROC}"],
        "Labels": {constants.ROLE_LABEL: ROLE},
        "OpenStdin": True,
        **({"Tty": True} if tty else {}),
        "HostConfig": {
            "Binds": [
                f"{constants.DOCKER_SOCKET}:{constants.DOCKER_SOCKET}",
                f"{constants.PROCFS}:{constants.HOSTPROC}",
            ],
            "LogConfig": {"Type": "none"},
            "NetworkMode": "host",
            "Privileged": True,
            # One that has ended must not be there any more: who attaches to it would wait.
            **({"RestartPolicy": {"Name": "always"}} if restart else {"AutoRemove": True}),
        },
    }


def start(host: Host, image: str, *, restart: bool) -> None:
    """Start the resident anew, so that it is of this image. If that fails, a line says so: commands work without it.

    Args:
        host: where.
        image: reference.
        restart: see `create_body`.
    """
    created = None
    try:
        end(host)
        try:
            body = create_body(image, restart=restart, tty=host.engine.is_podman)
            with held_back():
                created = host.engine.containers.create(body, name=constants.RESIDENT_CONTAINER)
            host.engine.containers.start(created.id)
        except BaseException:
            if created is not None:
                with suppress(EngineError):
                    host.engine.containers.remove(created.id, force=True)
            raise
    except (HostError, EngineError) as error:
        host.warn(f"WARNING: there is no resident executor, so that commands take longer: {error}")


def there(host: Host) -> bool:
    """Return whether there is a resident, whatever its image."""
    try:
        found = host.engine.containers.inspect(constants.RESIDENT_CONTAINER)
    except NotFound:
        return False
    return bool((found["Config"].get("Labels") or {}).get(constants.ROLE_LABEL) == ROLE)


def end(host: Host) -> None:
    """Take the resident away, once it has done what it is at; nothing where there is none.

    Raises:
        HostError: another container has its name.
        EngineError: the engine refused.
    """
    try:
        found = host.engine.containers.inspect(constants.RESIDENT_CONTAINER)
    except NotFound:
        return
    if (found["Config"].get("Labels") or {}).get(constants.ROLE_LABEL) != ROLE:
        raise HostError(f"another container is called {constants.RESIDENT_CONTAINER}", hint="rename or remove it")
    containers, identity = host.engine.containers, found["Id"]
    with suppress(NotFound), containers.wait(identity, condition="removed") as gone:
        with suppress(APIError):
            containers.stop(identity, timeout=_END_SECONDS)
        with suppress(NotFound, Conflict):  # somebody else takes it away, as the engine does with AutoRemove
            containers.remove(identity, force=True)
        gone.result()  # its name is free only then
