"""The certificate of a router: made at its start, signed by itself, and kept in memory alone.

It says nothing about who a router is. What it is good for is that its fingerprint is part of the proof of the password
(`weave_http.router.secrecy.proof`): who has proved it over a TLS connection is the one at the end of that connection.
"""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_LIFE = timedelta(days=36500)
"""Nobody looks at it; some libraries refuse what has no end."""


class Certificate(NamedTuple):
    """A certificate.

    Attributes:
        fingerprint: SHA-256 of it.
        server: the TLS settings of the side that listens.
    """

    fingerprint: bytes
    server: ssl.SSLContext


def make() -> Certificate:
    """Return a new certificate with a new key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    then = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(then)
        .not_valid_after(then + _LIFE)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # each connection shows the certificate anew
    # OpenSSL reads keys from files only: this one is in memory, and gone when it is closed.
    with os.fdopen(os.memfd_create("certificate"), "wb") as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
    return Certificate(sha256(certificate.public_bytes(Encoding.DER)).digest(), context)


def client() -> ssl.SSLContext:
    """Return the TLS settings of the side that dials: any certificate will do, for now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
