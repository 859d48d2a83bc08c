"""Where the proxy listens by TCP: what flags and the daemon's TLS make of it, and how strangers fare."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from tests.proxy.test_connection import GET, OK, PATIENCE, FakeHome, got
from weave_http.addresses import parse_ip
from weave_http.engine.wire.tls import server_context
from weave_http.errors import HostError, UsageError
from weave_http.host.daemon_tls import context_of, daemons_files, files_for, flags_of
from weave_http.operations.flags import BY_NAME
from weave_http.proxy.listening import Files, Listening, decided, listening_of, warning
from weave_http.proxy.server import MOST_HANDSHAKES, Server
from weave_http.proxy.settings import Settings
from weave_http.sandbox import certs

ANY = str(IPv4Address(0))
EVERYWHERE = ((parse_ip(ANY), 12375),)
HERE = ((parse_ip("127.0.0.1"), 12375), (parse_ip("::1"), 1))
DAEMONS = Files("/d/cert", "/d/key", "/d/ca")
MINE = {"tlscacert": "/ca", "tlscert": "/cert", "tlskey": "/key"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tcp://10.0.0.1:1", [("10.0.0.1", 1)]),
        ("tcp://10.0.0.1", [("10.0.0.1", 12375)]),
        ("tcp://:7", [(ANY, 7)]),
        ("tcp://", [(ANY, 12375)]),
        ("tcp://[fd00::1]:7", [("fd00::1", 7)]),
        ("tcp://[fd00::1]", [("fd00::1", 12375)]),
        ("unix:///var/run/weave/weave.sock,tcp://127.0.0.1:7", [("127.0.0.1", 7)]),
    ],
)
def test_an_address_may_be_short(text: str, found: list[tuple[str, int]]) -> None:
    assert [(str(address), port) for address, port in BY_NAME["H"].read(text)] == found


@pytest.mark.parametrize("text", ["", "10.0.0.1", "tcp://host:1", "unix:///x.sock", "tcp://1.2.3.4:0", "fd://", "tcp"])
def test_what_is_no_tcp_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="invalid -H"):
        BY_NAME["H"].read(text)


@pytest.mark.parametrize(
    ("values", "daemons", "files"),
    [
        ({}, DAEMONS, DAEMONS),
        ({"tlsverify": True}, DAEMONS, DAEMONS),
        ({"tlsverify": True, **MINE}, None, Files("/cert", "/key", "/ca")),
        ({"tlscacert": "/ca"}, DAEMONS, Files("/d/cert", "/d/key", "/ca")),
        ({"tlsverify": True, "no-detect-tls": True, **MINE}, None, Files("/cert", "/key", "/ca")),
        ({"tls": True, "insecure": True}, DAEMONS, Files("/d/cert", "/d/key")),
        ({"insecure": True}, Files("/d/cert", "/d/key"), Files("/d/cert", "/d/key")),
        ({"no-detect-tls": True, "insecure": True}, None, None),
        ({"insecure": True}, None, None),
        ({"H": HERE}, None, None),
        ({"H": HERE}, DAEMONS, DAEMONS),
    ],
)
def test_clients_show_a_certificate_of_the_daemons_authority_or_it_was_said_twice(
    values: dict[str, Any], daemons: Files | None, files: Files | None
) -> None:
    asked = listening_of({"H": EVERYWHERE, **values})
    found = decided(asked, daemons)
    assert found == files
    assert bool(warning(asked, found)) == (files is None or not files.ca)


@pytest.mark.parametrize(
    ("values", "daemons", "said"),
    [
        ({}, None, "whoever reaches 0.0.0.0 would rule this host"),
        ({}, Files("/d/cert", "/d/key"), "would rule this host"),
        ({"tls": True}, DAEMONS, "would rule this host"),
        ({"no-detect-tls": True}, None, "would rule this host"),
        ({"tlsverify": True}, None, "name no TLS files"),
        ({"tlsverify": True, "tlscert": "/cert", "tlskey": "/key"}, Files("/d/cert", "/d/key"), "name no TLS files"),
    ],
)
def test_what_would_let_strangers_in_is_refused(values: dict[str, Any], daemons: Files | None, said: str) -> None:
    with pytest.raises(HostError, match=said):
        decided(listening_of({"H": EVERYWHERE, **values}), daemons)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tlsverify": True}, "--tlsverify has no effect without an address"),
        ({"H": EVERYWHERE, "tlscert": "/c"}, "go together"),
        ({"H": EVERYWHERE, "no-detect-tls": True, "tlsverify": True}, "expected --tlscacert, --tlscert and --tlskey"),
        ({"H": EVERYWHERE, "proxy": False}, "no effect with --proxy=false"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        listening_of(values)


def test_a_daemon_s_command_line_says_how_it_speaks_tls() -> None:
    words = ["-H", "fd://", "--tlsverify", "--tlscacert", "/a", "--tlscert=/b", "--debug", "--tls=false"]
    assert flags_of(words) == {"tlsverify": True, "tlscacert": "/a", "tlscert": "/b", "tls": False}


class Processes:
    """A /proc in which there are daemons.

    Args:
        folder: empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._namespaces = [folder / "first", folder / "second"]
        for each in self._namespaces:
            each.touch()
        self.add(1, "init")

    def add(self, pid: int, *words: str, host: bool = True, variables: str = "") -> Path:
        """Add a process and return its root folder."""
        process = self.folder / str(pid)
        (process / "ns").mkdir(parents=True)
        os.link(self._namespaces[not host], process / "ns" / "pid")
        (process / "cmdline").write_bytes("\0".join((*words, "")).encode())
        (process / "environ").write_text(variables)
        (process / "root" / "etc" / "docker").mkdir(parents=True)
        return process / "root"


@pytest.mark.parametrize(
    ("words", "config", "variables", "found"),
    [
        ([], {}, "", None),
        ([], {"tls": False}, "", None),
        (["--tlsverify"], {}, "HOME=/me\0", ("/me/.docker/cert.pem", "/me/.docker/key.pem", "/me/.docker/ca.pem")),
        (["--tls"], {}, "DOCKER_CERT_PATH=/c\0", ("/c/cert.pem", "/c/key.pem", "")),
        (
            ["--tlskey", "/k"],
            {"tlsverify": True, "tlscacert": "/a", "tlscert": "/b", "tlskey": "/x"},
            "",
            ("/b", "/k", "/a"),
        ),
        ([], {"tlsverify": False, "tlscert": "/b", "tlskey": "/k"}, "", ("/b", "/k", "")),
    ],
)
def test_the_host_s_own_daemon_says_what_tls_is_spoken_with(
    tmp_path: Path, words: list[str], config: dict[str, Any], variables: str, found: tuple[str, str, str] | None
) -> None:
    there = Processes(tmp_path)
    inner = there.add(
        50, "dockerd", "--tlsverify", "--tlscacert=/in", "--tlscert=/a", "--tlskey=/container", host=False
    )
    root = there.add(60, "/usr/bin/dockerd", *words, variables=variables)
    (root / "etc" / "docker" / "daemon.json").write_text(json.dumps(config))
    expected = Files(*(f"{root}{path}" if path else "" for path in found)) if found else None
    assert inner.exists()
    assert daemons_files(tmp_path) == expected


def test_files_that_can_not_be_read_are_named(tmp_path: Path) -> None:
    Processes(tmp_path)
    assert daemons_files(tmp_path) is None
    files = files_for(Listening(HERE, True, False, "", "/cert", "/key"), str(tmp_path))
    assert files == Files(f"{tmp_path}/1/root/cert", f"{tmp_path}/1/root/key")
    with pytest.raises(HostError, match=r"TLS file .*/1/root/cert: No such file or directory"):
        context_of(files)
    for name in ("cert", "key"):
        (tmp_path / "1" / "root" / name).write_text("no PEM")
    with pytest.raises(HostError, match="can't be used"):
        context_of(files)


class Stranger:
    """A proxy behind TLS, and clients with and without a certificate.

    Args:
        folder: for certificates.
    """

    def __init__(self, folder: Path) -> None:
        ca = certs.ensure_authority(folder, folder / "client")
        mine = certs.host_certificate(ca, "localhost", "127.0.0.1")
        (folder / "cert.pem").write_bytes(mine.certificate_pem())
        (folder / "key.pem").write_bytes(mine.key_pem())
        self._folder = folder
        self.home = FakeHome()
        self.server = Server(self.home, Settings())
        ca_file = str(folder / "client" / "ca.pem")
        context = server_context(str(folder / "cert.pem"), str(folder / "key.pem"), ca_file)
        self.port = self.server.listen_tcp("127.0.0.1", 0, context)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def speak_tls(self, *, certificate: bool) -> ssl.SSLSocket:
        client = self._folder / "client"
        context = ssl.create_default_context(cafile=str(client / "ca.pem"))
        if certificate:
            context.load_cert_chain(client / "cert.pem", client / "key.pem")
        return context.wrap_socket(self.connect(), server_hostname="localhost")


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Stranger]:
    made = Stranger(tmp_path)
    yield made
    made.server.stop()
    made.home.near.close()
    made.home.daemon.close()


def ask(stranger: Stranger, *, certificate: bool) -> bytes:
    """Send a request over TLS, and return the first byte of what comes."""
    with stranger.speak_tls(certificate=certificate) as client:
        client.sendall(GET)
        return client.recv(1)


def test_a_client_with_a_certificate_speaks_to_the_daemon(stranger: Stranger) -> None:
    with stranger.speak_tls(certificate=True) as client:
        client.sendall(GET)
        assert got(stranger.home.daemon, len(GET)) == GET
        stranger.home.daemon.sendall(OK)
        assert got(client, len(OK)) == OK


def test_one_without_learns_why_and_the_daemon_hears_nothing(stranger: Stranger) -> None:
    with pytest.raises(OSError, match=r"CERTIFICATE_REQUIRED|reset"):
        ask(stranger, certificate=False)
    with stranger.connect() as plain:
        plain.sendall(GET)
        assert plain.recv(15) == b"HTTP/1.1 400 Ba"
    stranger.home.daemon.setblocking(False)
    with pytest.raises(BlockingIOError):
        stranger.home.daemon.recv(1)


def test_those_who_begin_and_say_nothing_do_not_keep_others_out_for_good(stranger: Stranger) -> None:
    silent = [stranger.connect() for _ in range(MOST_HANDSHAKES + 5)]
    late = silent[-1]
    assert late.recv(1) == b""
    for each in silent:
        each.close()
    for _ in range(100):
        try:
            with stranger.speak_tls(certificate=True) as client:
                client.sendall(GET)
                assert got(stranger.home.daemon, len(GET)) == GET
                return
        except OSError:
            continue
    pytest.fail("nobody gets in any more")
