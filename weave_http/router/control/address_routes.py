"""The part of the router's HTTP API that hands out addresses; without a range every answer of it is a 404."""

from __future__ import annotations

from ipaddress import ip_network

from aiohttp import web

from weave_http.addresses import IP, Cidr, Network, parse_cidr, parse_ip
from weave_http.errors import UsageError
from weave_http.router.addresses.service import EXPOSED, AddressService
from weave_http.router.state import is_container_id

_SUBNET = "/{ip}/{length}"


def routes(service: AddressService) -> list[web.RouteDef]:
    """Return the routes.

    Args:
        service: does what is asked for.
    """

    async def allocate(request: web.Request) -> web.Response:
        found = await service.allocate(_owner(request), _subnet(request))
        return web.Response(text=" ".join(map(str, found)))

    async def claim(request: web.Request) -> web.Response:
        await service.claim(_owner(request), _cidr(request))
        return web.Response(status=204)

    async def of(request: web.Request) -> web.Response:
        default = request.path.endswith("/default")
        subnets = service.options.defaults if default else (_subnet(request),)
        found = [cidr for each in subnets for cidr in service.allocator.holdings.of(_owner(request), each)]
        if not found:
            raise web.HTTPNotFound(text="no address of it was handed out\n")
        return web.Response(text=" ".join(map(str, found)))

    async def everything(request: web.Request) -> web.Response:
        held = sorted(service.allocator.holdings.held.items())
        return web.json_response(
            {"owned": [{"containerid": owner, "addrs": list(map(str, each))} for owner, each in held]}
        )

    async def release(request: web.Request) -> web.Response:
        one = [_address(request)] if "ip" in request.match_info else None
        await service.release(_owner(request), one)
        return web.Response(status=204)

    async def give_back(request: web.Request) -> web.Response:
        await service.leave()
        return web.Response(status=204)

    async def prime(request: web.Request) -> web.Response:
        await service.prime()
        return web.Response()

    async def default_subnet(request: web.Request) -> web.Response:
        return web.Response(text=" ".join(map(str, service.options.defaults)))

    return [
        web.get("/ip", everything),
        web.delete("/ip", give_back),
        *(web.post(f"/ip/{{owner}}{rest}", allocate) for rest in ("", "/default", _SUBNET)),
        web.put(f"/ip/{{owner}}{_SUBNET}", claim),
        *(web.get(f"/ip/{{owner}}{rest}", of) for rest in ("", "/default", _SUBNET)),
        *(web.delete(f"/ip/{{owner}}{rest}", release) for rest in ("", "/{ip}")),
        web.get("/ring", prime),
        web.get("/ipinfo/defaultsubnet", default_subnet),
    ]


def routes_when_off() -> list[web.RouteDef]:
    """Return the same routes for a router that hands out no addresses."""

    async def refuse(request: web.Request) -> web.Response:
        raise web.HTTPNotFound(
            text="no addresses are handed out: the router was launched with an empty --ipalloc-range\n"
        )

    paths = ("/ip", "/ip/{rest:.*}", "/ring", "/ipinfo/defaultsubnet")
    return [web.route("*", path, refuse) for path in paths]


def _owner(request: web.Request) -> str:
    owner = request.match_info["owner"]
    if not is_container_id(owner) and owner != EXPOSED:
        raise web.HTTPBadRequest(text="invalid container id, expected 64 hexadecimal digits\n")
    return owner


def _subnet(request: web.Request) -> Network | None:
    """Return the subnet in the path, None if there is none there."""
    path = request.match_info
    if "ip" not in path:
        return None
    try:
        return ip_network(f"{path['ip']}/{path['length']}")
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"invalid subnet: {error}\n") from error


def _cidr(request: web.Request) -> Cidr:
    path = request.match_info
    try:
        return parse_cidr(f"{path['ip']}/{path['length']}")
    except UsageError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error


def _address(request: web.Request) -> IP:
    try:
        return parse_ip(request.match_info["ip"])
    except UsageError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error
