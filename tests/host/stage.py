"""What a command of the executor meets: a host, an engine, containers, perhaps a router."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.fake_engine import FakeContainer, FakeEngine
from tests.net.kernel import Space
from weave_http import constants
from weave_http.host import Host, perform_words
from weave_http.records import dataclass

PREFIX = "weave: "


@dataclass
class Guest(FakeContainer):
    """A container that is a process of the machine."""

    pid: int = 0

    def inspect(self) -> dict[str, Any]:
        answer = super().inspect()
        answer["State"]["Pid"] = self.pid
        return answer


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended.

    Args:
        code: its exit code.
        out: what it printed.
        err: what it said beside; of a failure without the `weave: ` that its last line must begin with.
    """

    code: int
    out: str
    err: str


class Stage:
    """A Docker host.

    Args:
        host: its network namespace.
        engine: its engine.
        spaces: makes namespaces for containers.
    """

    def __init__(self, host: Space, engine: FakeEngine, spaces: Callable[[], Space]) -> None:
        self.host = host
        self.engine = engine
        self._spaces = spaces

    def container(self, name: str, space: Space | None = None) -> Space:
        """Start a container, by default in a namespace of its own; return that."""
        space = space or self._spaces()
        self._add(Guest(identity(name), name, {"Image": "guest"}, status="running", pid=space.pid))
        return space

    def stopped(self, name: str, image: str = "guest", labels: Mapping[str, str] | None = None) -> None:
        """Add a container that does not run."""
        config = {"Image": image, "Labels": dict(labels or {})}
        self._add(FakeContainer(identity(name), name, config, status="exited"))

    def running(self, name: str, image: str = "guest", labels: Mapping[str, str] | None = None) -> None:
        """Add a container that runs, and has nothing to do with networks."""
        self.stopped(name, image, labels)
        self.engine.containers[identity(name)].status = "running"
        self.engine.containers[identity(name)].exited.set()

    def _add(self, container: FakeContainer) -> None:
        self.engine.containers[container.id] = container

    def weave(self, *words: str, env: Mapping[str, str] | None = None) -> Result:
        """Do on the host what words say."""
        outcome = self.host.call(perform_words, Host(env or {}), words)
        return Result(outcome.code, outcome.out, _without_prefix(outcome.err) if outcome.code else outcome.err)


def _without_prefix(text: str) -> str:
    """Return what a failure says without `weave: `, with which its last line must begin, and no other."""
    *before, last = text.splitlines(keepends=True)
    if last.startswith("{"):
        said = json.loads(last)
        assert sorted(said) == ["code", "error", "hint"], text
        return "".join([*before, "; ".join(filter(None, (said["error"], said["hint"]))), "\n"])
    assert last.startswith(PREFIX), text
    assert not any(line.startswith(PREFIX) for line in before), text
    return "".join([*before, last.removeprefix(PREFIX)])


def identity(name: str) -> str:
    """Return the id of a container."""
    return hashlib.sha256(name.encode()).hexdigest()


class FakeRouter:
    """The router's API: records the calls, and answers what it is told to.

    Args:
        host: where it listens.

    Attributes:
        calls: `METHOD PATH BODY` of every call.
        answers: status and text by `METHOD PATH`; 200 with nothing by default.
    """

    def __init__(self, host: Space) -> None:
        self.calls: list[str] = []
        self.answers: dict[str, tuple[int, str]] = {}
        router = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                router.calls.append(f"{self.command} {self.path} {body}".rstrip())
                status, text = router.answers.get(f"{self.command} {self.path}", (200, ""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = host.call(ThreadingHTTPServer, ("127.0.0.1", constants.ROUTER_HTTP_PORT), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def attachments(self) -> list[tuple[str, Any]]:
        """Return the changes of attachments it was told: container id, and addresses or nothing."""
        changes = []
        for call in self.calls:
            method, path, *body = call.split(" ", 2)
            if not path.startswith("/attachment/"):
                continue
            container = path.removeprefix("/attachment/")
            changes.append((container, json.loads(body[0])["addresses"] if method == "PUT" else None))
        return changes
