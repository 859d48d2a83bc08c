"""The part of the router's HTTP API that is about names; with `--no-dns` every answer of it is a 404."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address

from aiohttp import web

from weave_http.errors import UsageError
from weave_http.router.names import texts
from weave_http.router.names.service import NameService
from weave_http.router.state import is_container_id

_RESERVED = re.compile(r"weave:[a-z]{1,32}")


def routes(service: NameService) -> list[web.RouteDef]:
    """Return the routes.

    Args:
        service: does what is asked for.
    """

    async def put(request: web.Request) -> web.Response:
        fqdn = (await request.post()).get("fqdn", "")
        if not isinstance(fqdn, str) or not fqdn:
            raise web.HTTPBadRequest(text="no name given, expected fqdn=NAME\n")
        owner, address = _owner(request), _address(request)
        try:
            await service.put(owner, address, fqdn)
        except UsageError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        return web.Response(status=204)

    async def delete(request: web.Request) -> web.Response:
        owner = _owner(request) if "owner" in request.match_info else ""
        address = _address(request) if "address" in request.match_info else ""
        try:
            service.remove(owner, address, request.query.get("fqdn", ""))
        except UsageError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        return web.Response(status=204)

    async def entries(request: web.Request) -> web.Response:
        return web.json_response(texts.entries_report(service.entries))

    async def domain(request: web.Request) -> web.Response:
        return web.Response(text=f"{service.options.domain}.")

    async def address(request: web.Request) -> web.Response:
        if service.address is None:
            raise web.HTTPNotFound(text=f"names are not served: {service.trouble}\n")
        host, port = service.address
        return web.Response(text=f"{host}:{port}" if request.path.endswith("-port") else host)

    return [
        web.get("/name", entries),
        web.put("/name/{owner}/{address}", put),
        *(web.delete(path, delete) for path in ("/name", "/name/{owner}", "/name/{owner}/{address}")),
        web.get("/domain", domain),
        web.get("/dns-address", address),
        web.get("/dns-address-port", address),
    ]


def routes_when_off() -> list[web.RouteDef]:
    """Return the same routes for a router that serves no names."""

    async def refuse(request: web.Request) -> web.Response:
        raise web.HTTPNotFound(text="names are switched off: the router was launched with --no-dns\n")

    paths = ("/name", "/name/{owner}", "/name/{owner}/{address}", "/domain", "/dns-address", "/dns-address-port")
    return [web.route("*", path, refuse) for path in paths]


def _owner(request: web.Request) -> str:
    owner = request.match_info["owner"]
    if not is_container_id(owner) and not _RESERVED.fullmatch(owner):
        raise web.HTTPBadRequest(text="invalid container id, expected 64 hexadecimal digits\n")
    return owner


def _address(request: web.Request) -> str:
    try:
        return str(IPv4Address(request.match_info["address"]))
    except AddressValueError as error:
        raise web.HTTPBadRequest(text=f"invalid address: {error}\n") from error
