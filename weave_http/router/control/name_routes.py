"""The part of the router's HTTP API that is about names; with `--no-dns` every answer of it is a 404."""

from __future__ import annotations

from aiohttp import web

from weave_http.addresses import IP, parse_ip
from weave_http.errors import UsageError
from weave_http.router.control.as_json import as_json
from weave_http.router.control.describe import name_entry
from weave_http.router.control.requests import values
from weave_http.router.names.service import NameService
from weave_http.router.state import is_container_id

_RESERVED = "weave:"
_LONGEST_OWNER = 38


def routes(service: NameService) -> list[web.RouteDef]:
    """Return the routes.

    Args:
        service: does what is asked for.
    """

    async def put(request: web.Request) -> web.Response:
        fqdn = next(iter(await values(request, "fqdn")), "")
        if not fqdn:
            raise web.HTTPBadRequest(text="no name given, expected fqdn=NAME\n")
        owner, address = _owner(request), _address(request)
        try:
            await service.put(owner, address, fqdn)
        except UsageError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        return web.Response(status=204)

    async def delete(request: web.Request) -> web.Response:
        owner = _owner(request) if "owner" in request.match_info else ""
        address = _address(request) if "address" in request.match_info else None
        try:
            service.remove(owner, address, request.query.get("fqdn", ""))
        except UsageError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        return web.Response(status=204)

    async def entries(request: web.Request) -> web.Response:
        return web.json_response([as_json(name_entry(entry)) for entry in service.entries])

    async def domain(request: web.Request) -> web.Response:
        return web.Response(text=f"{service.options.domain}.")

    async def address(request: web.Request) -> web.Response:
        if service.address is None:
            raise web.HTTPNotFound(text=f"names are not served: {service.trouble}\n")
        host, port = service.address
        return web.Response(text=f"{host}:{port}" if request.path.endswith("-port") else str(host))

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
    reserved = owner.startswith(_RESERVED) and owner.removeprefix(_RESERVED).isalpha() and owner.isascii()
    if not is_container_id(owner) and not (reserved and owner.islower() and len(owner) <= _LONGEST_OWNER):
        raise web.HTTPBadRequest(text="invalid container id, expected 64 hexadecimal digits\n")
    return owner


def _address(request: web.Request) -> IP:
    try:
        return parse_ip(request.match_info["address"])
    except UsageError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error
