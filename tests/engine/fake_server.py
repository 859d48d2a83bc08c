"""The HTTP half of the fake daemon: a small server on a real socket that records, counts, and misbehaves on demand.

It is not built on `http.server`, because the tests want a say in every byte of an answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from weave_http.engine.address import Endpoint, TLSFiles
from weave_http.records import dataclass

MAX_KEPT = 1 << 20
"""Bytes of a request's body that are kept; of the rest only size and digest."""


@dataclass
class Recorded:
    """One request, as it came over the wire."""

    method: str
    target: str
    path: str
    version: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    size: int = 0
    sha256: str = ""
    whole: bool = True

    @property
    def call(self) -> str:
        """Method and path without the version."""
        return f"{self.method} {self.path}"

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Incoming:
    """What a client sends: as a buffered file, but one can ask whether there is something.

    Two threads may use a connection, one each way; a TLS connection takes only one at a time.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self.lock = threading.Lock()

    def ready(self, seconds: float) -> bool:
        if self._buffer or (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()):
            return True
        return bool(select.select([self._sock], [], [], seconds)[0])

    def read1(self, size: int = 65536) -> bytes:
        if not self._buffer:
            # Only a first byte is there for sure; TLS may want more of the record.
            with self.lock:
                self._buffer += self._sock.recv(65536)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def readline(self, limit: int) -> bytes:
        while b"\n" not in self._buffer and len(self._buffer) < limit:
            data = self._sock.recv(65536)
            if not data:
                break
            self._buffer += data
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        return self.read1(min(end, limit)) if end else b""

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (piece := self.read1(size - len(data))):
            data += piece
        return data


class Reply:
    """The answer to one request, with as much misbehaviour as a test wants."""

    def __init__(self, sock: socket.socket, stream: Incoming, method: str) -> None:
        self._sock = sock
        self.stream = stream
        self._head_only = method == "HEAD"
        self._chunked = False
        self.keep_alive = True

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        with self.stream.lock:
            self._sock.sendall(data)

    def switch(self, content_type: str) -> None:
        """Turn the connection into a pipe, if the client asked for that; `receive` has what it writes."""
        self.keep_alive = False
        self.raw(
            f"HTTP/1.1 101 UPGRADED\r\nContent-Type: {content_type}\r\nConnection: Upgrade\r\n"
            "Upgrade: tcp\r\n\r\n".encode()
        )

    def receive(self, until: threading.Event) -> bytes:
        """Return what the client writes, `b""` when it has ended its input or the event is set."""
        while not until.is_set():
            if self.stream.ready(0.005):
                return self.stream.read1()
        return b""

    def send(self, status: int, body: bytes = b"", content_type: str = "text/plain", **headers: str) -> None:
        """Send a whole answer."""
        fields = {**{name.replace("_", "-"): value for name, value in headers.items()}}
        if status not in (204, 304):
            fields |= {"Content-Type": content_type, "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.raw(f"HTTP/1.1 {status} Fake\r\n{head}\r\n".encode() + (b"" if self._head_only else body))

    def json(self, value: Any, status: int = 200) -> None:
        self.send(status, json.dumps(value).encode() + b"\n", "application/json")

    def error(self, status: int, message: str) -> None:
        self.json({"message": message}, status)

    def begin(self, content_type: str, *, chunked: bool = True, status: int = 200) -> None:
        """Begin a stream; `more` goes on, `end` ends it."""
        self._chunked = chunked
        self.keep_alive = self.keep_alive and chunked
        framing = "Transfer-Encoding: chunked\r\n" if chunked else ""
        self.raw(f"HTTP/1.1 {status} Fake\r\nContent-Type: {content_type}\r\n{framing}\r\n".encode())

    def more(self, data: bytes) -> None:
        self.raw(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end(self) -> None:
        if self._chunked:
            self.raw(b"0\r\n\r\n")

    def close(self) -> None:
        """Close the connection after this answer."""
        self.keep_alive = False

    def wait(self, event: threading.Event) -> None:
        """Wait for an event, or for the client to go away."""
        while not event.wait(0.01):
            # In the middle of an answer a client has nothing to say; what can be read is the end.
            if select.select([self._sock], [], [], 0)[0]:
                raise BrokenPipeError


Handler = Callable[[Recorded, Reply], None]


class FakeServer:
    """Listens, and hands each request to the route that fits; use it with `with`.

    Args:
        path: listen on this unix socket; None for TCP on a free port of 127.0.0.1.
        tls: server's SSL context, for TCP.
        client_tls: what a client has to use, for `endpoint`.
    """

    def __init__(self, path: Path | None, tls: ssl.SSLContext | None, client_tls: TLSFiles | None) -> None:
        self.requests: list[Recorded] = []
        self.connections = 0
        self.resumed = 0
        self.unread = ""
        """A path whose requests are answered before their body is read."""
        self._tls = tls
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        if path is not None:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(path))
            self.endpoint = Endpoint("unix", path=str(path), source="fake")
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            port = self._listener.getsockname()[1]
            self.endpoint = Endpoint("tcp", host="127.0.0.1", port=port, tls=client_tls, source="fake")
        self._path = path
        self._listener.listen(128)

    # -- life --------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, drop all connections, and wait for the threads."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()
        for thread in list(self._threads):
            thread.join(10)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def drop_connections(self) -> None:
        """Cut every connection there is."""
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def on(self, method: str, path: str, handler: Handler) -> None:
        """Replace a route: `path` is a regular expression for the whole path without its version."""
        self._routes.insert(0, (method, re.compile(path), handler))

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        with self._lock:
            return len(self._open)

    @property
    def closing(self) -> threading.Event:
        """Set when the fake goes away: what a hanging handler waits for."""
        return self._closing

    def calls(self) -> list[str]:
        """Method and path of every request so far."""
        return [request.call for request in self.requests]

    # -- connections -------------------------------------------------------------------------------------

    def spawn(self, target: Callable[..., None], *args: Any) -> None:
        """Run a function in a thread that `close` waits for."""
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if self._path is None:
                # As Go does; without it every second little chunk waits for an acknowledgement.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self._open.add(sock)
            self.spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        spoken = sock
        try:
            if self._tls is not None:
                with self._lock:
                    self._open.discard(sock)
                spoken = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                with self._lock:
                    self._open.add(spoken)
                spoken.do_handshake()
                self.resumed += bool(spoken.session_reused)
            stream = Incoming(spoken)
            while self._one(spoken, stream):
                pass
            if isinstance(spoken, ssl.SSLSocket):
                # As Go does: without this alert a client can't tell the end of a stream from a cut.
                spoken.settimeout(0.05)
                with contextlib.suppress(OSError, ValueError):
                    spoken.unwrap()
        except (OSError, ValueError):
            # The client went away, or a test cut the connection.
            pass
        finally:
            with self._lock:
                self._open.discard(spoken)
                self._open.discard(sock)
            spoken.close()
            sock.close()

    def _one(self, sock: socket.socket, stream: Incoming) -> bool:
        line = stream.readline(65536)
        if not line.strip():
            return False
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (field_line := stream.readline(65536).decode("latin-1").strip()) != "":
            name, _, value = field_line.partition(":")
            headers[name.lower()] = value.strip()
        parts = urlsplit(target)
        match = re.fullmatch(r"/(v\d+\.\d+)(/.*)", parts.path)
        version, path = (match[1], match[2]) if match else ("", parts.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        request = Recorded(method, target, path, version, query, headers)
        reply = Reply(sock, stream, method)
        self.requests.append(request)
        if path != self.unread:
            self.read_body(request, reply)
        if refusal := self.refusal(request):
            reply.error(400, refusal)
            return reply.keep_alive
        handler = next(
            (handler for verb, pattern, handler in self._routes if verb == method and pattern.fullmatch(path)), None
        )
        if handler is None:
            reply.error(404, "page not found")
        else:
            handler(request, reply)
        return reply.keep_alive and headers.get("connection", "").lower() != "close"

    def refusal(self, request: Recorded) -> str:
        """Return why a request is refused whatever its route is, or nothing."""
        return ""

    def read_body(self, request: Recorded, reply: Reply) -> None:
        """Read the rest of a request; its handler's to do where the path is `unread`."""
        digest = hashlib.sha256()
        for piece in _body_pieces(request, reply.stream):
            digest.update(piece)
            request.size += len(piece)
            if len(request.body) < MAX_KEPT:
                request.body += piece
        request.sha256 = digest.hexdigest()


def _body_pieces(request: Recorded, stream: Incoming) -> Iterator[bytes]:
    if request.headers.get("transfer-encoding", "").lower() == "chunked":
        while True:
            line = stream.readline(1024).strip()
            if not line:
                request.whole = False
                return
            size = int(line, 16)
            if not size:
                stream.readline(1024)
                return
            yield stream.read(size)
            stream.readline(1024)
    left = int(request.headers.get("content-length", "0"))
    while left:
        piece = stream.read(min(left, 65536))
        if not piece:
            request.whole = False
            return
        left -= len(piece)
        yield piece
