"""The router's HTTP API, on the loopback interface of its host: what the executor and `curl` talk to.

Whoever reaches it rules the router, so a browser must not be made to: requests with an `Origin`, or for a `Host` other
than this one, are refused.
"""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from aiohttp import web

from weave_http import __version__
from weave_http.errors import HostError, WeaveError
from weave_http.router.state import is_container_id, parse_addresses

_LARGEST_BODY = 256 * 1024
_TIMEOUT = 30.0
_SHUTDOWN = 0.3

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control(Protocol):
    """What the API lets others do; every failure is a `WeaveError`."""

    @property
    def ready(self) -> bool: ...
    @property
    def attachments(self) -> dict[str, list[str]]: ...
    def status(self, section: str) -> str | None: ...
    def report(self) -> dict[str, object]: ...
    async def connect(self, peers: list[str], *, replace: bool) -> list[str]: ...
    async def forget(self, peers: list[str]) -> None: ...
    async def set_attachment(self, container: str, addresses: tuple[str, ...]) -> None: ...
    async def delete_attachment(self, container: str) -> None: ...
    async def leave(self) -> None: ...


class Api:
    """The HTTP server.

    Args:
        control: does what is asked for.
        host: loopback address to listen on.
        port: TCP port.
        more: routes that others serve.
    """

    def __init__(self, control: Control, host: str, port: int, *, more: Iterable[web.RouteDef] = ()) -> None:
        self._control = control
        self._host = host
        self._port = port
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/status", self._status),
                web.get("/status/{section}", self._status),
                web.get("/report", self._report),
                web.get("/version", self._version),
                web.post("/connect", self._connect),
                web.post("/forget", self._forget),
                web.get("/attachments", self._attachments),
                web.put("/attachment/{container}", self._set_attachment),
                web.delete("/attachment/{container}", self._delete_attachment),
                web.delete("/peer", self._leave),
                *more,
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN, keepalive_timeout=15)

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            HostError: the port is taken.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port, reuse_address=True).start()
        except OSError as error:
            where = f"{self._host}:{self._port}"
            if error.errno == errno.EADDRINUSE:
                raise HostError(
                    f"TCP port {self._port} is taken on this host", hint="another router runs there"
                ) from error
            raise HostError(f"can't listen on {where}: {error.strerror}") from error

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.host.rpartition(":")[0] or request.host
        if name not in {self._host, "127.0.0.1", "localhost"} or "Origin" in request.headers:
            raise web.HTTPForbidden(text="this API is for programs on this host only\n")
        if not self._control.ready and request.path != "/version":
            raise web.HTTPServiceUnavailable(text="the router is not ready yet\n")
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await handler(request)
        except WeaveError as error:
            raise web.HTTPInternalServerError(text=f"{error}\n") from error
        except TimeoutError as error:
            raise web.HTTPRequestTimeout(text=f"not done within {_TIMEOUT:.0f} s\n") from error

    async def _status(self, request: web.Request) -> web.Response:
        text = self._control.status(request.match_info.get("section", ""))
        if text is None:
            raise web.HTTPNotFound(
                text="no such section; there are targets, connections, peers and, unless switched off, dns\n"
            )
        return web.Response(text=text)

    async def _report(self, request: web.Request) -> web.Response:
        return web.json_response(self._control.report())

    async def _version(self, request: web.Request) -> web.Response:
        return web.Response(text=f"{__version__}\n")

    async def _connect(self, request: web.Request) -> web.Response:
        form = await request.post()
        complaints = await self._control.connect(await _peers(request), replace=form.get("replace") == "true")
        if complaints:
            raise web.HTTPBadRequest(text="".join(f"{line}\n" for line in complaints))
        return web.Response()

    async def _forget(self, request: web.Request) -> web.Response:
        await self._control.forget(await _peers(request))
        return web.Response()

    async def _attachments(self, request: web.Request) -> web.Response:
        return web.json_response(self._control.attachments)

    async def _set_attachment(self, request: web.Request) -> web.Response:
        container = _container(request)
        try:
            body = json.loads(await request.read())
            addresses = parse_addresses(body["addresses"] if isinstance(body, dict) else None)
        except KeyError as error:
            raise web.HTTPBadRequest(text=f"expected a JSON object with {error}\n") from error
        except (ValueError, RecursionError) as error:
            raise web.HTTPBadRequest(text=f"invalid body: {error}\n") from error
        await self._control.set_attachment(container, addresses)
        return web.Response(status=204)

    async def _delete_attachment(self, request: web.Request) -> web.Response:
        await self._control.delete_attachment(_container(request))
        return web.Response(status=204)

    async def _leave(self, request: web.Request) -> web.Response:
        await self._control.leave()
        return web.Response(status=204)


async def _peers(request: web.Request) -> list[str]:
    peers = [peer for peer in (await request.post()).getall("peer", []) if isinstance(peer, str)]
    if not peers:
        raise web.HTTPBadRequest(text="no peer given, expected peer=HOST[:PORT]\n")
    return peers


def _container(request: web.Request) -> str:
    container = request.match_info["container"]
    if not is_container_id(container):
        raise web.HTTPBadRequest(text="invalid container id, expected 64 hexadecimal digits\n")
    return container
