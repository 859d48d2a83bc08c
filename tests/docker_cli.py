"""The real docker CLI as an oracle: what does it send for an argument line, or why does it refuse it?"""

from __future__ import annotations

import ipaddress
import json
import os
import queue
import re
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from weave_http.records import dataclass

REFUSED = 125
"""Exit code of the CLI for what it refuses, and for what the daemon refuses."""
API_VERSION = "1.50"
"""That of the stand-in for a daemon: so new that no CLI leaves a field out for its sake."""


@dataclass(frozen=True)
class Said:
    """What the CLI made of a line.

    Args:
        body: of its create call; None if it made none.
        query: of that call.
        error: what it said on stderr.
        code: its exit code.
    """

    body: dict[str, Any] | None
    query: dict[str, str]
    error: str
    code: int


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    created: dict[str, Any] | None = None
    query: dict[str, str] | None = None


class _Handler(BaseHTTPRequestHandler):
    """Answers just enough for `docker run` to get to its create call, and refuses that."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Api-Version", API_VERSION)
        self.send_header("Ostype", "linux")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    def do_HEAD(self) -> None:
        self._answer(200, {})

    do_GET = do_HEAD

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/containers/create" in self.path:
            self.server.created = json.loads(body)
            self.server.query = dict(parse_qsl(urlsplit(self.path).query))
            self._answer(500, {"message": "recorded enough"})
        else:
            self._answer(200, {})  # a pull

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


class Oracle:
    """A CLI and a stand-in for its daemon, for one line at a time.

    Args:
        directory: empty; for its socket and configuration, and below that `desk`, its working directory. What it
            leaves there is removed.
        program: the CLI.
        prepare: puts files into the working directory.
        environ: its environment, beside `PATH` and `HOME`.
    """

    def __init__(
        self,
        directory: Path,
        program: str = "docker",
        *,
        prepare: Callable[[Path], None] | None = None,
        environ: dict[str, str] | None = None,
    ) -> None:
        self.program = program
        self.where = directory / "desk"
        self.where.mkdir()
        if prepare is not None:
            prepare(self.where)
        self._kept = set(self.where.iterdir())
        self._socket = directory / "engine.sock"
        self._server = _Server(str(self._socket), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        places = {"PATH": os.environ["PATH"], "DOCKER_CONFIG": str(directory), "HOME": str(directory)}
        self._environ = {**places, **(environ or {})}
        self._terminal = os.openpty()  # for -it

    def ask(self, words: Sequence[str]) -> Said:
        """Return what the CLI makes of the words after `docker run`."""
        self._server.created = self._server.query = None
        done = subprocess.run(
            [self.program, "-H", f"unix://{self._socket}", "run", *words],
            cwd=self.where,
            env=self._environ,
            stdin=self._terminal[1],
            capture_output=True,
            timeout=60,
            check=False,
        )
        for left in set(self.where.iterdir()) - self._kept:
            left.unlink()
        error = done.stderr.decode(errors="replace")
        return Said(self._server.created, self._server.query or {}, error, done.returncode)

    def close(self) -> None:
        """End the stand-in."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for descriptor in self._terminal:
            os.close(descriptor)


Ask = Callable[[Iterable[Sequence[str]]], list[tuple[Said, Path]]]
"""Asks about many lines; returns the answers in their order, each with the directory in which it was typed."""


@contextmanager
def oracles(directory: Path, count: int, program: str = "docker", **options: Any) -> Iterator[Ask]:
    """Yield what asks several CLIs at once.

    Args:
        directory: empty, for what they need.
        count: how many at once.
        program, options: see `Oracle`.
    """
    with ExitStack() as stack:
        free: queue.Queue[Oracle] = queue.Queue()
        for number in range(count):
            place = directory / f"cli{number}"
            place.mkdir()
            oracle = Oracle(place, program, **options)
            stack.callback(oracle.close)
            free.put(oracle)
        pool = stack.enter_context(ThreadPoolExecutor(count))

        def ask_one(words: Sequence[str]) -> tuple[Said, Path]:
            oracle = free.get()
            try:
                return oracle.ask(words), oracle.where
            finally:
                free.put(oracle)

        yield lambda lines: list(pool.map(ask_one, lines))


def recorded_create(arguments: list[str], socket: Path, program: str = "docker") -> dict[str, Any]:
    """Return the body of the create call that `docker run ARGUMENTS` sends.

    Args:
        arguments: words after `docker run`.
        socket: names the directory in which to listen for it.
        program: the CLI to ask.
    """
    oracle = Oracle(socket.parent, program)
    try:
        said = oracle.ask(arguments)
    finally:
        oracle.close()
    assert said.body is not None, f"the docker CLI sent no create call: {said.error}"
    return said.body


def cli_version(program: str = "docker") -> tuple[int, ...]:
    """Return a CLI's version, as (28, 2, 2)."""
    line = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    match = re.search(r"version (\d+)\.(\d+)\.(\d+)", line)
    assert match, line
    return tuple(map(int, match.groups()))


def known_options(program: str = "docker") -> set[str]:
    """Return the long names of the options that a CLI has, by its own help, and those that it hides."""
    text = subprocess.run([program, "run", "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
    shown = set(re.findall(r"^\s+(?:-\w, )?--([a-z0-9-]+)", text, re.MULTILINE))
    return shown | {"net", "net-alias", "dns-opt"}


# -- what a body says -------------------------------------------------------------------------------------

MEANT_ZEROS = {"StopTimeout": 0, "Init": False, "MemorySwappiness": 0, "MaskedPaths": [], "ReadonlyPaths": []}
"""Fields in which zero is not the same as nothing."""
MAPS = frozenset(
    {
        *("ExposedPorts", "Volumes", "Labels", "Tmpfs", "Sysctls", "Annotations", "Config", "StorageOpt", "Options"),
        *("DriverOpts", "PortBindings"),
    }
)
"""Fields whose keys say something: an empty value there is no zero value."""


def told(body: Any) -> Any:
    """Return what a create body says, without the zero values that the CLI spells out, whichever version it is.

    What means the same is made the same: the order of what is a set, the forms of addresses and capabilities, where
    the MAC address stands (it was the container's, and is its first network's since Docker 25), a variable given twice.
    """
    config = _without_zeros(body)
    host = config.get("HostConfig", {})
    for key in ("ConsoleSize", "KernelMemory"):  # the terminal's; what no daemon reads any more
        host.pop(key, None)
    if host.get("MemorySwappiness") == -1:
        del host["MemorySwappiness"]
    if host.get("RestartPolicy") == {"Name": "no"}:
        del host["RestartPolicy"]
    if host.get("NetworkMode") == "default":
        del host["NetworkMode"]
    for key in ("CapAdd", "CapDrop"):
        if key in host:
            names = (name.upper() for name in host[key])
            host[key] = sorted({name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}" for name in names})
    for key, name in (("Binds", str), ("Ulimits", str)):
        if key in host:
            host[key] = sorted(host[key], key=name)
    if "Env" in config:
        config["Env"] = sorted({item.partition("=")[0]: item for item in config["Env"]}.values())
    _tell_networks(config, host)
    if not host:
        config.pop("HostConfig", None)
    return config


def _without_zeros(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {}
        for key, item in value.items():
            if key == "EndpointsConfig" and item:
                kept[key] = {target: _without_zeros(endpoint or {}) for target, endpoint in item.items()}
                continue
            said = item if key in MAPS else _without_zeros(item)
            zero = said is None or said in ("", 0, False) or said == [] or said == {}
            if not zero or (key in MEANT_ZEROS and said is not None and said == MEANT_ZEROS[key]):
                kept[key] = said
        return kept
    if isinstance(value, list):
        return [_without_zeros(item) if isinstance(item, dict) else item for item in value]
    return value


def _tell_networks(config: dict[str, Any], host: dict[str, Any]) -> None:
    networking = config.pop("NetworkingConfig", None) or {}
    endpoints: dict[str, Any] = dict(networking.get("EndpointsConfig") or {})
    first = host.get("NetworkMode", "default")
    if address := config.pop("MacAddress", ""):
        endpoints[first] = {"MacAddress": address, **(endpoints.get(first) or {})}
    for endpoint in endpoints.values():
        if "MacAddress" in endpoint:
            endpoint["MacAddress"] = re.sub("[^0-9a-f]", "", endpoint["MacAddress"].lower())
        for key, value in endpoint.get("IPAMConfig", {}).items():
            if isinstance(value, str):
                endpoint["IPAMConfig"][key] = _usual_address(value)
    # Of a bare network some versions send an endpoint without settings, and some send none.
    others = {target: endpoint for target, endpoint in endpoints.items() if endpoint or target != first}
    if others:
        config["NetworkingConfig"] = others


def _usual_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text
