"""Certificates for the hosts' daemons and their clients, as `dockerd --tlsverify` wants them.

One authority a sandbox, one client certificate, one server certificate a host. P-256 keys: made in a millisecond.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from weave_http import atomic
from weave_http.records import dataclass

VALID = datetime.timedelta(days=3650)
SINCE = datetime.timedelta(days=2)
"""Certificates are valid from before now: clocks differ."""


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


def _builder(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, valid: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SINCE)
        .not_valid_after(now + valid)
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
        _builder(subject, _name(subject), key.public_key(), VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return Issued(builder.sign(key, hashes.SHA256()), key)


def issue(
    ca: Issued, subject: str, *, server: bool, hosts: Sequence[str] = (), valid: datetime.timedelta = VALID
) -> Issued:
    """Return a new certificate, for one end of a connection.

    Args:
        ca: who signs it.
        subject: common name.
        server: for a daemon; otherwise for a client.
        hosts: names and addresses by which a client may call a server.
        valid: how long from now; less than nothing makes an expired one.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    builder = (
        _builder(subject, ca.certificate.subject, key.public_key(), valid)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(signer, critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return Issued(builder.sign(ca.key, hashes.SHA256()), key)


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def host_certificate(ca: Issued, name: str, address: str) -> Issued:
    """Return the certificate of one host's daemon: for its name and its IPv4 address on the LAN, and for loopback."""
    return issue(ca, name, server=True, hosts=(name, "localhost", address, "127.0.0.1"))


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
    own = issue(ca, "client", server=False)
    for file, content in (
        (ca_file, ca.certificate_pem()),
        (client_directory / "cert.pem", own.certificate_pem()),
        (client_directory / "key.pem", own.key_pem()),
        (key_file, ca.key_pem()),
    ):
        atomic.write(file, content, mode=0o600)
    return ca
