"""No connection, or none that TLS works on: one line that names the endpoint, why it was chosen, and what to do."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.engine.certificates import Certificates
from tests.engine.conftest import HASTY
from tests.fake_engine import FakeEngine, Recorded, Reply
from weave_http.engine import Endpoint, Engine, TLSFiles, Transport, connect
from weave_http.engine.errors import (
    EndpointError,
    ProtocolError,
    TimedOut,
    TLSFailure,
    TransportError,
    Unreachable,
)
from weave_http.engine.wire.by_httpx import HttpxTransport
from weave_http.engine.wire.by_requests import RequestsTransport
from weave_http.engine.wire.failures import connect_failure
from weave_http.engine.wire.pool import WireTransport
from weave_http.engine.wire.tls import shared_context
from weave_http.errors import EngineError, ExitCode
from weave_http.records import replace

Opener = Callable[..., Transport]

# requests-unixsocket leaves a socket that found no connection to the interpreter, which warns.
leaving = pytest.param(RequestsTransport, marks=pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))
over_unix = pytest.mark.parametrize("opener", [leaving, WireTransport])
over_tcp = pytest.mark.parametrize("opener", [HttpxTransport, WireTransport])


def failure(opener: Opener, endpoint: Endpoint, kind: type[EngineError]) -> str:
    """Return the one line with which a first call fails."""
    with pytest.raises(kind) as raised, Engine(opener(endpoint, HASTY), where=str(endpoint)) as engine:
        engine.system.info()
    text = str(raised.value)
    assert raised.value.exit_code == ExitCode.ENGINE
    raised.value.__cause__ = raised.value.__context__ = raised.value.__traceback__ = None
    del raised
    gc.collect()
    assert "\n" not in text
    assert endpoint.url in text
    assert f"({endpoint.source})" in text
    return text


def unix(path: Path) -> Endpoint:
    return Endpoint("unix", path=str(path), source="DOCKER_HOST")


def tcp(port: int, tls: TLSFiles | None = None, host: str = "127.0.0.1") -> Endpoint:
    return Endpoint("tcp", host=host, port=port, tls=tls, source="DOCKER_HOST")


@contextlib.contextmanager
def listener(serve: Callable[[socket.socket], None] | None) -> Iterator[int]:
    """Listen on a port and treat one connection; None leaves it unaccepted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = None
        if serve is not None:

            def run() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        sock, _ = server.accept()
                        with sock:
                            serve(sock)

            thread = threading.Thread(target=run)
            thread.start()
        yield server.getsockname()[1]
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
    if thread is not None:
        thread.join(10)


# -- no connection -----------------------------------------------------------------------------------------


@over_unix
def test_no_socket_file(opener: Opener, socket_path: Path) -> None:
    text = failure(opener, unix(socket_path), Unreachable)
    assert "there is no such socket; is Docker running there?" in text


@over_unix
def test_a_socket_that_nobody_listens_on(opener: Opener, socket_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(socket_path))
    assert "connection refused; is Docker running and listening there?" in failure(
        opener, unix(socket_path), Unreachable
    )


@over_unix
def test_a_file_that_is_no_socket(opener: Opener, socket_path: Path) -> None:
    socket_path.write_text("")
    assert "no Docker daemon at" in failure(opener, unix(socket_path), Unreachable)


@over_unix
def test_no_permission_for_the_socket(opener: Opener, socket_path: Path) -> None:
    with FakeEngine(socket_path) as fake:
        os.chmod(socket_path, 0)
        if root := os.geteuid() == 0:  # who may open anything
            os.chown(socket_path.parent, 65534, -1)
            os.seteuid(65534)
        try:
            text = failure(opener, fake.endpoint, Unreachable)
        finally:
            if root:
                os.seteuid(0)
    assert "no permission to use unix://" in text
    assert "run as root or as a member of the group docker" in text


@over_tcp
def test_a_port_that_nobody_listens_on(opener: Opener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "connection refused; is Docker running and listening there?" in failure(opener, tcp(port), Unreachable)


@over_tcp
def test_an_unknown_host_name(opener: Opener) -> None:
    assert "can't be resolved" in failure(opener, tcp(2375, host="no-such-host.invalid"), Unreachable)


@over_tcp
def test_a_host_that_drops_packets(opener: Opener) -> None:
    # A full queue of connections that nobody accepts drops the next one, as a firewall would.
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        with contextlib.ExitStack() as fillers:
            for _ in range(4):
                filler = fillers.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            text = failure(opener, tcp(port), TimedOut)
    assert "within 2 s; is the address right, and no firewall between?" in text


def test_other_system_errors_are_told_in_the_system_s_words() -> None:
    error = connect_failure(OSError(113, "No route to host"), tcp(2375), 1)
    assert str(error) == "no connection to tcp://127.0.0.1:2375 (DOCKER_HOST): No route to host"


# -- TLS ---------------------------------------------------------------------------------------------------


@over_tcp
def test_tls_spoken_to_a_plain_port(opener: Opener, certificates: Certificates) -> None:
    def bad_request(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request"
        )

    with listener(bad_request) as port:
        text = failure(opener, tcp(port, certificates.client), TLSFailure)
    assert "does not speak TLS; a port without TLS (usually 2375) needs DOCKER_TLS_VERIFY unset" in text


@over_tcp
def test_plain_http_spoken_to_a_tls_port(opener: Opener, certificates: Certificates) -> None:
    with FakeEngine(tls=certificates.server) as fake:
        text = failure(opener, fake.endpoint, ProtocolError)
    assert "if it is a TLS port (usually 2376), set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH" in text


@over_tcp
def test_plain_http_spoken_to_a_tls_port_of_go(opener: Opener) -> None:
    def refuse(_request: Recorded, reply: Reply) -> None:
        reply.send(400, b"Client sent an HTTP request to an HTTPS server.\n")

    with FakeEngine() as fake:
        fake.on("HEAD", "/_ping", refuse)
        fake.on("GET", "/_ping", refuse)
        text = failure(opener, fake.endpoint, TLSFailure)
    assert "speaks TLS and was spoken to without; set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH" in text


@over_tcp
def test_a_daemon_of_another_authority(opener: Opener, certificates: Certificates) -> None:
    with FakeEngine(tls=certificates.server) as fake:
        strangers_view = replace(certificates.client, ca=certificates.stranger.ca)
        text = failure(opener, tcp(fake.endpoint.port, strangers_view), TLSFailure)
    assert "is not to be trusted" in text
    assert "ca.pem in DOCKER_CERT_PATH" in text


@over_tcp
def test_a_daemon_whose_certificate_has_expired(opener: Opener, certificates: Certificates) -> None:
    with FakeEngine(tls=certificates.expired_server) as fake:
        text = failure(opener, tcp(fake.endpoint.port, certificates.client), TLSFailure)
    assert "certificate has expired" in text


@over_tcp
def test_a_daemon_whose_certificate_is_for_another_name(opener: Opener, certificates: Certificates) -> None:
    with FakeEngine(tls=certificates.other_name_server) as fake:
        text = failure(opener, tcp(fake.endpoint.port, certificates.client), TLSFailure)
    assert "IP address mismatch" in text


def test_without_verification_any_certificate_will_do(certificates: Certificates) -> None:
    unverified = replace(certificates.client, verify=False, ca="")
    with (
        FakeEngine(tls=certificates.other_name_server, client_tls=unverified) as fake,
        connect(fake.endpoint) as engine,
    ):
        assert engine.system.info()["ID"] == "FAKE"


@over_tcp
@pytest.mark.parametrize("which", ["none", "stranger"])
def test_a_daemon_that_does_not_accept_our_certificate(opener: Opener, certificates: Certificates, which: str) -> None:
    client = certificates.stranger_client if which == "stranger" else replace(certificates.client, cert="", key="")
    with FakeEngine(tls=certificates.server) as fake:
        text = failure(opener, tcp(fake.endpoint.port, client), TLSFailure)
    assert "does not accept the client certificate" in text


@over_tcp
def test_a_tls_handshake_that_hangs(opener: Opener) -> None:
    with listener(None) as port:
        text = failure(opener, tcp(port, TLSFiles(verify=False)), TimedOut)
    assert "did not finish the TLS handshake within 2 s; is it a port without TLS?" in text


@over_tcp
@pytest.mark.parametrize("read", [1, 65536], ids=["reset", "closed"])
def test_a_tls_handshake_that_is_cut_off(opener: Opener, read: int) -> None:
    def cut(sock: socket.socket) -> None:
        sock.recv(read)

    with listener(cut) as port:
        assert "closed the connection during the TLS handshake" in failure(
            opener, tcp(port, TLSFiles(verify=False)), TLSFailure
        )


def _with_file(files: TLSFiles, which: str, path: str) -> TLSFiles:
    named = {"ca": files.ca, "cert": files.cert, "key": files.key, which: path}
    return TLSFiles(ca=named["ca"], cert=named["cert"], key=named["key"])


@over_tcp
@pytest.mark.parametrize("broken", ["ca", "cert", "key"])
def test_tls_files_that_are_missing_or_garbage(
    opener: Opener, certificates: Certificates, tmp_path: Path, broken: str
) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("not a certificate")
    for path in (garbage, tmp_path / "missing.pem"):
        endpoint = tcp(1, _with_file(certificates.client, broken, str(path)))
        with pytest.raises(EndpointError) as raised:
            opener(endpoint)
        assert str(path) in str(raised.value)
        assert "can't be used" in str(raised.value)
        assert "[SSL]" not in str(raised.value)


@over_tcp
@pytest.mark.parametrize(
    "endpoint",
    [
        Endpoint("tcp", host="a..b", port=1),
        Endpoint("tcp", host="a" * 70, port=1),
        Endpoint("tcp", host="127.0.0.1", port=1, base_path="/日本"),
    ],
    ids=["an empty label", "a long label", "a path that is not encoded"],
)
def test_an_address_that_can_not_be_written_on_the_wire(opener: Opener, endpoint: Endpoint) -> None:
    with pytest.raises(EndpointError, match="is no address that can be connected to"):
        opener(endpoint)


@over_tcp
def test_a_key_that_does_not_fit_its_certificate(opener: Opener, certificates: Certificates) -> None:
    with pytest.raises(EndpointError, match="key values mismatch"):
        opener(tcp(1, replace(certificates.client, key=certificates.stranger_client.key)))


@over_tcp
def test_a_key_that_is_encrypted_asks_nobody(opener: Opener, certificates: Certificates, tmp_path: Path) -> None:
    key = serialization.load_pem_private_key(Path(certificates.client.key).read_bytes(), None)
    encrypted = tmp_path / "key.pem"
    encryption = serialization.BestAvailableEncryption(b"secret")
    encrypted.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    with pytest.raises(EndpointError, match="the key is encrypted"):
        opener(tcp(1, replace(certificates.client, key=str(encrypted))))


def test_connections_after_the_first_go_on_with_its_session(certificates: Certificates) -> None:
    def wire(fake: FakeEngine) -> Engine:
        return connect(fake.endpoint, transport="wire")

    with FakeEngine(tls=certificates.server, client_tls=certificates.client) as fake, wire(fake) as engine:
        engine.system.info()
        streams = [engine.system.events() for _ in range(5)]
        assert (fake.connections, fake.resumed) == (5, 4)
        for stream in streams:
            stream.close()
    with FakeEngine(tls=certificates.server, client_tls=certificates.client) as fake, wire(fake) as engine:
        engine.system.info()
        assert fake.connections - fake.resumed == 1, "another client has a session of its own"


def test_many_hosts_share_the_reading_of_tls_files_until_these_change(
    certificates: Certificates, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(Path(certificates.authority.ca).read_text())
    hosts = [tcp(port, replace(certificates.client, ca=str(ca))) for port in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        shared = {*pool.map(shared_context, hosts)}
    assert len(shared) == 1
    assert shared_context(tcp(1, certificates.client)) not in shared, "other files"
    ca.write_text(Path(certificates.stranger.ca).read_text())
    assert shared_context(hosts[0]) not in shared, "a new authority"
    ca.unlink()
    with pytest.raises(EndpointError, match="the TLS files"):
        shared_context(hosts[0])


@over_tcp
def test_a_host_name_that_is_not_ascii_is_looked_up_as_what_it_stands_for(opener: Opener) -> None:
    assert "can't be resolved" in failure(opener, tcp(2375, host="日本.invalid"), Unreachable)


@over_tcp
def test_a_context_without_tls_files_is_told_to_get_some(opener: Opener, certificates: Certificates) -> None:
    with FakeEngine(tls=certificates.server) as fake:
        endpoint = replace(fake.endpoint, source="context 'c', from --context")
        text = failure(opener, endpoint, ProtocolError)
    assert "give the context its TLS files: docker context update NAME --docker host=tcp://…,ca=" in text
    assert "DOCKER_" not in text


@over_tcp
def test_a_context_with_tls_files_for_a_plain_port_is_told_to_drop_them(
    opener: Opener, certificates: Certificates
) -> None:
    with listener(lambda sock: sock.sendall(sock.recv(65536)[:0] + b"HTTP/1.0 400 Bad Request\r\n\r\n")) as port:
        endpoint = replace(tcp(port, certificates.client), source="context 'c', from --context")
        assert failure(opener, endpoint, TLSFailure).endswith("(usually 2375) needs a context without TLS files")


# -- what answers is no daemon -------------------------------------------------------------------------------


@over_tcp
def test_something_else_listens_there(opener: Opener) -> None:
    with listener(lambda sock: sock.sendall(b"220 mail.example ESMTP\r\n")) as port:
        text = failure(opener, tcp(port), TransportError)
    assert "HEAD /_ping" in text
