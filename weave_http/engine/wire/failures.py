"""What a library's exception means to a person: one line with the endpoint, why it was chosen, and what to do.

All adapters share these words. An exception is judged by the operating system's or OpenSSL's error at its bottom, which
is the same under every library, and only then by the library's own.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

from weave_http.engine.endpoint import Endpoint
from weave_http.engine.errors import (
    EndpointError,
    ProtocolError,
    TimedOut,
    TLSFailure,
    TransportError,
    Unreachable,
)
from weave_http.engine.wire.base import Request

_CUT_NAMES = frozenset({"CutShort", "IncompleteRead", "RemoteDisconnected"})
_CUT_TEXTS = ("Server disconnected", "peer closed connection", "peer unexpectedly closed")
_NOT_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}
)
_USE_TLS = "if it is a TLS port (usually 2376), set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps: causes, contexts, and the exceptions among its arguments."""
    seen: set[int] = set()
    queue: list[BaseException] = [error]
    while queue:
        current = queue.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        queue += [cause for cause in inner if isinstance(cause, BaseException)]


def _os_error(error: BaseException) -> OSError | None:
    """Return the most telling system error in the chain: OpenSSL's before a time-out's before any other."""
    found = [cause for cause in causes(error) if isinstance(cause, OSError)]
    for kind in (ssl.SSLError, TimeoutError):
        for cause in found:
            if isinstance(cause, kind):
                return cause
    # The innermost one is the system's own; those above are re-raised with less in them.
    return next((cause for cause in reversed(found) if cause.errno is not None), found[-1] if found else None)


def connect_failure(error: BaseException, endpoint: Endpoint, timeout: float) -> TransportError:
    """Return what to raise when no connection came to be.

    Args:
        error: the library's exception.
        timeout: seconds that were allowed for connecting.
    """
    cause = _os_error(error)
    if isinstance(cause, ConnectionRefusedError):
        return Unreachable(
            f"no Docker daemon at {endpoint}: connection refused", hint="is Docker running and listening there?"
        )
    if isinstance(cause, ConnectionError | ssl.SSLEOFError) and endpoint.tls:
        return TLSFailure(
            f"{endpoint} closed the connection during the TLS handshake",
            hint="a port without TLS (usually 2375) needs DOCKER_TLS_VERIFY unset",
        )
    if isinstance(cause, ssl.SSLError):
        return _tls_failure(cause, endpoint)
    if isinstance(cause, TimeoutError) and "handshake" in str(cause):
        return TimedOut(
            f"{endpoint} did not finish the TLS handshake within {timeout:g} s", hint="is it a port without TLS?"
        )
    if isinstance(cause, TimeoutError):
        return TimedOut(
            f"no connection to {endpoint} within {timeout:g} s", hint="is the address right, and no firewall between?"
        )
    if isinstance(cause, FileNotFoundError):
        return Unreachable(f"no Docker daemon at {endpoint}: there is no such socket", hint="is Docker running there?")
    if isinstance(cause, PermissionError):
        return Unreachable(f"no permission to use {endpoint}", hint="run as root or as a member of the group docker")
    if isinstance(cause, socket.gaierror):
        return Unreachable(f"the host name of {endpoint} can't be resolved: {cause.strerror}")
    return Unreachable(f"no connection to {endpoint}: {_words(cause or error)}")


def exchange_failure(
    error: BaseException, endpoint: Endpoint, request: Request, *, answered: bool, timeout: float | None
) -> TransportError:
    """Return what to raise when a connection there was, but no whole answer.

    Args:
        error: the library's exception.
        answered: whether the answer's head had come already.
        timeout: seconds of silence that were allowed, None for any.
    """
    cause = _os_error(error)
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _tls_failure(cause, endpoint)
    if isinstance(cause, TimeoutError):
        if timeout is None or cause.errno == errno.ETIMEDOUT:
            return TimedOut(f"the connection to {endpoint} is dead (during {request.call})")
        return TimedOut(
            f"{endpoint} was silent for {timeout:g} s during {request.call}", hint="the daemon hangs or is overloaded"
        )
    if cause is not None or _is_cut(error):
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


def _is_cut(error: BaseException) -> bool:
    return any(
        type(cause).__name__ in _CUT_NAMES or any(text in str(cause) for text in _CUT_TEXTS) for cause in causes(error)
    )


def _maybe_tls(endpoint: Endpoint, answered: bool) -> str:
    return _USE_TLS if endpoint.scheme == "tcp" and not endpoint.tls and not answered else ""


def _tls_failure(error: ssl.SSLError, endpoint: Endpoint) -> TransportError:
    reason = error.reason or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TLSFailure(
            f"the certificate of {endpoint} is not to be trusted: {error.verify_message or _words(error)}",
            hint="is ca.pem in DOCKER_CERT_PATH that of this daemon, and the host name one of its certificate?",
        )
    if reason in _NOT_TLS:
        return TLSFailure(
            f"{endpoint} does not speak TLS", hint="a port without TLS (usually 2375) needs DOCKER_TLS_VERIFY unset"
        )
    if "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT")):
        return TLSFailure(
            f"{endpoint} does not accept the client certificate: {reason.lower().replace('_', ' ')}",
            hint="cert.pem and key.pem in DOCKER_CERT_PATH must be issued by the daemon's authority",
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
