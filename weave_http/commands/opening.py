"""A caller for a program of one's own: the daemon that docker would use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from weave_http.commands.caller import Caller
from weave_http.commands.id_file import LocalIdFiles
from weave_http.engine import connect, docker_credentials, resolve_endpoint
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

    endpoint = resolve_endpoint(environ, host=host, context=context, warn=warn)
    with connect(endpoint, credentials=docker_credentials(environ, warn=warn)) as engine:
        yield Caller(engine, stdout, stderr, environ, endpoint, id_files=LocalIdFiles())
