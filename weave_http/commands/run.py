"""`run`: the exception among the operations, a container of the caller's own, joined to the network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from weave_http.commands.caller import Caller
from weave_http.errors import UsageError
from weave_http.operations.outcome import Outcome
from weave_http.records import replace

if TYPE_CHECKING:
    from weave_http.operations.operation import Operation
    from weave_http.run_args import CreateRequest


def run(caller: Caller, operation: Operation) -> Outcome:
    """Create and start a container and attach it; print its id, or be it until it ends.

    Args:
        caller: engine, streams and environment; docker run's arguments are read with its files.
        operation: a `Run`.

    Raises:
        RunArgumentError: the arguments make no request.
        EngineError: the daemon refused to create or start it.
        WeaveError: the request can't be done like this.
    """
    from weave_http.commands.container_run import run_container
    from weave_http.operations.run import Run

    assert isinstance(operation, Run)
    if operation.on or operation.spread:
        raise UsageError("--on and --spread choose among Docker hosts", hint="this goes to one: leave them out")
    request = read_arguments(caller, operation.arguments)
    if operation.number and request.name:
        request = replace(request, name=f"{request.name}-{operation.number}")
    if operation.names:
        request = _named(caller, request)
    return run_container(caller, operation.addresses, request, wait=operation.wait, foreground=operation.foreground)


def read_arguments(caller: Caller, arguments: Sequence[str]) -> CreateRequest:
    """Return what arguments of docker run mean that were typed here, with this machine's files and environment.

    Args:
        caller: says which daemon is meant, which is not asked, and where docker's configuration is.
        arguments: the words after `docker run`.

    Raises:
        RunArgumentError: they make no request.
    """
    from weave_http.run_args import LocalFiles, parse

    environ = caller.environ
    return parse(
        arguments,
        environ=environ,
        directory=PurePosixPath(os.getcwd()),
        files=LocalFiles({**environ, "DOCKER_CONFIG": caller.config} if caller.config else environ),
        remote=caller.endpoint.scheme != "unix",
        daemon=caller.endpoint.url,
    )


def _named(caller: Caller, request: CreateRequest) -> CreateRequest:
    """Return a request whose container asks Weave's name server, where there is one; where not, a line says so."""
    from weave_http.commands.perform import perform
    from weave_http.operations.create_body import NAMELESS, Names, check_network, named
    from weave_http.operations.names import DnsArgs
    from weave_http.sinks import NOWHERE

    check_network(request.config)
    if (request.config.get("HostConfig") or {}).get("Dns"):
        return request
    asked = perform(replace(caller, stdout=NOWHERE, stderr=NOWHERE), DnsArgs())
    for line in asked.err.splitlines():
        caller.note(line if asked.ok else f"WARNING: {NAMELESS}: {line.removeprefix('weave: ')}")
    names = Names.of(asked.out.split()) if asked.ok else None
    return replace(request, config=named(request.config, request.name or "", names))
