"""`weave run`: the exception among the commands. What it does is in `running`, which is imported when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weave_http.commands.caller import Caller

if TYPE_CHECKING:
    from weave_http.run_args import CreateRequest


def run(
    caller: Caller, addresses: Sequence[str], request: CreateRequest, *, wait: bool = True, foreground: bool = False
) -> int:
    """Create and start a container and attach it; print its id, or be it until it ends.

    If anything fails or is interrupted before it is attached, it is removed again: no container is left running
    without the network it was asked to have.

    Args:
        caller: engine, streams and environment.
        addresses: IPv4 addresses with prefix length for the container.
        request: what to create, from `weave_http.run_args.parse`.
        wait: keep the container's program from running before the container is on the network.
        foreground: attach the caller's streams, and return the container's exit code.

    Raises:
        EngineError: the daemon refused to create or start it.
        WeaveError: the request can't be done like this.
    """
    from weave_http.commands.running import NotJoined, run_container

    try:
        return run_container(caller, addresses, request, wait=wait, foreground=foreground)
    except NotJoined as error:
        return error.code
