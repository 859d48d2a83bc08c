"""Certificates for TLS tests, made on the spot."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from weave_http.engine.endpoint import TLSFiles


@dataclass(frozen=True)
class Authority:
    """A certificate authority with a folder of its own."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    def issue(self, name: str, *, server: bool, hosts: tuple[str, ...] = (), days: int = 1) -> tuple[str, str]:
        """Return the files of a new certificate and of its key; negative days make an expired one."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = _builder(name, self.certificate.subject, key, days).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        certificate = builder.sign(self.key, hashes.SHA256())
        return _write(self.folder / f"{name}-cert.pem", certificate), _write_key(self.folder / f"{name}-key.pem", key)

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
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA {folder.name}")])
    certificate = (
        _builder(f"CA {folder.name}", subject, key, 1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / "ca.pem", certificate)
    return Authority(folder, key, certificate)


def _builder(name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _write(path: Path, certificate: x509.Certificate) -> str:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return str(path)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> str:
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(path)
