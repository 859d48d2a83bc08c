"""Clients of a daemon that ends connections as it likes, as soon as it has answered."""

from __future__ import annotations

import http.client
import random
import socket
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from weave_http.engine import Endpoint
from weave_http.engine.wire.channel import Channel
from weave_http.engine.wire.contract import Timeouts
from weave_http.engine.wire.dial import dial
from weave_http.errors import EngineError
from weave_http.proxy.home import Visit
from weave_http.proxy.server import Server
from weave_http.proxy.settings import Settings

CLIENTS, REQUESTS = 8, 250
PATIENCE = 60.0


class Fickle(socketserver.ThreadingUnixStreamServer):
    """A daemon that ends a connection after each third answer: at once, a moment later, or by a reset."""

    daemon_threads = True
    request_queue_size = 1

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Handler)
        self.done: Counter[str] = Counter()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Fickle

    def setup(self) -> None:
        super().setup()
        self._random = random.Random()

    def do_GET(self) -> None:
        self.server.done[self.path] += 1
        data = self.path.encode()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data))
        if self._random.random() < 1 / 3:
            time.sleep(self._random.choice([0.0, 0.001 * self._random.random()]))
            self.close_connection = True

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Home:
    """A home whose daemon is behind a unix socket."""

    def __init__(self, path: Path) -> None:
        self._endpoint = Endpoint("unix", path=str(path))

    def open(self) -> Channel:
        return dial(self._endpoint, Timeouts(connect=PATIENCE)).open()

    def visit(self) -> AbstractContextManager[Visit]:
        raise EngineError("nobody is to be visited here")

    def say(self, line: str) -> None:
        pass


class Client(http.client.HTTPConnection):
    """A docker client on a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


@pytest.fixture
def fickle(tmp_path: Path) -> Iterator[Fickle]:
    with Fickle(tmp_path / "docker.sock") as daemon:
        threading.Thread(target=daemon.serve_forever, daemon=True).start()
        yield daemon
        daemon.shutdown()


def test_clients_notice_no_ends_of_a_daemon_s_connections(fickle: Fickle, tmp_path: Path) -> None:
    server = Server(Home(tmp_path / "docker.sock"), Settings())
    server.listen_unix(str(tmp_path / "weave.sock"))

    def ask(number: int) -> int:
        """Ask for things, and change some; return how many requests got no answer."""
        lost = 0
        client = Client(tmp_path / "weave.sock")
        for each in range(REQUESTS):
            path, method = f"/v1.41/things/{number}-{each}", "POST" if each % 5 == 0 else "GET"
            try:
                client.request(method, path)
                answer = client.getresponse()
                assert (answer.status, answer.read().decode()) == (200, path)
            except (ConnectionError, http.client.RemoteDisconnected):
                assert method == "POST"  # it may have been done, and nobody knows
                lost += 1
                client.close()
        client.close()
        return lost

    with ThreadPoolExecutor(CLIENTS) as pool:
        lost = sum(pool.map(ask, range(CLIENTS)))
    server.stop()
    posts = {path: count for path, count in fickle.done.items() if int(path.rpartition("-")[2]) % 5 == 0}
    assert len(fickle.done) - len(posts) == CLIENTS * REQUESTS * 4 // 5
    assert set(posts.values()) == {1}, "what changes something is done once"
    assert len(posts) >= CLIENTS * REQUESTS // 5 - lost
    assert lost < CLIENTS * REQUESTS // 50
