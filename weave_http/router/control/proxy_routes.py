"""The part of the router's HTTP API that says where the Docker API is served: a line each, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from weave_http.router.docker_api import DockerAPI


def routes(api: DockerAPI | None) -> list[web.RouteDef]:
    """Return the routes.

    Args:
        api: the proxy; None for a router without.
    """

    async def addresses(request: web.Request) -> web.Response:
        return web.Response(text="".join(f"{address}\n" for address in (api.addresses if api else ())))

    return [web.get("/proxyaddrs", addresses)]
