"""`weave env` and `weave config`: what the host says of the router's Docker API, as it holds for this machine.

The environment that is to be changed is here, and the address is one of the Docker host's.
"""

from __future__ import annotations

from collections.abc import Callable

from weave_http.commands.caller import Caller
from weave_http.engine import Endpoint
from weave_http.errors import UsageError
from weave_http.records import replace
from weave_http.sinks import NOWHERE

Perform = Callable[[Caller], int]

_UNIX = "unix://"
LINES = {"env": "export DOCKER_HOST=", "config": "-H="}
"""How the line of each begins, on any side."""


def restore(caller: Caller) -> int:
    """Print a line by which `DOCKER_HOST` is what it was.

    Args:
        caller: environment and streams; no daemon is asked.

    Raises:
        UsageError: nothing was changed.
    """
    original = caller.environ.get("ORIG_DOCKER_HOST")
    if original is None:
        raise UsageError("ORIG_DOCKER_HOST is not set", hint="there is nothing to restore")
    caller.say(f"DOCKER_HOST={original}")
    return 0


def seen_from_here(address: str, endpoint: Endpoint) -> str:
    """Return where docker finds the Docker API of a router from this machine; empty if it can't.

    Args:
        address: as the Docker host has it.
        endpoint: of that host's daemon.
    """
    if not address.startswith(_UNIX) or endpoint.scheme == "unix":
        return address
    if endpoint.scheme == "ssh":
        return replace(endpoint, path=address.removeprefix(_UNIX)).url
    return ""


def translate(caller: Caller, name: str, perform: Perform) -> int:
    """Print what docker needs to use the router's Docker API; return an exit code.

    Args:
        caller: environment, endpoint and streams.
        name: `env` or `config`.
        perform: asks the host, with the streams of a caller; returns the exit code.
    """
    said: list[tuple[int, bytes]] = []
    if caller.endpoint.scheme == "tcp":
        caller = replace(caller, environ={"PROXY_HOST": caller.endpoint.host, **caller.environ})
    code = perform(replace(caller, stdout=NOWHERE).overheard(said))
    begins = LINES[name]
    for line in b"".join(data for stream, data in said if stream == 1).decode(errors="replace").splitlines():
        if not line.startswith(begins):
            caller.say(line)  # another version's image says it otherwise
            continue
        address = seen_from_here(line.removeprefix(begins), caller.endpoint)
        if not address:
            caller.note(
                f"weave {name}: the router's Docker API is at {line.removeprefix(begins)} of {caller.endpoint.url}, "
                "which docker can't reach from here; serve one here: weave proxy, or there: launch -H"
            )
            return code if name == "env" else 1
        before = caller.environ.get("DOCKER_HOST")
        kept = f" ORIG_DOCKER_HOST={before}" if name == "env" and before and before != address else ""
        caller.say(f"{begins}{address}{kept}")
    return code
