"""Agrees with whatever an engine asks the plugin for, while the networks of a router that is gone are removed."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from tempfile import TemporaryDirectory

from weave_http.hints import Any
from weave_http.host import plugin_files

_ANSWERS: dict[str, dict[str, Any]] = {
    "/Plugin.Activate": {"Implements": ["NetworkDriver", "IpamDriver"]},
    "/NetworkDriver.GetCapabilities": {"Scope": "local", "ConnectivityScope": "global"},
    "/IpamDriver.GetCapabilities": {"RequiresMACAddress": True, "RequiresRequestReplay": False},
    "/IpamDriver.GetDefaultAddressSpaces": {"LocalDefaultAddressSpace": "weave", "GlobalDefaultAddressSpace": "weave"},
}


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps(_ANSWERS.get(self.path, {})).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def answering(procfs: str) -> Iterator[None]:
    """Answer the engine inside of the block.

    Args:
        procfs: where the host's /proc is mounted.

    Raises:
        HostError: it could not be put where the engine looks.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, "plugin.sock")
        with _Server(str(path), _Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                plugin_files.offer(procfs, path)
                yield
            finally:
                server.shutdown()
                plugin_files.withdraw(procfs, mine=True)
