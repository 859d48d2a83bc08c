"""Listens for docker clients: a thread a connection, as most of them wait for something.

What serves them is imported for the first one: a router has this socket on every host, and on most nobody uses it.
"""

from __future__ import annotations

import os
import socket
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from weave_http.engine.wire.channel import Channel, Deadline
from weave_http.engine.wire.dial import keepalive_options
from weave_http.errors import HostError
from weave_http.proxy.home import Home
from weave_http.proxy.settings import Settings

if TYPE_CHECKING:
    import ssl

    from weave_http.proxy.changes import Changes
    from weave_http.proxy.connection import Connection

MOST_CONNECTIONS = 2000
MOST_HANDSHAKES = 64
"""Of strangers, who can so take no room from clients."""
_HANDSHAKE_SECONDS = 10.0
_PROBE_SECONDS = 30
_BACKLOG = 4096
"""As Go has it: where it is full, a client that does not wait is refused."""


class Server:
    """Serves docker clients.

    Args:
        home: of the proxy.
        settings: how containers are treated.
    """

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings
        self._changes: Changes | None = None
        self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._listening: list[socket.socket] = []
        self._paths: list[tuple[str, int]] = []
        self._handshakes = threading.BoundedSemaphore(MOST_HANDSHAKES)
        self._stopped = threading.Event()

    def listen_unix(self, path: str, *, like: str = "") -> None:
        """Listen on a unix socket; what a process left there that has ended is replaced.

        Args:
            path: of the socket.
            like: path of the socket whose owner, group and mode it gets; by default it is its owner's alone.

        Raises:
            HostError: it can't be had.
        """
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            _make_room(path)
        except OSError as error:
            raise HostError(f"can't listen on {path}: {error.strerror}") from error
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            before = os.umask(0o177)
            try:
                listening.bind(path)
            finally:
                os.umask(before)
            if like:
                model = os.stat(like)
                with suppress(PermissionError):  # it is one's own then
                    os.chown(path, model.st_uid, model.st_gid)
                    os.chmod(path, stat.S_IMODE(model.st_mode))
            inode = os.stat(path).st_ino
        except OSError as error:
            listening.close()
            raise HostError(f"can't listen on {path}: {error.strerror or error}") from error
        self._paths.append((path, inode))
        self._begin(listening)

    def listen_tcp(self, address: str, port: int, context: ssl.SSLContext | None) -> int:
        """Listen on a TCP port.

        Args:
            address: IPv4 or IPv6.
            port: 0 for any that is free.
            context: how TLS is spoken, None for plain TCP.

        Returns:
            The port.

        Raises:
            HostError: it can't be had.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind((address, port))
        except OSError as error:
            listening.close()
            raise HostError(f"can't listen on {address} port {port}: {error.strerror or error}") from error
        self._begin(listening, context)
        return int(listening.getsockname()[1])

    def _begin(self, listening: socket.socket, context: ssl.SSLContext | None = None) -> None:
        listening.listen(_BACKLOG)
        self._listening.append(listening)
        threading.Thread(target=self._accept, args=(listening, context), name="proxy", daemon=True).start()

    def stop(self) -> None:
        """Listen no more, and end all connections."""
        self._stopped.set()
        for listening in self._listening:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        for path, inode in self._paths:
            with suppress(OSError):
                if os.stat(path).st_ino == inode:  # a later proxy may have made its own
                    os.unlink(path)
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.close()

    def _accept(self, listening: socket.socket, context: ssl.SSLContext | None) -> None:
        while not self._stopped.is_set():
            try:
                sock, _ = listening.accept()
            except OSError:
                if self._stopped.is_set():
                    return
                self._stopped.wait(0.1)  # out of descriptors, most likely
                continue
            with self._lock:
                full = len(self._connections) >= MOST_CONNECTIONS
            if full or (context is not None and not self._handshakes.acquire(blocking=False)):
                sock.close()
                continue
            try:
                threading.Thread(target=self._begun, args=(sock, context), name="docker", daemon=True).start()
            except RuntimeError:  # no more threads
                sock.close()
                if context is not None:
                    self._handshakes.release()

    def _begun(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """Serve a connection, after TLS's handshake if it has one."""
        if sock.family != socket.AF_UNIX:
            with suppress(OSError):  # it has gone again
                for option in (*keepalive_options(_PROBE_SECONDS), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)):
                    sock.setsockopt(*option)
        if context is None:
            self._serve(Channel(sock), b"")
            return
        from weave_http.engine.wire.tls import TLSRecords

        channel = Channel(sock, TLSRecords(context, None))
        try:
            channel.shake_hands(Deadline(None, _HANDSHAKE_SECONDS))
            early = channel.early()
        except OSError as error:
            if getattr(error, "reason", "") == "HTTP_REQUEST":
                from weave_http.proxy import messages

                with suppress(OSError):
                    sock.send(messages.refusal(400, "weave: TLS is spoken here: docker --tlsverify", close=True))
            channel.close()
            return
        finally:
            self._handshakes.release()
        self._serve(channel, early)

    def _serve(self, channel: Channel, early: bytes) -> None:
        from weave_http.proxy.changes import Changes
        from weave_http.proxy.connection import Connection

        with self._lock:
            self._changes = self._changes or Changes(self._home, self._settings)
            connection = Connection(
                channel, self._home, self._changes, rewrite_inspect=self._settings.rewrite_inspect, early=early
            )
            self._connections.add(connection)
        try:
            if not self._stopped.is_set():
                connection.serve()
        finally:
            connection.close()
            with self._lock:
                self._connections.discard(connection)


def _make_room(path: str) -> None:
    """Remove a socket that nobody listens on. Raises `HostError`: somebody does, or it is no socket."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise HostError(f"can't listen on {path}: it is no socket", hint="choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            os.unlink(path)
            return
    raise HostError(f"can't listen on {path}: another process does", hint="end it, or choose another path")
