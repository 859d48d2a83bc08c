"""The part of the router's HTTP API that changes the password; without one it is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiohttp import web

from weave_http.errors import UsageError
from weave_http.operations import passwords

if TYPE_CHECKING:
    from weave_http.router.secrecy.service import Secrecy

_LONGEST_GRACE = 366 * 86400


def routes(secrecy: Secrecy | None) -> list[web.RouteDef]:
    """Return the routes.

    Args:
        secrecy: does what is asked for; None for a router without a password.
    """

    async def change(request: web.Request) -> web.Response:
        if secrecy is None:
            why = "this router has no password to change; launch it again with one, on all hosts\n"
            raise web.HTTPConflict(text=why)
        try:
            body = json.loads(await request.read())
            password, grace = passwords.check(body["password"]), float(body["grace"])
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, UsageError) as error:
            raise web.HTTPBadRequest(text="expected a JSON object with a password and a grace in seconds\n") from error
        if not 0 <= grace <= _LONGEST_GRACE:
            raise web.HTTPBadRequest(text=f"invalid grace, expected 0 to {_LONGEST_GRACE} seconds\n")
        await secrecy.change(password, grace)
        return web.Response(status=204)

    return [web.put("/password", change)]
