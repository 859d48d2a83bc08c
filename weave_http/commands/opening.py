"""A caller for a program of one's own: the daemon that docker would use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from weave_http.commands.caller import Caller
from weave_http.commands.fleet import AT_ONCE, FIRST_ANSWER_SECONDS, Fleet, Member
from weave_http.commands.id_file import LocalIdFiles
from weave_http.commands.inventory import KnownHost, hosts_path, read_hosts, select
from weave_http.docker_config import config_dir
from weave_http.engine import Endpoint, connect, contexts, docker_credentials, resolve_endpoint
from weave_http.engine.endpoint import read_file
from weave_http.sinks import NOWHERE, Sink


@contextmanager
def open_caller(
    environ: Mapping[str, str],
    *,
    host: str | None = None,
    context: str | None = None,
    stdout: Sink = NOWHERE,
    stderr: Sink = NOWHERE,
) -> Iterator[Caller]:
    """Connect to a Docker host and return who has operations performed there; use it with `with`.

    Nothing is sent before the first operation or call.

    Args:
        environ: environment variables, as `os.environ`: `DOCKER_HOST` and its like choose the daemon as for docker,
            those of Weave go along with the operations.
        host: address of the daemon as for docker's `-H`, instead of the environment's.
        context: docker context, instead of the environment's.
        stdout: takes what operations print, as it comes, as `sys.stdout.buffer`; nowhere by default.
        stderr: takes what they say beside; nowhere by default.

    Raises:
        EndpointError: environment and arguments make no endpoint.
    """

    def warn(line: str) -> None:
        stderr.write(f"weave: {line}\n".encode())

    with _opened(environ, resolve_endpoint(environ, host=host, context=context, warn=warn), stdout, stderr) as caller:
        yield caller


def open_fleet(
    environ: Mapping[str, str],
    hosts: Sequence[str],
    *,
    at_once: int = AT_ONCE,
    patience: float = FIRST_ANSWER_SECONDS,
) -> Fleet:
    """Return many Docker hosts, to have operations performed on all of them; use it with `with`.

    Nothing is sent before the first operation. What hosts print is in the results.

    Args:
        environ: environment variables, as `os.environ`: docker's TLS settings hold for endpoints.
        hosts: endpoints, `NAME=ENDPOINT`, `context=NAME`, or names, patterns and `label=LABEL` of the file of hosts.
        at_once: hosts worked on at the same time.
        patience: seconds for a host's first answer.

    Raises:
        UsageError: a term means no host.
        EndpointError: a host has no usable endpoint.
    """
    known = read_hosts(hosts_path(environ))
    found = select(hosts, known, contexts.names(config_dir(environ), read_file))
    return Fleet(
        [member(host, partial(resolve_endpoint, environ)) for host in found],
        lambda each: _opened(environ, each.endpoint, NOWHERE, NOWHERE),
        at_once=at_once,
        patience=patience,
    )


def member(host: KnownHost, resolve: Callable[..., Endpoint]) -> Member:
    """Return a host as a member of a fleet.

    Args:
        host: its name, and its endpoint or context.
        resolve: makes an endpoint of `host=` and `context=`, as `resolve_endpoint` does.

    Raises:
        EndpointError: it has no usable endpoint.
    """
    endpoint = resolve(host=host.endpoint or None, context=host.context or None)
    return Member(host.name, endpoint, host.advertise)


@contextmanager
def _opened(environ: Mapping[str, str], endpoint: Endpoint, stdout: Sink, stderr: Sink) -> Iterator[Caller]:
    def warn(line: str) -> None:
        stderr.write(f"weave: {line}\n".encode())

    with connect(endpoint, credentials=docker_credentials(environ, warn=warn)) as engine:
        yield Caller(engine, stdout, stderr, environ, endpoint, id_files=LocalIdFiles())
