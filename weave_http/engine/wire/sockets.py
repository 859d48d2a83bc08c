"""Connections as the operating system gives them: unix sockets and TCP."""

from __future__ import annotations

import socket
from collections.abc import Callable

from weave_http.engine.endpoint import Endpoint
from weave_http.engine.wire.common import Timeouts, keepalive_options

Dial = Callable[[], socket.socket]
"""Opens a connection to the endpoint; raises `OSError` or `TransportError`."""


def dialler(endpoint: Endpoint, timeouts: Timeouts) -> Dial:
    """Return what opens a connection to an endpoint, without TLS."""

    def dial() -> socket.socket:
        return open_socket(endpoint, timeouts)

    return dial


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
        sock.settimeout(timeouts.connect)
        sock.connect(endpoint.path)
    except BaseException:
        sock.close()
        raise
    return sock
