"""One command's session: its engine, with whoever watches it, and its streams."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from weave_http.cli.docker_options import only, switch, unquoted

if TYPE_CHECKING:  # the real imports wait until a command runs: `--help` must stay quick
    from weave_http.commands import Caller
    from weave_http.engine import Credentials, Endpoint, Engine
    from weave_http.engine.wire.contract import Transport
    from weave_http.transcript import Stage


@dataclass(frozen=True, slots=True)
class Globals:
    """The global options; see `weave --help`."""

    host: str | None = None
    context: str | None = None
    config: str | None = None
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
    quiet: bool = False
    """Give no warnings: somebody is typing."""
    said: set[str] = field(default_factory=set)
    """Warnings that were given."""

    def environ(self) -> Mapping[str, str]:
        """Return the environment, in which `--config` has the say about docker's configuration."""
        return {**os.environ, "DOCKER_CONFIG": self.config} if self.config else os.environ

    def warn(self, line: str) -> None:
        """Say a line on stderr, once."""
        if not self.quiet and line not in self.said:
            self.said.add(line)
            typer.echo(f"weave: {line}", err=True)


def to_daemon(
    *,
    host: Sequence[str] | None,
    context: str | None,
    config: str | None,
    tls: str | None,
    tlsverify: str | None,
    tlscacert: str | None,
    tlscert: str | None,
    tlskey: str | None,
) -> Globals:
    """Return the options by which docker finds a daemon, as they were typed.

    Raises:
        UsageError: they are not spelled as docker's.
    """
    return Globals(
        host=only("-H", host),
        context=context,
        config=config,
        tls=switch("--tls", tls),
        tlsverify=switch("--tlsverify", tlsverify),
        tlscacert=unquoted(tlscacert),
        tlscert=unquoted(tlscert),
        tlskey=unquoted(tlskey),
    )


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
    from weave_http.commands.caller import Caller
    from weave_http.commands.cidfile import LocalFiles, NoFiles
    from weave_http.commands.interrupts import Interrupts
    from weave_http.engine import connect

    options: Globals = context.obj
    endpoint = endpoint_of(options, options.host, options.context)
    interrupts = Interrupts()

    def credentials(registry: str) -> Credentials | None:
        from weave_http.engine import docker_credentials

        return docker_credentials(options.environ(), warn=options.warn)(registry)

    if options.stage is not None:
        stage = options.stage
        stage.endpoint = endpoint
        with connect(endpoint, watch=lambda _: stage, credentials=credentials) as engine:
            yield Caller(
                engine=engine, stdout=stage.stdout, stderr=stage.stderr, environ=options.environ(), files=stage.files
            )
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
            environ=options.environ(),
            meter=meter,
            interrupts=interrupts,
            keyboard=None if options.dry_run else Terminal(),
            files=NoFiles() if options.dry_run else LocalFiles(),
        )


@contextmanager
def other_daemon(context: typer.Context, host: str | None, docker_context: str | None) -> Iterator[Engine]:
    """Open an engine for another daemon than the command's own, watched alike.

    Args:
        context: Typer's, with `Globals` as its object.
        host: its address, or
        docker_context: the docker context that has it.

    Raises:
        EndpointError: the options and the environment make no endpoint.
    """
    from dataclasses import replace

    from weave_http.engine import connect
    from weave_http.errors import UsageError

    if host == "":
        raise UsageError("--from-host is empty", hint="as in --from-host tcp://10.0.0.1:2376")
    options: Globals = context.obj
    endpoint = endpoint_of(options, host, docker_context)
    endpoint = replace(endpoint, source=f"--from-{'context' if docker_context else 'host'}")
    stage = options.stage
    watch = _watcher(options, endpoint, other=True) if stage is None else lambda _: stage.beside(endpoint)
    with connect(endpoint, watch=watch) as engine:
        yield engine


def endpoint_of(options: Globals, host: str | None, docker_context: str | None) -> Endpoint:
    """Return the daemon that options and environment mean.

    Args:
        options: TLS files and the like; they take warnings.
        host: its address, or
        docker_context: the docker context that has it; neither for the environment's choice.

    Raises:
        EndpointError: they make no endpoint.
    """
    from weave_http.engine import resolve_endpoint

    endpoint = resolve_endpoint(
        os.environ,
        host=host,
        context=docker_context,
        config=options.config,
        tls=options.tls,
        tls_verify=options.tlsverify,
        tls_ca=options.tlscacert,
        tls_cert=options.tlscert,
        tls_key=options.tlskey,
        warn=options.warn,
    )
    if options.verbose:
        typer.echo(f"weave: endpoint {endpoint}", err=True)
    return endpoint


class Nowhere:
    """Takes what a dry run would have printed, had anything run."""

    def write(self, data: bytes) -> int:
        """Drop bytes."""
        return len(data)

    def flush(self) -> None:
        """Do nothing."""


def _watcher(options: Globals, endpoint: Endpoint, *, other: bool = False) -> Callable[[Transport], Transport] | None:
    """Return what stands between the client and the wire: a stand-in, a watch, or nothing.

    Args:
        other: it is another daemon than the command's own.
    """
    if not (options.dry_run or options.trace):
        return None
    from weave_http.engine.version import NEWEST, version_text
    from weave_http.transcript import AnswerPrinter, Exchange, FullPrinter, Printer, StandIn, Watch

    def shown(line: str) -> None:
        typer.echo(line, err=not options.dry_run)

    timed, secrets = not options.dry_run, options.show_secrets
    report: Callable[[Exchange], None] = (
        Printer(shown, bodies=options.verbose, timed=timed, secrets=secrets, at=endpoint.url if other else "")
        if options.calls == "line"
        else FullPrinter(shown, options.calls, endpoint, timed=timed, show_secrets=secrets)
    )

    answered = None
    if options.verbose and timed and options.calls != "json":
        answered = AnswerPrinter(shown, full=options.calls != "line", secrets=secrets)

    def watch(inner: Transport) -> Transport:
        return Watch(StandIn(version_text(NEWEST), other=other) if options.dry_run else inner, report, answered)

    return watch
