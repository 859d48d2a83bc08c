"""Opening channels: unix sockets and TCP, with TLS or without. The one that goes through ssh is in `ssh`."""

from __future__ import annotations

import contextlib
import socket
import struct

from weave_http.engine.address import Endpoint
from weave_http.engine.errors import EndpointError
from weave_http.engine.wire.channel import Channel, Deadline
from weave_http.engine.wire.contract import Timeouts
from weave_http.hints import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl

    from weave_http.engine.wire.tls import TLSRecords


class Dial(Protocol):
    """Opens channels to one endpoint."""

    parallel: int
    """How many to open at the same time, where many are wanted."""

    def open(self) -> Channel:
        """Return a new channel; raises `TransportError` or `EndpointError`."""
        ...

    def explained(self) -> contextlib.AbstractContextManager[object]:
        """Return what a request is sent in: it may know better why there is no response."""
        ...

    def close(self) -> None:
        """End what is left of the channels. Idempotent."""
        ...


def dial(endpoint: Endpoint, timeouts: Timeouts) -> Dial:
    """Return what opens channels to an endpoint.

    Raises:
        EndpointError: its TLS files can't be used.
    """
    if endpoint.scheme == "ssh":
        from weave_http.engine.wire.ssh import SSHDial

        return SSHDial(endpoint)
    return SocketDial(endpoint, timeouts)


class SocketDial:
    """Implements `Dial` for `unix://` and `tcp://`."""

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts) -> None:
        check_writable(endpoint)
        self._endpoint = endpoint
        self._timeouts = timeouts
        # A handshake takes a while, connecting to a unix socket takes none.
        self.parallel = 16 if endpoint.scheme == "tcp" else 1
        self._context = None
        self._last: TLSRecords | None = None
        self._session: ssl.SSLSession | None = None
        if endpoint.tls is not None:
            from weave_http.engine.wire.tls import shared_context

            self._context = shared_context(endpoint)

    def open(self) -> Channel:
        """Return a new channel, TLS included."""
        try:
            sock = open_socket(self._endpoint, self._timeouts)
            try:
                return self._begun(sock)
            except BaseException:
                sock.close()
                raise
        except OSError as error:
            # Imported late: it knows of TLS, and importing that takes 20 ms.
            from weave_http.engine.wire.failures import connect_failure

            raise connect_failure(error, self._endpoint, self._timeouts.connect) from error

    def _begun(self, sock: socket.socket) -> Channel:
        if self._context is None:
            return Channel(sock)
        from weave_http.engine.wire.tls import TLSRecords

        # Going on with an earlier connection's session, neither side sends or checks certificates again, nor signs:
        # that is most of a handshake.
        if self._session is None and self._last is not None:
            self._session = self._last.session
        records = TLSRecords(self._context, self._endpoint.host, self._session)
        channel = Channel(sock, records)
        try:
            channel.shake_hands(Deadline(None, self._timeouts.connect))
        except TimeoutError as error:
            raise TimeoutError("the handshake operation timed out") from error
        self._last = records
        return channel

    def explained(self) -> contextlib.AbstractContextManager[object]:
        """Return nothing that helps: an error says it all."""
        return contextlib.nullcontext()

    def close(self) -> None:
        """Do nothing: a channel is closed with its socket."""


def check_writable(endpoint: Endpoint) -> None:
    """Check that an address can be written on the wire.

    Raises:
        EndpointError: it can't.
    """
    try:
        endpoint.base_path.encode("ascii")
        if endpoint.host:  # a socket has none, and the codec takes a while to load
            # What `socket` does with a name; its own words for a failure are about codecs.
            endpoint.host.encode("idna")
    except UnicodeError as error:
        raise EndpointError(f"{endpoint} is no address that can be connected to: {_reason(error)}") from error


def _reason(error: UnicodeError) -> str:
    return str(error.__cause__ or error).split(": ")[-1]


def open_socket(endpoint: Endpoint, timeouts: Timeouts) -> socket.socket:
    """Connect to an endpoint, without TLS; the socket's time-out is that for connecting.

    Raises:
        OSError: there is no connection to be had.
    """
    if endpoint.scheme == "tcp":
        sock = socket.create_connection((endpoint.host, endpoint.port), timeouts.connect)
        for option in (*keepalive_options(timeouts.probe), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)):
            sock.setsockopt(*option)
        return sock
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Where many connect at once there may be no room for one more; only a socket that blocks waits for it.
        whole, part = divmod(timeouts.connect, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(whole), int(part * 1e6)))
        try:
            sock.connect(endpoint.path)
        except BlockingIOError as error:
            raise TimeoutError("no room for one more connection") from error
        sock.settimeout(timeouts.connect)
    except BaseException:
        sock.close()
        raise
    return sock


_KEEPIDLE: int = getattr(socket, "TCP_KEEPIDLE", 0) or getattr(socket, "TCP_KEEPALIVE", 0)
"""As Linux calls it, or macOS."""


def keepalive_options(idle: int) -> list[tuple[int, int, int]]:
    """Return socket options by which a peer that is gone without a word is found out.

    Args:
        idle: seconds of silence before the first probe; four unanswered ones, 10 s apart, end the connection.
    """
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, _KEEPIDLE, idle),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    ]
