"""The docker CLI of this machine sends the same credentials with a pull, given the same configuration and helpers."""

from __future__ import annotations

import base64
import json
import os
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from weave_http.engine.credentials import docker_credentials, registry_of

R = "registry.example:5000"
HUB = "https://index.docker.io/v1/"
TOLD = ("username", "password", "identitytoken", "registrytoken")

HELPERS = {
    "ok": 'printf \'{"ServerURL": "%s", "Username": "hu", "Secret": "hs"}\' "$(cat)"',
    "lower": 'printf \'{"username": "hu", "secret": "hs"}\'',
    "token": 'printf \'{"Username": "<token>", "Secret": "ht"}\'',
    "nothing": "echo credentials not found in native keychain; exit 1",
    "nothing-like-it": "echo so: credentials not found in native keychain; exit 1",
    "nothing-aside": "echo credentials not found in native keychain >&2; exit 1",
    "fails": "echo boom; exit 1",
    "nonsense": "echo nonsense",
}


def base(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def auths(entry: dict[str, Any], key: str = R) -> dict[str, Any]:
    return {"auths": {key: entry}}


UP = {"auth": base("u:p")}
KEYS = (
    f"https://{R}",
    f"http://{R}",
    f"https://{R}/v1/",
    f"{R}/",
    f"{R}/v2/",
    f"{R}/x",
    R.upper(),
    R[:-5],
)
HUB_KEYS = (HUB, HUB[:-1], "index.docker.io", "docker.io", "https://index.docker.io/v2/", "http://index.docker.io/v1/")

CASES: list[tuple[dict[str, Any] | str, str]] = [
    *(({"credsStore": name, **auths(UP)}, f"{R}/x") for name in (*HELPERS, "missing", "")),
    *(({"credHelpers": {R: name}, **auths(UP)}, f"{R}/x") for name in ("ok", "missing", "fails")),
    ({"credHelpers": {R: ""}, "credsStore": "ok", **auths(UP)}, f"{R}/x"),
    ({"credHelpers": {"other": "ok"}, **auths(UP)}, f"{R}/x"),
    ({"credHelpers": {"other": "token"}, "credsStore": "ok"}, f"{R}/x"),
    ({"credsStore": "ok", **auths({"registrytoken": "rt", **UP})}, f"{R}/x"),
    ({"credsSTORE": "ok"}, f"{R}/x"),
    *(
        (auths(entry), f"{R}/x")
        for entry in (
            *({}, {"registrytoken": "rt"}, {"registrytoken": "rt", **UP}, {"identitytoken": "it", **UP}),
            *({"identitytoken": "it", "registrytoken": "rt"}, {"username": "u", "password": "p"}),
            *({"username": "x", "password": "y", **UP}, {"AUTH": UP["auth"]}, {"auth": base("me"), "username": "x"}),
            *({"auth": base("u:p") + end} for end in ("\n", "\r\n", " ", "\t")),
            *({"auth": base(text)} for text in ("me", "u:", "u:p:q", "u:p\0\0", "u:\0p", "u:p\n", "ü:é")),
            *(
                {"auth": text}
                for text in (
                    base("u:pp").rstrip("="),
                    "dTr__v8=",
                    "!!",
                    base("u:password")[:4] + "\n" + base("u:password")[4:],
                )
            ),
            {"auth": base64.b64encode(b"u:\xff").decode()},
        )
    ),
    *((auths(UP, key), f"{R}/x") for key in KEYS),
    ({"auths": {R: {}, f"https://{R}": UP}}, f"{R}/x"),
    ({"AUTHS": {R: UP}}, f"{R}/x"),
    *((auths(UP, key), "busybox") for key in HUB_KEYS),
    *(
        (auths(UP, HUB), image)
        for image in ("library/busybox", "docker.io/library/busybox", "index.docker.io/x/y", "me/x")
    ),
    *(({"credHelpers": {key: "ok"}}, "busybox") for key in (HUB, "index.docker.io", "docker.io")),
    *(
        (text, f"{R}/x")
        for text in ("", "null", "[]", "{", json.dumps(auths(UP)) + " x", "\ufeff" + json.dumps(auths(UP)))
    ),
]


class _Daemon(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    headers: list[str] = []  # noqa: RUF012 - there is one daemon


class _Handler(BaseHTTPRequestHandler):
    server: _Daemon

    def _answer(self) -> None:
        if self.command == "POST":
            self.server.headers.append(self.headers["X-Registry-Auth"])
        body = b"" if self.command == "HEAD" else b"{}"
        self.send_response(200)
        for name, value in (("Api-Version", "1.41"), ("Ostype", "linux"), ("Content-Type", "application/json")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET = do_POST = _answer

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Daemon]:
    with _Daemon(str(tmp_path_factory.mktemp("daemon") / "d.sock"), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def told(document: dict[str, str]) -> dict[str, str]:
    """Return what of an `AuthConfig` says who somebody is; a name without a secret says nothing."""
    kept = {name: document[name] for name in TOLD if document.get(name)}
    return kept if kept.keys() - {"username"} else {}


def test_docker_sends_the_same_credentials(tmp_path: Path, daemon: _Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in HELPERS.items():
        program = programs / f"docker-credential-{name}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)}
    unlike: list[Any] = []
    for config, image in CASES:
        (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
        daemon.headers.clear()
        words = ["docker", "-H", f"unix://{daemon.server_address!s}", "pull", f"{image}:1"]
        subprocess.run(words, env=environ, capture_output=True, timeout=60, check=True)
        (header,) = daemon.headers
        theirs = told(json.loads(base64.urlsafe_b64decode(header)))
        found = docker_credentials(environ)(registry_of(image))
        if (ours := told(found.document) if found else {}) != theirs:
            unlike.append((config, image, f"docker: {theirs}", f"weave: {ours}"))
    assert unlike == []
