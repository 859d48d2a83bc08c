"""TLS: the SSL context of an endpoint, and TLS without any I/O.

A hijacked connection is closed in one direction while the other goes on: that is how a container's stdin ends. With TLS
that is a close_notify alert; `socket.shutdown` below TLS would be a cut connection to the daemon, and
`SSLSocket.unwrap` insists on the peer's alert and takes output that is under way for a violation of the protocol. With
memory BIOs the alert is just bytes to be sent.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading

from weave_http.engine.address import Endpoint, TLSFiles
from weave_http.engine.wire.failures import no_tls_context

_PIECE = 65536


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return an SSL context for an endpoint.

    Raises:
        EndpointError: a certificate file is missing, not PEM, or does not fit its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    files = endpoint.tls
    if files is None:
        return context
    try:
        if not files.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif files.ca:
            context.load_verify_locations(files.ca)
        else:
            context.load_default_certs()
        if files.cert:
            context.load_cert_chain(files.cert, files.key or None, _no_passphrase)
    except (OSError, ValueError) as error:
        raise no_tls_context(error, endpoint) from error
    return context


_lock = threading.Lock()
_shared: dict[TLSFiles, tuple[object, ssl.SSLContext]] = {}
"""By what it is made of: the state of the files, and the context."""


def shared_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return an SSL context for an endpoint, the same for all with the same files: to make one takes a millisecond.

    Files that have changed since are read again. Whoever gets it doesn't change it.

    Raises:
        EndpointError: see `tls_context`.
    """
    files = endpoint.tls or TLSFiles()
    with _lock:
        try:
            found = [os.stat(path) for path in (files.ca, files.cert, files.key) if path]
        except (OSError, ValueError):
            return tls_context(endpoint)  # it says what is amiss
        state = [(each.st_dev, each.st_ino, each.st_size, each.st_mtime_ns) for each in found]
        known, context = _shared.get(files, (None, None))
        if context is None or known != state:
            context = tls_context(endpoint)
            _shared[files] = state, context
        return context


def server_context(cert: str, key: str, ca: str) -> ssl.SSLContext:
    """Return an SSL context for a daemon's side.

    Args:
        cert: path of its certificate, PEM.
        key: of the certificate's key.
        ca: of the authority whose certificates clients have to show; empty for clients that show none.

    Raises:
        OSError: a file can't be read, or is not PEM, or does not fit the others.
        ValueError: the key is encrypted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key, _no_passphrase)
    if ca:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_passphrase() -> str:
    """Refuse a key that is encrypted, where OpenSSL would ask the terminal."""
    raise ValueError("the key is encrypted; write it without a passphrase: openssl pkey -in key.pem -out plain.pem")


class TLSRecords:
    """TLS between plain bytes on one side and bytes of the connection on the other.

    Args:
        context: certificates and what to check.
        host: the daemon's name, which its certificate has to have; None for the daemon's own side.
        session: of an earlier connection, to go on with; None for a new one.
    """

    def __init__(self, context: ssl.SSLContext, host: str | None, session: ssl.SSLSession | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=host is None, server_hostname=host, session=session
        )
        self.ended = False
        """Whether the other side has said that nothing more will come."""

    @property
    def session(self) -> ssl.SSLSession | None:
        """What later connections can go on with; None before the daemon has sent a ticket."""
        try:
            session = self._tls.session
        except ValueError:  # another thread is just receiving it
            return None
        return session if session is not None and session.has_ticket else None

    def shake_hands(self) -> bool:
        """Go on with the handshake; return whether it is complete. `outgoing` has what is to be sent either way.

        Raises:
            ssl.SSLError: the two don't come together.
        """
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def feed(self, data: bytes) -> None:
        """Take what came over the connection; `b""` is its end."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def outgoing(self) -> bytes:
        """Return what is to be sent over the connection."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def decrypt(self) -> bytes:
        """Return the plain bytes that are complete.

        Raises:
            ssl.SSLError: the stream is damaged, or was cut without a close_notify.
        """
        pieces = []
        while not self.ended:
            try:
                piece = self._tls.read(_PIECE)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                piece = b""
            self.ended = not piece
            pieces.append(piece)
            # What OpenSSL has left is less than a record: asking again would raise.
            if piece and not self._incoming.pending and not self._incoming.eof and not self._tls.pending():
                break
        return b"".join(pieces)

    def encrypt(self, data: bytes) -> bytes:
        """Return what carries plain bytes over the connection."""
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]
        return self._outgoing.read()

    def finish(self) -> bytes:
        """Return the close_notify alert: nothing more will be sent, but what comes is still read.

        All that was fed has to be decrypted before: OpenSSL looks for the other side's alert at once, and must not
        find output in its place.
        """
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            self._tls.unwrap()
        return self._outgoing.read()
