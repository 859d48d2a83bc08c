"""The Docker Engine API client: what is common to all calls.

`Engine` puts the version before every route, sends JSON, and turns error answers into exceptions. The calls themselves
are in `containers`, `execs`, `images`, `networks`, `volumes` and `system`, one method a call. `Transport` is the only
way out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property

from weave_http.closing import Closing
from weave_http.engine.containers import Containers
from weave_http.engine.error_bodies import problem, shorten
from weave_http.engine.errors import ProtocolError, TransportError, VersionError
from weave_http.engine.interactive import incoming
from weave_http.engine.version import Version, negotiated_version, pinned_version, version_text
from weave_http.engine.wire.contract import Duplex, Patience, Request, Response, Transport
from weave_http.hints import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from weave_http.engine.credentials import FindCredentials
    from weave_http.engine.execs import Execs
    from weave_http.engine.images import Images
    from weave_http.engine.networks import Networks
    from weave_http.engine.system import Ping, System
    from weave_http.engine.volumes import Volumes

_MAX_PROBLEM = 64 * 1024
"""Bytes read of an error's body."""

_SWITCHING = 101
_PROXIED = frozenset({"content-length", "transfer-encoding", "connection", "via"})
"""What tells an ordinary response, as a proxy makes one, from a daemon that switches without saying so."""

Query = tuple[tuple[str, str], ...]
_Kind = TypeVar("_Kind")
_JSON = (("Content-Type", "application/json"),)


class Engine(Closing):
    """A Docker daemon, spoken to over a transport.

    Several streams may be open at once, all in one thread. Use it with `with`, or call `close`.

    Args:
        transport: carries the requests.
        where: the daemon as a person knows it, for messages.
        api_version: pins the version; empty to negotiate it on the first call.
        credentials: finds the credentials for a registry, for pull, push and build; none are sent without it.

    Attributes:
        answered: the daemon has answered at least once, whatever it said.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        where: str = "the daemon",
        api_version: str = "",
        credentials: FindCredentials = lambda _registry: None,
    ) -> None:
        self.credentials = credentials
        self.answered = False
        self._transport = transport
        self._where = where
        self._pin = api_version
        self._version: Version | None = None
        self._said: Ping | None = None
        self.containers = Containers(self)

    @cached_property
    def execs(self) -> Execs:
        """The calls on commands in containers."""
        from weave_http.engine.execs import Execs

        return Execs(self)

    @cached_property
    def images(self) -> Images:
        """The calls on images."""
        from weave_http.engine.images import Images

        return Images(self)

    @cached_property
    def networks(self) -> Networks:
        """The calls on networks."""
        from weave_http.engine.networks import Networks

        return Networks(self)

    @cached_property
    def system(self) -> System:
        """The calls on the daemon itself."""
        from weave_http.engine.system import System

        return System(self)

    @cached_property
    def volumes(self) -> Volumes:
        """The calls on volumes."""
        from weave_http.engine.volumes import Volumes

        return Volumes(self)

    @property
    def where(self) -> str:
        """The daemon as a person knows it: address, and what chose it."""
        return self._where

    @property
    def api_version(self) -> Version:
        """The API version in use, as (1, 41); negotiated by `HEAD /_ping` when it is asked for first.

        Raises:
            VersionError: there is no version that both sides speak.
            TransportError: the daemon can't be reached.
        """
        if self._version is None:
            if self._pin:
                self._version = pinned_version(self._pin)
            else:
                self._version = negotiated_version(self.ping().api_version, self._where)
        return self._version

    def ping(self) -> Ping:
        """`HEAD /_ping`, or `GET` where a daemon or a proxy does not take that. It has no version in its path.

        Raises:
            VersionError: what answers is no Docker daemon.
            TransportError: nothing answers.
            APIError: the daemon refuses.
        """
        from weave_http.engine.system import Ping

        headers: Mapping[str, str] = {}
        for method in ("HEAD", "GET"):
            with self._transport.send(Request(method, "/_ping")) as response:
                self.answered = True
                body, headers = response.read(), response.headers
                if response.status < 300 and "api-version" in headers:
                    self._said = Ping(headers["api-version"], headers.get("ostype", ""), headers.get("server", ""))
                    return self._said
                if method == "GET" and response.status >= 300:
                    raise problem(response.status, headers, body, call="GET /_ping", where=self._where)
        server = headers.get("server", "")
        raise VersionError(
            f"{self._where} answers, but not as a Docker daemon does (no Api-Version)",
            hint=f"it calls itself {shorten(server, 60)}" if server else "",
        )

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman that answers; asked by `HEAD /_ping` if that was not done yet. Raises as `ping`."""
        return (self._said or self.ping()).is_podman

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        headers: Query = (),
        body: bytes | Iterable[bytes] | None = None,
        patience: Patience = Patience.QUICK,
        also: tuple[int, ...] = (),
    ) -> Response:
        """Send a request and return the open answer; an answer with an error status is raised.

        Args:
            path: the route without its version: `/containers/create`.
            also: statuses of 300 and more that are no errors of this call.

        Raises:
            EngineError: see `weave_http.engine.errors`.
        """
        request = Request(method, self._versioned(path), query, headers, body, patience)
        response = self._transport.send(request)
        self.answered = True
        try:
            self._check(response, request, also)
        except BaseException:
            response.close()
            raise
        return response

    def send_all(self, method: str, paths: Sequence[str], *, query: Query, patience: Patience) -> Sequence[Response]:
        """Send alike requests and return the open answers when all of them have begun; see `send`.

        Raises:
            EngineError: that of the first one that failed; all answers are closed then.
        """
        requests = [Request(method, self._versioned(path), query, patience=patience) for path in paths]
        with ExitStack() as on_failure:
            responses = self._transport.send_all(requests)
            self.answered = True
            for response in responses:
                on_failure.enter_context(response)
            for response, request in zip(responses, requests, strict=True):
                self._check(response, request)
            on_failure.pop_all()
            return responses

    def _versioned(self, path: str) -> str:
        return f"/v{version_text(self.api_version)}{path}"

    def _check(self, response: Response, request: Request, also: tuple[int, ...] = ()) -> None:
        """Raise an answer with an error status."""
        if response.status >= 300 and response.status not in also:
            raise problem(
                response.status, response.headers, _beginning(response.chunks()), call=request.call, where=self._where
            )

    def hijack(
        self,
        path: str,
        *,
        query: Query = (),
        value: Mapping[str, Any] | None = None,
        patience: Patience,
        any_version: bool = False,
    ) -> Duplex:
        """`POST` a request and return its connection; an answer with an error status is raised.

        Args:
            value: the JSON body. None for no body at all: some daemons take one for the first input.
            any_version: the call is the same in all versions. Where none was negotiated yet, the path has none: that is
                the daemon's newest.

        Raises:
            EngineError: see `weave_http.engine.errors`.
        """
        headers = _JSON if value is not None else ()
        body = json.dumps(value).encode() if value is not None else None
        versioned = path if any_version and not self._pin and self._version is None else self._versioned(path)
        request = Request("POST", versioned, query, headers, body, patience)
        duplex = self._transport.hijack(request)
        self.answered = True
        try:
            if duplex.status == _SWITCHING or (duplex.status < 300 and not _PROXIED & duplex.headers.keys()):
                return duplex
            if duplex.status < 300:
                raise ProtocolError(
                    f"{self._where} answered {request.call} with {duplex.status} where the connection was asked for",
                    hint="a proxy in between has to pass on `Upgrade: tcp`",
                )
            reason = _beginning(incoming(duplex))
            raise problem(duplex.status, duplex.headers, reason, call=request.call, where=self._where)
        except BaseException:
            duplex.close()
            raise

    def call(self, method: str, path: str, *, value: Mapping[str, Any] | None = None, **options: Any) -> bytes:
        """Send a request, with `value` as its JSON body if it is given, and return the whole body of the answer.

        Other options are those of `send`.
        """
        if value is not None:
            options |= {"body": json.dumps(value).encode(), "headers": (*options.get("headers", ()), *_JSON)}
        with self.send(method, path, **options) as response:
            return response.read()

    def call_json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Send a request as `call` does, and return the JSON object that is the answer.

        Raises:
            ProtocolError: the answer is something else.
        """
        return self._call_for(dict, "a JSON object", method, path, options)

    def call_list(self, method: str, path: str, **options: Any) -> list[dict[str, Any]]:
        """Send a request as `call` does, and return the list in JSON that is the answer.

        Raises:
            ProtocolError: the answer is something else.
        """
        return self._call_for(list, "a list in JSON", method, path, options)

    def _call_for(self, kind: type[_Kind], expected: str, method: str, path: str, options: Mapping[str, Any]) -> _Kind:
        content = self.call(method, path, **options)
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer, expected = None, "JSON"
        if isinstance(answer, kind):
            return answer
        shown = shorten(content.decode(errors="replace"), 80)
        raise ProtocolError(f"{self._where} answered {method} {path} with {shown!r} where {expected} was expected")

    def call_for_id(self, method: str, path: str, **options: Any) -> tuple[str, dict[str, Any]]:
        """Send a request that makes something; return its id, and the whole answer.

        Raises:
            ProtocolError: there is no id in the answer.
        """
        answer = self.call_json(method, path, **options)
        identity = answer.get("Id")
        if isinstance(identity, str) and identity.strip():
            return identity, answer
        raise ProtocolError(f"{self._where} answered {method} {path} without the id of what it made")

    def close(self) -> None:
        """Close all connections; streams that are still open end."""
        self._transport.close()


def _beginning(chunks: Iterable[bytes]) -> bytes:
    """Return the beginning of an error's body; that it breaks off takes nothing from the error."""
    body = b""
    try:
        for chunk in chunks:
            body += chunk
            if len(body) >= _MAX_PROBLEM:
                break
    except TransportError:
        pass
    return body[:_MAX_PROBLEM]
