"""What can go wrong between a caller and a Docker daemon.

The tree::

    EngineError                 (weave_http.errors; exit 125)
    ├── EndpointError           the address or its TLS files make no endpoint; nothing was sent
    ├── InvalidReference        an id, name or image reference that makes no route; nothing was sent
    ├── TransportError          no usable HTTP answer came
    │   ├── Unreachable         refused, no socket, no permission, unknown host
    │   ├── TLSFailure          certificates, or TLS spoken to a plain port and the other way round
    │   ├── TimedOut            no answer within the time-out of its kind of call
    │   └── ProtocolError       garbage, a truncated body, a connection closed midway
    ├── VersionError            no API version that both sides speak
    ├── APIError                the daemon answered with a status of 300 or more
    │   ├── NotFound            404
    │   ├── Conflict            409
    │   └── …
    └── StreamError             a 200 whose stream carries the failure (pull, load, a daemon-error frame)

Adapters raise `TransportError`s only, `from` their library's exception; nothing of httpx or requests leaks.
"""

from __future__ import annotations

from weave_http.errors import EngineError


class EndpointError(EngineError):
    """The endpoint's description is wrong or incomplete; nothing was sent."""


class InvalidReference(EngineError):
    """An id, a name or an image reference is empty or malformed; nothing was sent.

    Sent all the same, `POST /containers//start` would be redirected to another route.
    """


class TransportError(EngineError):
    """No usable HTTP answer came from the endpoint."""


class Unreachable(TransportError):
    """No connection: refused, no socket file, no permission, unknown host."""


class TLSFailure(TransportError):
    """TLS could not be set up, or only one of the two sides speaks it."""


class TimedOut(TransportError):
    """No answer within the time-out of this kind of call."""


class ProtocolError(TransportError):
    """The answer is not HTTP, or ended before its time."""


class VersionError(EngineError):
    """Client and daemon have no API version in common."""


class APIError(EngineError):
    """The daemon answered with an error status.

    Args:
        status: HTTP status code, 300 to 599.
        message: the daemon's own words, as one line.
        call: method and path, as `POST /containers/create`.
    """

    def __init__(self, status: int, message: str, *, call: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.call = call


class NotFound(APIError):
    """404: no such container, image, volume or route."""


class Conflict(APIError):
    """409: the name is taken (500 from Podman), or the object's state forbids the call."""


class StreamError(EngineError):
    """A stream that began well reported a failure, or broke its own framing."""


_BY_STATUS: dict[int, type[APIError]] = {404: NotFound, 409: Conflict}


def api_error(status: int, message: str, *, call: str = "") -> APIError:
    """Return the most specific `APIError` for a status code."""
    return _BY_STATUS.get(status, APIError)(status, message, call=call)
