"""The real docker CLI as an oracle: what does it send for an argument line?"""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

ID = "ab" * 32
SETS = frozenset({"ExposedPorts", "Volumes", "Labels"})
"""Fields whose keys say everything: an empty value there is no zero value."""


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    created: dict[str, Any] | None = None


class _Handler(BaseHTTPRequestHandler):
    """Answers just enough for `docker run` to get past its create call."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Api-Version", "1.41")
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
            self._answer(201, {"Id": ID, "Warnings": []})
        else:
            self._answer(500, {"message": "recorded enough"})

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


def recorded_create(arguments: list[str], socket: Path, program: str = "/usr/bin/docker") -> dict[str, Any]:
    """Return the body of the create call that `docker run ARGUMENTS` sends.

    Args:
        arguments: words after `docker run`.
        socket: where to listen for it; must not exist.
        program: the CLI to ask.
    """
    with _Server(str(socket), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            environ = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
            environ["DOCKER_CONFIG"] = str(socket.parent)
            subprocess.run(
                [program, "-H", f"unix://{socket}", "run", *arguments],
                env=environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=60,
                check=False,
            )
        finally:
            server.shutdown()
            thread.join()
    assert server.created is not None, "the docker CLI sent no create call"
    return server.created


def told(document: Any) -> Any:
    """Return what a create body says, without the zero values that the CLI spells out.

    `MemorySwappiness` -1, restart policy `no`, network mode `default` and an endpoint without settings mean "not
    given" as well.
    """
    if isinstance(document, dict):
        kept = {
            key: value if key in SETS else told(value)
            for key, value in document.items()
            if key not in ("ConsoleSize", "MemorySwappiness")
        }
        if kept.get("RestartPolicy") == {"Name": "no"}:
            del kept["RestartPolicy"]
        if kept.get("NetworkMode") == "default":
            del kept["NetworkMode"]
        if not any(kept.get("NetworkingConfig", {}).get("EndpointsConfig", {}).get("default", {}).values()):
            kept.pop("NetworkingConfig", None)
        kept["Binds"] = sorted(kept.get("Binds") or [])  # the CLI keeps them in a map, without order
        return {key: value for key, value in kept.items() if value not in (None, "", False, 0, [], {})}
    if isinstance(document, list):
        return [told(item) for item in document]
    return document
