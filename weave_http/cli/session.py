"""One command's session: its engine, with whoever watches it, and its streams."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from weave_http.cli.options import Globals
from weave_http.errors import UsageError, WeaveError
from weave_http.hints import TYPE_CHECKING
from weave_http.records import replace

if TYPE_CHECKING:  # the real imports wait until a command runs: `--help` must stay quick
    from weave_http.commands import Caller
    from weave_http.engine import Credentials, Endpoint, Engine


@contextmanager
def session(options: Globals) -> Iterator[Caller]:
    """Open an engine for one command and close it after.

    Args:
        options: before the command.

    Raises:
        EndpointError: the options and the environment make no endpoint.
    """
    if options.selection is not None and (options.stage is None or options.selection.typed):
        raise UsageError("this goes to one Docker host, and several are chosen", hint="name one by -H or --context")
    endpoint = endpoint_of(options, options.host, options.context)
    try:
        with _opened(options, endpoint) as caller:
            yield caller
    except WeaveError as error:
        error.host = error.host or endpoint.url
        raise


@contextmanager
def _opened(options: Globals, endpoint: Endpoint) -> Iterator[Caller]:
    from weave_http.cli.progress import Meter
    from weave_http.cli.terminal import Terminal
    from weave_http.cli.watching import watcher
    from weave_http.commands.caller import Caller
    from weave_http.commands.id_file import LocalIdFiles, NoIdFiles
    from weave_http.commands.signals import Signals
    from weave_http.engine import connect
    from weave_http.sinks import NOWHERE

    config = options.config or ""
    stage = options.stage
    if stage is not None:
        stage.endpoint = endpoint
        with connect(endpoint, watch=lambda _: stage, credentials=credentials_of(options)) as engine:
            yield Caller(
                engine,
                stage.stdout,
                stage.stderr,
                os.environ,
                endpoint,
                config=config,
                id_files=stage.files,
                cold=options.cold,
            )
        return
    signals = Signals()
    with (
        signals.listening(),
        connect(endpoint, watch=watcher(options, endpoint), credentials=credentials_of(options)) as engine,
        Meter(sys.stderr) as meter,
    ):
        caller = Caller(
            engine,
            sys.stdout.buffer,
            sys.stderr.buffer,
            os.environ,
            endpoint,
            config=config,
            meter=meter,
            signals=signals,
            keyboard=Terminal(),
            id_files=LocalIdFiles(),
            cold=options.cold,
        )
        if options.dry_run:  # nothing runs, so there is nothing to print or to type
            caller = replace(caller, stdout=NOWHERE, keyboard=None, id_files=NoIdFiles())
        yield caller


@contextmanager
def other_daemon(options: Globals, host: str | None, docker_context: str | None) -> Iterator[Engine]:
    """Open an engine for another daemon than the command's own, watched alike.

    Args:
        options: before the command.
        host: its address, or
        docker_context: the docker context that has it.

    Raises:
        EndpointError: the options and the environment make no endpoint.
    """
    from weave_http.cli.watching import watcher
    from weave_http.engine import connect

    if host == "":
        raise UsageError("--from-host is empty", hint="as in --from-host tcp://10.0.0.1:2376")
    endpoint = endpoint_of(options, host, docker_context)
    endpoint = replace(endpoint, source=f"--from-{'context' if docker_context else 'host'}")
    stage = options.stage
    watch = watcher(options, endpoint, other=True) if stage is None else lambda _: stage.beside(endpoint)
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
        print(f"weave: endpoint {endpoint}", file=sys.stderr)
    return endpoint


def credentials_of(options: Globals) -> Callable[[str], Credentials | None]:
    """Return what finds credentials for a registry."""

    def find(registry: str) -> Credentials | None:
        from weave_http.engine import docker_credentials

        return docker_credentials(options.docker_environ(), warn=options.warn)(registry)

    return find
