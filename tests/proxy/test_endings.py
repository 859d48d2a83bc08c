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
from contextlib import AbstractContextManager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.engine.certificates import Certificates, make_certificates
from weave_http.engine import Endpoint
from weave_http.engine.wire.channel import Channel
from weave_http.engine.wire.contract import Timeouts
from weave_http.engine.wire.dial import dial
from weave_http.errors import EngineError
from weave_http.proxy.home import Visit
from weave_http.proxy.server import Server
from weave_http.proxy.settings import Settings

CLIENTS = 8
PATIENCE = 60.0


class Fickle(socketserver.ThreadingMixIn):
    """A daemon that ends a connection after each third answer, on average: at once, or a moment later.

    Attributes:
        endpoint: where it is.
        done: requests that were answered, and how often.
        requests: to be asked by each client.
    """

    daemon_threads = True
    request_queue_size = 1
    endpoint: Endpoint
    done: Counter[str]
    requests = 250


class Unix(Fickle, socketserver.UnixStreamServer):
    """It on a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Handler)
        self.endpoint, self.done = Endpoint("unix", path=str(path)), Counter()


class TLS(Fickle, socketserver.TCPServer):
    """It by TCP with TLS, which it ends without a close_notify."""

    requests = 75

    def __init__(self, certificates: Certificates) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self._context = certificates.server
        host, port = str(self.server_address[0]), int(self.server_address[1])
        self.endpoint, self.done = Endpoint("tcp", host=host, port=port, tls=certificates.client), Counter()

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._context.wrap_socket(request, server_side=True) as wrapped, suppress(OSError):
            super().finish_request(wrapped, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Fickle  # type: ignore[assignment]

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
    """A home whose daemon is anywhere."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

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


@pytest.fixture(params=["unix", "tls"])
def fickle(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fickle]:
    daemon = Unix(tmp_path / "docker.sock") if request.param == "unix" else TLS(make_certificates(tmp_path))
    with daemon:
        threading.Thread(target=daemon.serve_forever, daemon=True).start()
        yield daemon
        daemon.shutdown()


def test_clients_notice_no_ends_of_a_daemon_s_connections(fickle: Fickle, tmp_path: Path) -> None:
    server = Server(Home(fickle.endpoint), Settings())
    server.listen_unix(str(tmp_path / "weave.sock"))

    def ask(number: int) -> int:
        """Ask for things, and change some; return how many requests got no answer."""
        lost = 0
        client = Client(tmp_path / "weave.sock")
        for each in range(fickle.requests):
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
    assert len(fickle.done) - len(posts) == CLIENTS * fickle.requests * 4 // 5
    assert set(posts.values()) == {1}, "what changes something is done once"
    assert len(posts) >= CLIENTS * fickle.requests // 5 - lost
