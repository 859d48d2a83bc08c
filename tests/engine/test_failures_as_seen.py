"""What a user sees of a daemon that fails: the real `weave` command, its one line and its exit code."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.certificates import Certificates
from tests.engine.conftest import SSHD
from tests.engine.sshd import SSHServer
from tests.engine.test_failures import listener
from tests.fake_engine import FakeEngine, Recorded, Reply, frame
from tests.prefork import run_weave
from weave_http import constants
from weave_http.engine import Endpoint
from weave_http.records import dataclass, replace

IMPATIENT = """
import sys
from weave_http.engine.wire.contract import Timeouts
Timeouts()  # `__init__` is made for the first one
Timeouts.__init__.__defaults__ = (2.0, 2.0, 2.0, 4.0, 30)
from weave_http.__main__ import main
sys.exit(main())
"""
"""The command with time-outs of two seconds, for daemons that hang."""

Handler = Callable[[Recorded, Reply], None]


def weave(endpoint: Endpoint, *, hasty: bool = False, printed: str = "") -> str:
    """Run `weave ps`, which has to fail, and return the one line that it prints."""
    options = ["--host", endpoint.url]
    if endpoint.tls:
        options += ["--tlsverify", "--tlscacert", endpoint.tls.ca]
        options += ["--tlscert", endpoint.tls.cert, "--tlskey", endpoint.tls.key] if endpoint.tls.cert else []
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "WEAVE_"))}
    if hasty:
        command = [sys.executable, "-c", IMPATIENT, *options, "ps"]
        done = subprocess.run(command, capture_output=True, timeout=60, env=environ, check=False)
    else:
        done = run_weave([*options, "ps"], environ, timeout=60)
    assert done.returncode == 125, done.stderr
    assert done.stdout.decode() == printed
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("weave: ")
    assert line.isprintable()
    assert len(line) < 700
    return line


@dataclass(frozen=True)
class Way:
    """A fake daemon and the address that a user gives."""

    fake: FakeEngine
    endpoint: Endpoint


@pytest.fixture(params=["unix", "tcp", "tls", "ssh", SSHD])
def way(request: pytest.FixtureRequest, socket_path: Path, certificates: Certificates) -> Iterator[Way]:
    if request.param == "tls":
        fake = FakeEngine(tls=certificates.server, client_tls=certificates.client)
    else:
        fake = FakeEngine(None if request.param == "tcp" else socket_path)
    endpoint = fake.endpoint
    if request.param == "ssh":
        endpoint = request.getfixturevalue("ssh_here")(str(socket_path))
    elif request.param == "sshd":
        server: SSHServer = request.getfixturevalue("ssh")
        endpoint = server.endpoint(str(socket_path))
    fake.images[constants.DEFAULT_IMAGE] = {"Id": "sha256:1"}
    with fake:
        yield Way(fake, endpoint)


def says(*pieces: bytes) -> Handler:
    """Return what answers with raw bytes and hangs up."""

    def handle(_request: Recorded, reply: Reply) -> None:
        for piece in pieces:
            reply.raw(piece)
        reply.close()

    return handle


HEAD = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n"
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

FAILURES: dict[str, tuple[Handler, str]] = {
    "closes": (says(), r"{url} \(--host\) closed the connection without an answer to {call}"),
    # http.client, below requests, takes a head that was cut off for a whole one; then its content is missed.
    "closes within the head": (
        says(b"HTTP/1.1 200 O"),
        r"{url} \(--host\) (closed the connection without an answer|answers, but not as|answered {call} with '' where)",
    ),
    "garbage": (
        says(b"220 mail.example ESMTP\r\n"),
        r"{url} \(--host\) (did not answer in HTTP|closed the connection without an answer) to {call}",
    ),
    "redirects": (
        lambda _request, reply: reply.send(301, Location="https://elsewhere/"),
        r"answered {call} with 301 Moved Permanently to 'https://elsewhere/', which is not followed",
    ),
    "an error in plain text": (
        lambda _request, reply: reply.send(500, b"the disk\nis full\n"),
        r"^weave: the disk is full$",
    ),
    "an error without a word": (
        lambda _request, reply: reply.send(503),
        r"answered {call} with 503 Service Unavailable and no reason",
    ),
    "a proxy's page": (
        lambda _request, reply: reply.send(502, PAGE, "text/html"),
        r"^weave: not the daemon but a proxy or web server answered: 502 Bad Gateway$",
    ),
}
"""What goes wrong, and the line: `{url}` and `{call}` stand for endpoint and call."""

BODIES: dict[str, tuple[Handler, str]] = {
    "closes midway": (
        says(HEAD, b'Content-Length: 100\r\n\r\n{"Id": "'),
        r"{url} \(--host\) closed the connection in the middle of its answer to {call}",
    ),
    "half a chunk": (
        says(HEAD, b'Transfer-Encoding: chunked\r\n\r\n40\r\n{"Id"'),
        r"{url} \(--host\) closed the connection in the middle of its answer to {call}",
    ),
    "garbage between chunks": (
        says(HEAD, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
        r"{url} \(--host\) (broke off HTTP|closed the connection) in (its answer|the middle of its answer) to {call}",
    ),
    "no JSON": (
        says(HEAD, b"Content-Length: 7\r\n\r\nwelcome"),
        r"{url} \(--host\) answered {call} with 'welcome' where JSON was expected",
    ),
}
"""As above, for calls whose answer has a body."""


def expect(line: str, pattern: str, way: Way, call: str) -> None:
    assert re.search(pattern.format(url=re.escape(way.endpoint.url), call=re.escape(call)), line), line


@pytest.mark.parametrize("what", FAILURES)
def test_a_first_call_that_fails(way: Way, what: str) -> None:
    handler, pattern = FAILURES[what]
    for method in ("HEAD", "GET"):
        way.fake.on(method, "/_ping", handler)
    # A ping that is refused is tried again with GET, whose answer has words.
    asked_again = what not in ("closes", "closes within the head", "garbage")
    expect(weave(way.endpoint), pattern, way, "GET /_ping" if asked_again else "HEAD /_ping")


@pytest.mark.parametrize("what", [*FAILURES, *BODIES])
def test_a_call_that_fails(way: Way, what: str) -> None:
    handler, pattern = (FAILURES | BODIES)[what]
    way.fake.on("POST", "/containers/create", handler)
    expect(weave(way.endpoint), pattern, way, "POST /containers/create")
    assert way.fake.calls()[-1] == "POST /containers/create", "nothing is tried again or followed"


@pytest.mark.parametrize(
    ("answer", "words", "printed"),
    [
        (frame(1, b"half an answ")[:12], "the output stream was cut off, 8 bytes short", "half"),
        (b"no frames", "the output stream is not multiplexed: a frame begins with 6e 6f 20", ""),
        (frame(3, b"the driver\nfailed"), "the daemon broke off the output: the driver failed", ""),
    ],
)
def test_output_that_fails(way: Way, answer: bytes, words: str, printed: str) -> None:
    def attach(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/vnd.docker.raw-stream", chunked=False)
        reply.more(answer)

    way.fake.on("POST", "/containers/[^/]+/attach", attach)
    assert words in weave(way.endpoint, printed=printed)
    assert way.fake.containers == {}, "the executor's container is removed all the same"


def test_a_wait_that_a_proxy_cuts_is_told_in_the_proxy_s_words(way: Way) -> None:
    def cut(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        reply.more(b"upstream timed out\n")
        reply.end()

    way.fake.on("POST", "/containers/[^/]+/wait", cut)
    assert "ended without an exit code: 'upstream timed out'" in weave(way.endpoint)


def test_a_daemon_that_hangs(way: Way) -> None:
    way.fake.on("HEAD", "/_ping", lambda _request, reply: reply.wait(way.fake.closing))
    line = weave(way.endpoint, hasty=True)
    expect(line, r"{url} \(--host\) was silent for 2 s during {call}; the daemon hangs", way, "HEAD /_ping")


def test_a_daemon_of_another_world(way: Way) -> None:
    for method in ("HEAD", "GET"):
        way.fake.on(method, "/_ping", lambda _request, reply: reply.send(200, b"welcome", Server="nginx/1.0"))
    line = weave(way.endpoint)
    assert line.endswith("answers, but not as a Docker daemon does (no Api-Version); it calls itself nginx/1.0")


def test_nobody_is_there(socket_path: Path) -> None:
    assert "there is no such socket; is Docker running there?" in weave(Endpoint("unix", path=str(socket_path)))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "connection refused; is Docker running" in weave(Endpoint("tcp", host="127.0.0.1", port=port))


def test_the_wrong_certificate(certificates: Certificates) -> None:
    with FakeEngine(tls=certificates.server, client_tls=certificates.client) as fake:
        stranger = replace(certificates.client, ca=certificates.stranger.ca)
        assert "is not to be trusted: " in weave(replace(fake.endpoint, tls=stranger))
        assert "does not accept the client certificate: " in weave(
            replace(fake.endpoint, tls=certificates.stranger_client)
        )
    for server, words in (
        (certificates.expired_server, "certificate has expired"),
        (certificates.other_name_server, "IP address mismatch"),
    ):
        with FakeEngine(tls=server, client_tls=certificates.client) as fake:
            assert words in weave(fake.endpoint)


def test_http_spoken_to_https_and_the_other_way_round(certificates: Certificates) -> None:
    with FakeEngine(tls=certificates.server) as fake:
        assert "if it is a TLS port (usually 2376), set DOCKER_TLS_VERIFY=1" in weave(fake.endpoint)
    refusal = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    with listener(lambda sock: sock.sendall(sock.recv(65536)[:0] + refusal)) as port:
        assert "speaks TLS and was spoken to without" in weave(Endpoint("tcp", host="127.0.0.1", port=port))
    with listener(lambda sock: sock.sendall(sock.recv(65536)[:0] + refusal)) as port:
        line = weave(Endpoint("tcp", host="127.0.0.1", port=port, tls=certificates.client))
        assert "does not speak TLS" in line
        assert "a port without TLS (usually 2375) needs DOCKER_TLS_VERIFY unset" in line


def test_ssh_that_does_not_get_through(ssh: SSHServer) -> None:
    line = weave(ssh.endpoint("/no/where.sock"))
    assert f"no Docker daemon at ssh://127.0.0.1:{ssh.port}/no/where.sock (--host): Cannot connect" in line
