"""The proxy at home in the router: the Docker API on a socket of the host, and by TCP where that was asked for.

Its threads are beside the event loop: most of what a docker client asks for is waiting, or bytes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from weave_http import constants
from weave_http.engine import Endpoint, Engine, local_engine
from weave_http.engine.wire.channel import Channel
from weave_http.engine.wire.contract import Timeouts
from weave_http.engine.wire.dial import dial
from weave_http.errors import EngineError, HostError
from weave_http.host import Host, perform
from weave_http.proxy.listening import Listening, url
from weave_http.proxy.server import Server
from weave_http.proxy.settings import Settings
from weave_http.router.engine import engine_socket

if TYPE_CHECKING:
    from weave_http.operations.operation import Operation
    from weave_http.operations.outcome import Outcome
    from weave_http.proxy.home import Visit

logger = logging.getLogger(__name__)


class _Visit:
    """Implements `weave_http.proxy.home.Visit`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def perform(self, operation: Operation) -> Outcome:
        return perform(Host(os.environ, engine=self.engine), operation)

    def waiter(self) -> str:
        from weave_http.engine.run_once import run_once
        from weave_http.host.router_container import own_image
        from weave_http.operations.holder_body import holder_of

        host = Host(os.environ, engine=self.engine)
        image = own_image(host)
        name, config = holder_of(image, self.engine.images.inspect(image))
        containers = self.engine.containers

        def remove(identity: str) -> None:
            with suppress(EngineError):
                containers.remove(identity, force=True, volumes=True)

        run_once(self.engine, name, lambda: containers.create(config, name=name), remove)
        return name


class RoutersHome:
    """Implements `weave_http.proxy.home.Home` for the engine of this host."""

    def open(self) -> Channel:
        """See `Home`."""
        return dial(Endpoint("unix", path=engine_socket()), Timeouts()).open()

    @contextmanager
    def visit(self) -> Iterator[Visit]:
        """See `Home`."""
        with local_engine(engine_socket()) as engine:
            yield _Visit(engine)

    def say(self, line: str) -> None:
        """See `Home`."""
        logger.debug("%s", line)


class DockerAPI:
    """The proxy of a router.

    Args:
        settings: how containers are treated.
        listening: where to listen by TCP.
    """

    def __init__(self, settings: Settings, listening: Listening) -> None:
        self._wanted = listening
        self._addresses: list[str] = []
        self._server = Server(RoutersHome(), settings)

    @property
    def addresses(self) -> list[str]:
        """Where it listens, as docker's `-H` has it, the unix socket first; nowhere if it can't."""
        return list(self._addresses)

    def start(self) -> None:
        """Listen, unless there is no engine here. The network goes on without it."""
        engine = engine_socket()
        if not Path(engine).exists():
            return  # whoever needs it has said so
        procfs = os.environ.get("PROCFS") or constants.PROCFS
        try:
            self._listen_unix(procfs, engine)
        except HostError as error:
            logger.error("the Docker API is not served: %s", error)
            return
        self._addresses.append(f"unix://{constants.PROXY_SOCKET}")
        try:
            self._listen_tcp(procfs)
        except HostError as error:
            logger.error("the Docker API is not served by TCP: %s", error)
        logger.info("Docker API: %s", " ".join(self._addresses))

    def _listen_unix(self, procfs: str, engine: str) -> None:
        """Listen on a socket in a folder of the host's that a boot takes away. Raises `HostError`: it can't be had.

        It is no bind mount, as not every engine makes its folder when it starts the container again (Podman).
        """
        from weave_http.host.host_files import inside

        try:
            path = inside(Path(procfs, "1", "root"), constants.PROXY_SOCKET)
        except OSError as error:
            raise HostError(f"can't listen on {constants.PROXY_SOCKET}: {error.strerror or error}") from error
        self._server.listen_unix(str(path), like=engine)

    def _listen_tcp(self, procfs: str) -> None:
        """Listen where it was asked for. Raises `HostError`: it can't be done as it was asked for."""
        from weave_http.host import daemon_tls

        files = daemon_tls.files_for(self._wanted, procfs)
        context = daemon_tls.context_of(files) if files else None
        for address, port in self._wanted.addresses:
            self._server.listen_tcp(str(address), port, context)
            self._addresses.append(url(address, port))

    def stop(self) -> None:
        """Listen no more, and end all connections."""
        self._server.stop()
