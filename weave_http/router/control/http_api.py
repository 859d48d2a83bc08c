"""The router's HTTP API, on the loopback interface of its host: what the executor and `curl` talk to.

Whoever reaches it rules the router, so a browser must not be made to: requests with an `Origin`, or for a `Host` other
than this one, are refused.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from aiohttp.http import HttpProcessingError

from weave_http import __version__
from weave_http.addresses import Cidr
from weave_http.errors import WeaveError
from weave_http.router.control import describe
from weave_http.router.control.as_json import as_json
from weave_http.router.control.control import Control
from weave_http.router.control.requests import form, values
from weave_http.router.state import LONGEST_NAME, is_container_id, parse_addresses

_LARGEST_BODY = 256 * 1024
_TIMEOUT = 30.0
_SHUTDOWN = 0.3

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """The HTTP server.

    Args:
        control: does what is asked for.
        host: loopback address that it is served on.
        more: routes that others serve.

    Attributes:
        runner: what serves it.
    """

    def __init__(self, control: Control, host: str, *, more: Iterable[web.RouteDef] = ()) -> None:
        self._control = control
        self._host = host
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/status", self._status),
                web.get("/status/{section}", self._status),
                web.get("/report", self._report),
                web.get("/missing", self._missing),
                web.get("/rtt", self._round_trips),
                web.get("/version", self._version),
                web.post("/connect", self._connect),
                web.post("/forget", self._forget),
                web.get("/attachments", self._attachments),
                web.put("/attachment/{container}", self._set_attachment),
                web.delete("/attachment/{container}", self._delete_attachment),
                web.get("/expose", self._exposed),
                web.post("/expose", self._expose),
                web.post("/expose/{ip}/{length}", self._expose),
                web.delete("/expose", self._hide),
                web.delete("/expose/{ip}/{length}", self._hide),
                web.delete("/peer", self._leave),
                web.delete("/peer/{who}", self._remove_peer),
                *more,
            ]
        )
        self.runner = web.AppRunner(
            app, access_log=None, logger=_server_logger(), shutdown_timeout=_SHUTDOWN, keepalive_timeout=15
        )

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
                text="no such section; there are targets, connections, peers and, unless switched off, dns and ipam\n"
            )
        return web.Response(text=text)

    async def _report(self, request: web.Request) -> web.Response:
        if request.query.get("format"):
            raise web.HTTPBadRequest(text="templates are filled by `weave report -f`; this is JSON alone\n")
        return web.json_response(as_json(self._control.report), dumps=lambda value: json.dumps(value, indent=4) + "\n")

    async def _missing(self, request: web.Request) -> web.Response:
        return web.json_response(as_json(self._control.missing))

    async def _round_trips(self, request: web.Request) -> web.Response:
        return web.json_response({"RoundTrips": as_json(self._control.round_trips)})

    async def _version(self, request: web.Request) -> web.Response:
        return web.Response(text=f"{__version__}\n")

    async def _connect(self, request: web.Request) -> web.Response:
        instead = (await values(request, "replace"))[:1] == ["true"]
        complaints = await self._control.connect(await _peers(request), instead=instead)
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
        await self._control.drop_attachments([_container(request)])
        return web.Response(status=204)

    async def _exposed(self, request: web.Request) -> web.Response:
        return web.json_response(describe.exposed(self._control.store.state.exposed))

    async def _expose(self, request: web.Request) -> web.Response:
        fields = {**request.query, **dict(await form(request))}
        name = fields.get("fqdn", "")
        if len(name) > LONGEST_NAME:
            raise web.HTTPBadRequest(text=f"invalid fqdn, expected at most {LONGEST_NAME} characters\n")
        masquerade = fields.get("skipNAT", "false") != "true"
        await self._control.overlay.expose(await _addresses(request), masquerade=masquerade, name=name)
        return web.Response(status=204)

    async def _hide(self, request: web.Request) -> web.Response:
        await self._control.overlay.hide(await _addresses(request))
        return web.Response(status=204)

    async def _remove_peer(self, request: web.Request) -> web.Response:
        who = request.match_info["who"]
        count = await self._control.remove_peer(who)
        return web.Response(text=f"{count} IPs taken over from {who}\n")

    async def _leave(self, request: web.Request) -> web.Response:
        await self._control.leave()
        return web.Response(status=204)


def _server_logger() -> logging.Logger:
    """Return a logger that passes over what is no request: its sender is told, and can't fill the log."""
    logger = logging.getLogger(__name__)
    logger.addFilter(_is_our_fault)
    return logger


def _is_our_fault(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


async def _peers(request: web.Request) -> list[str]:
    peers = await values(request, "peer")
    if not peers:
        raise web.HTTPBadRequest(text="no peer given, expected peer=HOST[:PORT]\n")
    return peers


async def _addresses(request: web.Request) -> tuple[Cidr, ...]:
    """Return the address in the path, or those in the form and in the query."""
    path = request.match_info
    given = [f"{path['ip']}/{path['length']}"] if "ip" in path else []
    given += await values(request, "address") + request.query.getall("address", [])
    try:
        return parse_addresses(given)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error


def _container(request: web.Request) -> str:
    container = request.match_info["container"]
    if not is_container_id(container):
        raise web.HTTPBadRequest(text="invalid container id, expected 64 hexadecimal digits\n")
    return container
