"""What is made of keys: X25519 and HKDF, as `cryptography` has them.

WireGuard mixes a secret of the two ends into each session beside their keys. Ours comes from a second pair of keys a
router, which is in its memory alone and new every so often: who gets hold of a device's key is shut out by the next
change, and a change ends no session, so that nothing is lost by it.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from weave_http.net.wireguard import KEY

_PURPOSE = b"weave-http tunnel 1"


@lru_cache(maxsize=16)
def public_key(private: bytes) -> bytes:
    """Return the public key of a private one, both 32 bytes."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


@lru_cache(maxsize=8192)
def shared_secret(private: bytes, public: bytes, one: bytes, other: bytes) -> bytes:
    """Return the secret of two hosts, 32 bytes, the same at both.

    Args:
        private: our key for that.
        public: the other host's.
        one: public key of a tunnel's end.
        other: that of its other end; which is which makes no difference.

    Raises:
        ValueError: the other host's key is none, on which nothing can be agreed.
    """
    agreed = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    return HKDF(SHA256(), KEY, None, _PURPOSE + min(one, other) + max(one, other)).derive(agreed)
