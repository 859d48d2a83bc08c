"""What an error means to a person: one line with the endpoint, why it was chosen, and what to do.

All transports share these words; an error is the operating system's, OpenSSL's or the parser's. What a package wraps
them in, `packages` takes off.
"""

from __future__ import annotations

import errno
import socket
import ssl

from weave_http.engine.address import Endpoint
from weave_http.engine.endpoint import tls_folder, use_no_tls, use_tls
from weave_http.engine.errors import (
    EndpointError,
    ProtocolError,
    TimedOut,
    TLSFailure,
    TransportError,
    Unreachable,
)
from weave_http.engine.wire.contract import Request
from weave_http.engine.wire.http1 import CutShort

_NOT_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}
)


def connect_failure(error: Exception, endpoint: Endpoint, timeout: float) -> TransportError:
    """Return what to raise when no connection came to be.

    Args:
        error: what went wrong.
        timeout: seconds that were allowed for connecting.
    """
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(
            f"no Docker daemon at {endpoint}: connection refused", hint="is Docker running and listening there?"
        )
    if isinstance(error, ConnectionError | ssl.SSLEOFError) and endpoint.tls:
        return TLSFailure(
            f"{endpoint} closed the connection during the TLS handshake",
            hint=f"a port without TLS (usually 2375) {use_no_tls(str(endpoint))}",
        )
    if isinstance(error, ssl.SSLError):
        return _tls_failure(error, endpoint)
    if isinstance(error, TimeoutError) and "handshake" in str(error):
        return TimedOut(
            f"{endpoint} did not finish the TLS handshake within {timeout:g} s", hint="is it a port without TLS?"
        )
    if isinstance(error, TimeoutError):
        return TimedOut(
            f"no connection to {endpoint} within {timeout:g} s", hint="is the address right, and no firewall between?"
        )
    if isinstance(error, FileNotFoundError):
        return Unreachable(f"no Docker daemon at {endpoint}: there is no such socket", hint="is Docker running there?")
    if isinstance(error, PermissionError):
        return Unreachable(f"no permission to use {endpoint}", hint="run as root or as a member of the group docker")
    if isinstance(error, socket.gaierror):
        return Unreachable(f"the host name of {endpoint} can't be resolved: {error.strerror}")
    return Unreachable(f"no connection to {endpoint}: {_words(error)}")


def exchange_failure(
    error: Exception, endpoint: Endpoint, request: Request, *, answered: bool, timeout: float | None
) -> TransportError:
    """Return what to raise when a connection there was, but no whole response.

    Args:
        error: what went wrong.
        answered: whether the response's head had come already.
        timeout: seconds of silence that were allowed, None for any.
    """
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _tls_failure(error, endpoint)
    if isinstance(error, TimeoutError):
        if timeout is None or error.errno == errno.ETIMEDOUT:
            return TimedOut(f"the connection to {endpoint} is dead (during {request.call})")
        return TimedOut(
            f"{endpoint} was silent for {timeout:g} s during {request.call}", hint="the daemon hangs or is overloaded"
        )
    if isinstance(error, OSError | CutShort):
        when = "in the middle of its answer to" if answered else "without an answer to"
        return ProtocolError(
            f"{endpoint} closed the connection {when} {request.call}", hint=_maybe_tls(endpoint, answered)
        )
    what = "broke off HTTP in its answer to" if answered else "did not answer in HTTP to"
    return ProtocolError(
        f"{endpoint} {what} {request.call}", hint=_maybe_tls(endpoint, answered) or "is it a Docker daemon?"
    )


def overdue(endpoint: Endpoint, request: Request, limit: float) -> TimedOut:
    """Return what to raise when bytes come, but not the end of the answer.

    Args:
        limit: seconds that the whole call was allowed.
    """
    return TimedOut(
        f"{endpoint} did not finish its answer to {request.call} within {limit:g} s",
        hint="the daemon or the way to it is overloaded",
    )


def too_large(endpoint: Endpoint, request: Request, limit: int) -> ProtocolError:
    """Return what to raise when an answer that is read whole is larger than any honest one.

    Args:
        limit: bytes that it may have.
    """
    return ProtocolError(
        f"the answer of {endpoint} to {request.call} is larger than {limit >> 20} MiB", hint="is it a Docker daemon?"
    )


def no_tls_context(error: Exception, endpoint: Endpoint) -> EndpointError:
    """Return what to raise when certificate files can't be used."""
    files = endpoint.tls
    named = ", ".join(path for path in (files.ca, files.cert, files.key) if path) if files else ""
    return EndpointError(f"the TLS files for {endpoint} can't be used ({named}): {_words(error)}")


def _maybe_tls(endpoint: Endpoint, answered: bool) -> str:
    if endpoint.scheme != "tcp" or endpoint.tls or answered:
        return ""
    return f"if it is a TLS port (usually 2376), {use_tls(str(endpoint))}"


def _tls_failure(error: ssl.SSLError, endpoint: Endpoint) -> TransportError:
    reason, folder = error.reason or "", tls_folder(str(endpoint))
    if isinstance(error, ssl.SSLCertVerificationError):
        return TLSFailure(
            f"the certificate of {endpoint} is not to be trusted: {error.verify_message or _words(error)}",
            hint=f"is ca.pem in {folder} that of this daemon, and the host name one of its certificate?",
        )
    if reason in _NOT_TLS:
        return TLSFailure(
            f"{endpoint} does not speak TLS", hint=f"a port without TLS (usually 2375) {use_no_tls(str(endpoint))}"
        )
    if "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT")):
        return TLSFailure(
            f"{endpoint} does not accept the client certificate: {reason.lower().replace('_', ' ')}",
            hint=f"cert.pem and key.pem in {folder} must be issued by the daemon's authority",
        )
    return TLSFailure(f"TLS with {endpoint} failed: {_words(error)}")


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError) and "PEM lib" in str(error):
        return "no certificate or key in PEM form"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
