"""What a script can't do, and what to do instead."""

from __future__ import annotations

from weave_http import constants
from weave_http.errors import UsageError
from weave_http.transcript.rehearsal import Rehearsal
from weave_http.transcript.route import command_of
from weave_http.transcript.routes import route_of

_TRANSLATED = ("env", "config")
"""Operations whose answer is a word of the Docker host's, which the caller's side puts into its own."""


def check(played: Rehearsal) -> None:
    """Raise `UsageError` if a command can't be done by a script."""
    for request in played.requests:
        route = route_of(request)
        if route.name == "ContainerCreate" and (command := command_of(request)) in _TRANSLATED:
            raise UsageError(
                f"a script can't say where docker finds the router's Docker API from here: use weave {command}",
                hint=f"on the host it is unix://{constants.PROXY_SOCKET}",
            )
        if route.name == "ContainerAttach" and ("stdin", "1") in request.query:
            raise UsageError(
                "a script can't write to a container: curl has no way back on a connection", hint="leave -i out"
            )
        if not route.name:
            raise UsageError(
                f"a script can't make the call {request.call}: weave's table of Docker's routes does not have it",
                hint="`weave --dry-run --calls curl` shows it",
            )
