"""An HTTP server that listens at once, and is loaded when somebody first connects.

Loading aiohttp takes a tenth of a second of a processor, half as much as all else that a router loads. None of it is
needed to join the others; and most of its ports, as that for metrics, nobody ever asks.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from weave_http.errors import HostError
from weave_http.router.blocking import in_thread
from weave_http.router.tasks import Tasks

if TYPE_CHECKING:
    from aiohttp.web import AppRunner

_BACKLOG = 128


class LateServer:
    """The socket, and the server once it is loaded: until then the kernel has the first clients wait.

    Args:
        host: IPv4 address to listen on.
        port: TCP port.
        make: imports what serves, and returns it; called in a thread, once.
        when_taken: what to do about a port that is taken, or whose it is.
    """

    def __init__(self, host: str, port: int, make: Callable[[], AppRunner], *, when_taken: str) -> None:
        self._host = host
        self._port = port
        self._make = make
        self._when_taken = when_taken
        self._socket: socket.socket | None = None
        self._runner: AppRunner | None = None
        self._loading = Tasks("an HTTP server")

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            HostError: the port is taken, or the address is another host's.
        """
        self._socket = listening = socket.socket()
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((self._host, self._port))
            listening.listen(_BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise HostError(f"TCP port {self._port} is taken on this host", hint=self._when_taken) from error
            raise HostError(f"can't listen on {self._host}:{self._port}: {error.strerror}") from error
        listening.setblocking(False)
        asyncio.get_running_loop().add_reader(listening, self._connected, listening)

    async def stop(self) -> None:
        """Stop listening. Idempotent."""
        if self._runner is None:
            self._close()
        await self._loading.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def _connected(self, listening: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(listening)
        self._loading.start(self._serve(listening))

    async def _serve(self, listening: socket.socket) -> None:
        try:
            self._runner = await in_thread(self._make)
            from aiohttp.web import SockSite

            await self._runner.setup()
            await SockSite(self._runner, listening, backlog=_BACKLOG).start()
        except BaseException:
            self._close()  # refuses clients, rather than have them wait for an answer
            raise

    def _close(self) -> None:
        if self._socket is not None and self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
