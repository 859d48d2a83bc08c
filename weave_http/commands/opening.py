"""A caller for a program of one's own: the daemon that docker would use, and this process's streams."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from weave_http.commands.caller import Caller, Sink
from weave_http.engine import connect, docker_credentials, resolve_endpoint


@contextmanager
def open_caller(
    environ: Mapping[str, str],
    *,
    host: str | None = None,
    context: str | None = None,
    stdout: Sink | None = None,
    stderr: Sink | None = None,
) -> Iterator[Caller]:
    """Connect to a Docker host and return who runs weave's commands there; use it with `with`.

    Nothing is sent before the first command or call.

    Args:
        environ: environment variables, as `os.environ`: `DOCKER_HOST` and its like choose the daemon as for docker,
            those of Weave go along with the commands.
        host: address of the daemon as for docker's `-H`, instead of the environment's.
        context: docker context, instead of the environment's.
        stdout: takes what commands print, as `io.BytesIO()`; this process's own output if None.
        stderr: takes what commands say beside; this process's own if None.

    Raises:
        EndpointError: environment and arguments make no endpoint.
    """
    beside = stderr or TextSink(sys.stderr)

    def warn(line: str) -> None:
        beside.write(f"weave: {line}\n".encode())

    endpoint = resolve_endpoint(environ, host=host, context=context, warn=warn)
    with connect(endpoint, credentials=docker_credentials(environ, warn=warn)) as engine:
        yield Caller(engine, stdout or TextSink(sys.stdout), beside, environ)


@dataclass(frozen=True, slots=True)
class TextSink:
    """A text stream that takes bytes too, in their order among what is printed; also one that has no bytes below.

    Args:
        stream: as `sys.stdout`.
    """

    stream: TextIO

    def write(self, data: bytes) -> int:
        """Write bytes."""
        below = getattr(self.stream, "buffer", None)
        if below is None:
            self.stream.write(data.decode(errors="replace"))
        else:
            self.stream.flush()
            below.write(data)
        return len(data)

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()
