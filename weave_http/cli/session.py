"""One command's session: its engine, with whoever watches it, and its streams."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:  # the real imports wait until a command runs: `--help` must stay quick
    from weave_http.commands import Caller
    from weave_http.engine import Endpoint
    from weave_http.engine.transport.base import Transport
    from weave_http.transcript import Stage


@dataclass(frozen=True, slots=True)
class Globals:
    """The global options; see `weave --help`."""

    host: str | None = None
    context: str | None = None
    tls: bool | None = None
    tlsverify: bool | None = None
    tlscacert: str | None = None
    tlscert: str | None = None
    tlskey: str | None = None
    dry_run: bool = False
    trace: bool = False
    verbose: bool = False
    show_secrets: bool = False
    calls: str = "line"
    stage: Stage | None = None
    """Where the command is only played, for `explain` and `script`."""


@contextmanager
def session(context: typer.Context) -> Iterator[Caller]:
    """Open an engine for one command and close it after.

    Args:
        context: Typer's, with `Globals` as its object.

    Raises:
        EndpointError: the options and the environment make no endpoint.
    """
    from weave_http.cli.progress import Meter
    from weave_http.cli.terminal import Terminal
    from weave_http.commands import Caller
    from weave_http.commands.cidfile import LocalFiles, NoFiles
    from weave_http.commands.interrupts import Interrupts
    from weave_http.engine import connect, docker_credentials, resolve_endpoint

    options: Globals = context.obj
    endpoint = resolve_endpoint(
        os.environ,
        host=options.host,
        context=options.context,
        tls=options.tls,
        tls_verify=options.tlsverify,
        tls_ca=options.tlscacert,
        tls_cert=options.tlscert,
        tls_key=options.tlskey,
    )
    if options.verbose:
        typer.echo(f"weave: endpoint {endpoint}", err=True)
    credentials = docker_credentials(os.environ, warn=lambda line: typer.echo(f"weave: {line}", err=True))
    interrupts = Interrupts()
    if options.stage is not None:
        stage = options.stage
        stage.endpoint = endpoint
        with connect(endpoint, watch=lambda _: stage, credentials=credentials) as engine:
            yield Caller(engine=engine, stdout=stage.stdout, stderr=stage.stderr, environ=os.environ, files=stage.files)
        return
    with (
        interrupts.listening(),
        connect(endpoint, watch=_watcher(options, endpoint), credentials=credentials) as engine,
        Meter(sys.stderr) as meter,
    ):
        yield Caller(
            engine=engine,
            stdout=Nowhere() if options.dry_run else sys.stdout.buffer,
            stderr=sys.stderr.buffer,
            environ=os.environ,
            meter=meter,
            interrupts=interrupts,
            keyboard=None if options.dry_run else Terminal(),
            files=NoFiles() if options.dry_run else LocalFiles(),
        )


class Nowhere:
    """Takes what a dry run would have printed, had anything run."""

    def write(self, data: bytes) -> int:
        """Drop bytes."""
        return len(data)

    def flush(self) -> None:
        """Do nothing."""


def _watcher(options: Globals, endpoint: Endpoint) -> Callable[[Transport], Transport] | None:
    """Return what stands between the client and the wire: a stand-in, a watch, or nothing."""
    if not (options.dry_run or options.trace):
        return None
    from weave_http.engine.version import NEWEST, version_text
    from weave_http.transcript import Exchange, FullPrinter, Printer, StandIn, Watch

    def shown(line: str) -> None:
        typer.echo(line, err=not options.dry_run)

    timed, secrets = not options.dry_run, options.show_secrets
    report: Callable[[Exchange], None] = (
        Printer(shown, bodies=options.verbose, timed=timed, secrets=secrets)
        if options.calls == "line"
        else FullPrinter(shown, options.calls, endpoint, timed=timed, show_secrets=secrets)
    )

    def watch(inner: Transport) -> Transport:
        return Watch(StandIn(version_text(NEWEST)) if options.dry_run else inner, report)

    return watch
