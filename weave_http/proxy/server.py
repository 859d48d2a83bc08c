"""Listens for docker clients: a thread a connection, as most of them wait for something."""

from __future__ import annotations

import os
import socket
import stat
import threading
from contextlib import suppress
from pathlib import Path

from weave_http.engine.wire.channel import Channel
from weave_http.errors import HostError
from weave_http.proxy.changes import Changes
from weave_http.proxy.connection import Connection
from weave_http.proxy.home import Home
from weave_http.proxy.settings import Settings

MOST_CONNECTIONS = 2000
_BACKLOG = 128


class Server:
    """Serves docker clients.

    Args:
        home: of the proxy.
        settings: how containers are treated.
    """

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings
        self._changes = Changes(home, settings)
        self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._listening: list[socket.socket] = []
        self._paths: list[tuple[str, int]] = []
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

    def _begin(self, listening: socket.socket) -> None:
        listening.listen(_BACKLOG)
        self._listening.append(listening)
        threading.Thread(target=self._accept, args=(listening,), name="proxy", daemon=True).start()

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

    def _accept(self, listening: socket.socket) -> None:
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
            if full:
                sock.close()
                continue
            try:
                threading.Thread(target=self._serve, args=(sock,), name="docker", daemon=True).start()
            except RuntimeError:  # no more threads
                sock.close()

    def _serve(self, sock: socket.socket) -> None:
        connection = Connection(
            Channel(sock), self._home, self._changes, rewrite_inspect=self._settings.rewrite_inspect
        )
        with self._lock:
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
