"""Certificates for TLS tests, made on the spot."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

from weave_http.engine.address import TLSFiles
from weave_http.records import dataclass
from weave_http.sandbox import certs


@dataclass(frozen=True)
class Authority:
    """A certificate authority with a folder of its own."""

    folder: Path
    issued: certs.Issued

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    def issue(self, name: str, *, server: bool, hosts: tuple[str, ...] = (), days: int = 1) -> tuple[str, str]:
        """Return the files of a new certificate and of its key; negative days make an expired one."""
        issued = certs.issue(self.issued, name, server=server, hosts=hosts, valid=timedelta(days=days))
        cert, key = self.folder / f"{name}-cert.pem", self.folder / f"{name}-key.pem"
        cert.write_bytes(issued.certificate_pem())
        key.write_bytes(issued.key_pem())
        return str(cert), str(key)

    def server_context(self, cert: str, key: str) -> ssl.SSLContext:
        """Return what a daemon with `--tlsverify` does: TLS that demands a client certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.load_verify_locations(self.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass(frozen=True)
class Certificates:
    """A daemon's side and a client's side that trust each other, and a stranger."""

    authority: Authority
    stranger: Authority
    server: ssl.SSLContext
    client: TLSFiles
    stranger_client: TLSFiles
    expired_server: ssl.SSLContext
    other_name_server: ssl.SSLContext


def make_certificates(folder: Path) -> Certificates:
    """Make all of them in a folder."""
    authority, stranger = _authority(folder / "ours"), _authority(folder / "stranger")
    hosts = ("127.0.0.1", "localhost", "::1")
    server = authority.issue("server", server=True, hosts=hosts)
    client_cert, client_key = authority.issue("client", server=False)
    stranger_cert, stranger_key = stranger.issue("client", server=False)
    expired = authority.issue("expired", server=True, hosts=hosts, days=-1)
    other_name = authority.issue("other-name", server=True, hosts=("docker.example",))
    return Certificates(
        authority,
        stranger,
        authority.server_context(*server),
        TLSFiles(ca=authority.ca, cert=client_cert, key=client_key),
        TLSFiles(ca=authority.ca, cert=stranger_cert, key=stranger_key),
        authority.server_context(*expired),
        authority.server_context(*other_name),
    )


def _authority(folder: Path) -> Authority:
    folder.mkdir(parents=True)
    issued = certs.authority(f"CA {folder.name}")
    (folder / "ca.pem").write_bytes(issued.certificate_pem())
    return Authority(folder, issued)
