"""What a shell completes: containers and peers, as the daemon knows them.

It is asked for a second at most and without a word about failures, because somebody is typing. Nothing is made on the
daemon that would have to be taken away again: peers come from a command in the router's own container.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from weave_http.engine import Engine

PATIENCE_SECONDS = 1.0


def running_containers(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of running containers that begin so."""
    return _asked(context, incomplete, lambda engine: _names(engine, everything=False))


def all_containers(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of all containers that begin so."""
    return _asked(context, incomplete, lambda engine: _names(engine, everything=True))


def targets(context: typer.Context, incomplete: str) -> list[str]:
    """Return the peers that the router was given and that begin so."""
    return _asked(context, incomplete, _targets)


def _asked(context: typer.Context, incomplete: str, question: Callable[[Engine], list[str]]) -> list[str]:
    """Return the answers that begin so, none if there are none in time."""
    import threading

    found: list[str] = []

    def ask() -> None:
        from dataclasses import replace

        from weave_http.cli.session import endpoint_of, to_daemon
        from weave_http.engine import connect
        from weave_http.errors import WeaveError

        given = context.find_root().params
        names = ("host", "config", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey")
        try:
            typed = to_daemon(context=given.get("docker_context"), **{name: given.get(name) for name in names})
            options = replace(typed, quiet=True)
            with connect(endpoint_of(options, options.host, options.context)) as engine:
                found.extend(question(engine))
        except (WeaveError, OSError):
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE_SECONDS)
    return sorted(answer for answer in list(found) if answer.startswith(incomplete))


def _names(engine: Engine, *, everything: bool) -> list[str]:
    listed = engine.containers.list(all=everything)
    return [str(name).removeprefix("/") for container in listed for name in container["Names"][:1]]


def _targets(engine: Engine) -> list[str]:
    import os

    from weave_http import constants

    router = os.environ.get("WEAVE_CONTAINER_NAME") or constants.ROUTER_CONTAINER
    command = engine.execs.create(router, [constants.EXECUTOR_PROGRAM, "--local", "status", "targets"])
    with engine.execs.start(command) as output:
        text = b"".join(data for stream, data in output if stream == 1)
    return text.decode(errors="replace").split()
