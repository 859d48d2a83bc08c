"""Certificates for the hosts' daemons and their clients, as `dockerd --tlsverify` wants them.

One authority a sandbox, one client certificate, one server certificate a host. P-256 keys: made in a millisecond.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = datetime.timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def authority(subject: str) -> Issued:
    """Return a new self-signed certificate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(subject, _name(subject), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return Issued(builder.sign(key, hashes.SHA256()), key)


def _issue(ca: Issued, subject: str, purpose: x509.ObjectIdentifier, names: list[x509.GeneralName]) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    builder = (
        _builder(subject, ca.certificate.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(signer, critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Issued(builder.sign(ca.key, hashes.SHA256()), key)


def client(ca: Issued) -> Issued:
    """Return a certificate with which a client passes `--tlsverify`."""
    return _issue(ca, "client", ExtendedKeyUsageOID.CLIENT_AUTH, [])


def server(ca: Issued, name: str, address: str) -> Issued:
    """Return a certificate for one host's daemon.

    Args:
        ca: who signs it.
        name: host name.
        address: IPv4 address on the LAN; the loopback address is added.
    """
    names: list[x509.GeneralName] = [x509.DNSName(name), x509.DNSName("localhost")]
    names += [x509.IPAddress(ipaddress.ip_address(text)) for text in (address, "127.0.0.1")]
    return _issue(ca, name, ExtendedKeyUsageOID.SERVER_AUTH, names)


def write(path: Path, content: bytes) -> None:
    """Write a file that only root may read, whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    new.replace(path)


def ensure_authority(directory: Path, client_directory: Path) -> Issued:
    """Return the sandbox's authority, made at the first call together with the client's files.

    Args:
        directory: where the authority's own key is kept.
        client_directory: gets `ca.pem`, `cert.pem` and `key.pem`, the names that DOCKER_CERT_PATH implies.
    """
    key_file = directory / "ca-key.pem"
    ca_file = client_directory / "ca.pem"
    if key_file.exists():  # written last
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and ca_file.exists():
            return Issued(x509.load_pem_x509_certificate(ca_file.read_bytes()), key)
    client_directory.mkdir(mode=0o700, exist_ok=True)
    ca = authority("weave sandbox")
    own = client(ca)
    write(ca_file, ca.certificate_pem())
    write(client_directory / "cert.pem", own.certificate_pem())
    write(client_directory / "key.pem", own.key_pem())
    write(key_file, ca.key_pem())
    return ca
