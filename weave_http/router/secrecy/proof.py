"""How two routers prove to each other that they know one password. Sans-I/O: bytes in, bytes out.

The exchange is SPAKE2 on Ed25519 (package `spake2`), a key exchange made for passwords: who listens learns nothing
about the password, and who takes part, on either side, can try one guess in each run. It runs inside of TLS, and the
fingerprint of the listening side's certificate is part of it, so that nobody can stand in between: he would have to
show a certificate of his own, and the two sides would come to different keys.

Each side then confirms its key by an HMAC over all that was said. The side that dialled goes first: a stranger who
dials hears nothing that he could check a guess by before he has shown that his guess is right.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from spake2 import SPAKE2_A, SPAKE2_B
from spake2.spake2 import SPAKEError

from weave_http.router.mesh.fields import Malformed

MESSAGE_SIZE = 33
"""Bytes of what each side says first: a letter for the side, and a point of the curve."""
CONFIRMATION_SIZE = 32
_DIALLER, _LISTENER = b"weave-http 1 dialler", b"weave-http 1 listener"


class Proof:
    """One side of one run, with one password.

    Args:
        password: the guess.
        dialled: whether this side dialled.
        fingerprint: SHA-256 of the listening side's certificate.
        run: number of this run on the connection.

    Attributes:
        message: what to send first.
    """

    def __init__(self, password: str, *, dialled: bool, fingerprint: bytes, run: int) -> None:
        side = SPAKE2_A if dialled else SPAKE2_B
        self._me, self._other = (_DIALLER, _LISTENER) if dialled else (_LISTENER, _DIALLER)
        self._context = fingerprint + bytes((run,))
        self._exchange = side(password.encode(), idA=_DIALLER, idB=_LISTENER + self._context)
        self.message: bytes = self._exchange.start()
        self._key = b""

    def finish(self, theirs: bytes) -> Proof:
        """Take in what the other side sent first; return this side.

        Raises:
            Malformed: it is none of the messages that there are.
        """
        try:
            self._key = self._exchange.finish(theirs)
        except (SPAKEError, ValueError, AssertionError) as error:
            raise Malformed("something else where a key exchange belongs") from error
        messages = sorted((self.message, theirs))  # side A's first
        self._context += b"".join(messages)
        return self

    def confirmation(self, *, counts: bool) -> bytes:
        """Return what proves that we came to the key.

        Args:
            counts: whether the password lets the other side in.
        """
        return self._mac(self._me, counts)

    def confirms(self, theirs: bytes, *, counts: bool) -> bool:
        """Return whether the other side came to the same key; arguments as it said them."""
        return hmac.compare_digest(theirs, self._mac(self._other, counts))

    def _mac(self, side: bytes, counts: bool) -> bytes:
        return hmac.digest(self._key, side + bytes((counts,)) + self._context, sha256)
