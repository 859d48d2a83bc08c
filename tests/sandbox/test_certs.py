"""Certificates: both sides of a handshake are checked, in memory."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest

from weave_http.sandbox import certs


def files(directory: Path, issued: certs.Issued) -> tuple[Path, Path]:
    directory.mkdir()
    (directory / "cert.pem").write_bytes(issued.certificate_pem())
    (directory / "key.pem").write_bytes(issued.key_pem())
    return directory / "cert.pem", directory / "key.pem"


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(6):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    sides[1].write(b"hello")
    assert sides[0].read(5) == b"hello"


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    ca = certs.ensure_authority(tmp_path, tmp_path / "tls")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*files(tmp_path / "server", certs.host_certificate(ca, "host1", "10.1.2.3")))
    server.load_verify_locations(tmp_path / "tls" / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    return server, client


@pytest.mark.parametrize("name", ["10.1.2.3", "127.0.0.1", "host1", "localhost"])
def test_a_host_is_known_by_its_name_and_addresses(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], tmp_path: Path, name: str
) -> None:
    server, client = contexts
    client.load_cert_chain(tmp_path / "tls" / "cert.pem", tmp_path / "tls" / "key.pem")

    handshake(server, client, name)


def test_another_name_is_refused(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(*contexts, "10.1.2.4")


def test_a_client_without_a_certificate_is_refused(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with pytest.raises(ssl.SSLError, match="did not return a certificate"):
        handshake(*contexts, "host1")


def test_a_server_certificate_does_not_serve_a_client(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], tmp_path: Path
) -> None:
    server, client = contexts
    client.load_cert_chain(tmp_path / "server" / "cert.pem", tmp_path / "server" / "key.pem")

    with pytest.raises(ssl.SSLError):
        handshake(server, client, "host1")


def test_the_authority_is_made_once(tmp_path: Path) -> None:
    first = certs.ensure_authority(tmp_path, tmp_path / "tls")

    assert certs.ensure_authority(tmp_path, tmp_path / "tls").certificate_pem() == first.certificate_pem()


def test_an_authority_cut_short_is_made_anew_with_all_its_files(tmp_path: Path) -> None:
    certs.ensure_authority(tmp_path, tmp_path / "tls")
    (tmp_path / "ca-key.pem").unlink()
    before = (tmp_path / "tls" / "cert.pem").read_bytes()

    certs.ensure_authority(tmp_path, tmp_path / "tls")

    assert (tmp_path / "tls" / "cert.pem").read_bytes() != before


def test_only_root_reads_the_keys(tmp_path: Path) -> None:
    certs.ensure_authority(tmp_path, tmp_path / "tls")

    assert stat.S_IMODE((tmp_path / "ca-key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tls" / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
