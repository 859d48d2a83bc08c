"""Answers the engine: one POST a call; where it fails the answer is `{"Err": …}`."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from weave_http.errors import HostError, WeaveError
from weave_http.router.plugin.bodies import Body

logger = logging.getLogger(__name__)

Call = Callable[[Body], Awaitable[Mapping[str, Any]]]
"""Does what the engine asks for, and returns the answer. Raises `WeaveError`."""

_LARGEST_BODY = 256 * 1024
_TIMEOUT = 20.0
"""Seconds for one call: the engine gives up after thirty."""
_TYPE = "application/vnd.docker.plugins.v1+json"


class PluginServer:
    """The HTTP server.

    Args:
        calls: by their names, as `NetworkDriver.Join`.
        path: of the unix socket.
    """

    def __init__(self, calls: Mapping[str, Call], path: Path) -> None:
        self._calls = calls
        self._path = path
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.add_routes([web.post("/{call}", self._answer)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.3)

    async def start(self) -> None:
        """Begin to listen. Raises `HostError`."""
        await self._runner.setup()
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            await web.UnixSite(self._runner, str(self._path)).start()
        except OSError as error:
            raise HostError(f"can't listen on {self._path}: {error.strerror or error}") from error

    async def stop(self) -> None:
        """Stop listening. Idempotent."""
        await self._runner.cleanup()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.match_info["call"]
        call = self._calls.get(name)
        if call is None:
            return _failure(f"there is no call {name}", status=404)
        try:
            async with asyncio.timeout(_TIMEOUT):
                return _json(await call(_body(await request.read())))
        except WeaveError as error:
            logger.warning("%s: %s", name, error)
            return _failure(f"weave: {error}")
        except TimeoutError:
            return _failure(f"weave: not done within {_TIMEOUT:.0f} s")


def _body(content: bytes) -> Body:
    try:
        value = json.loads(content or b"{}")
    except (ValueError, RecursionError) as error:
        raise HostError(f"invalid body: {error}") from error
    if not isinstance(value, dict):
        raise HostError("invalid body", hint="expected a JSON object")
    return value


def _failure(why: str, *, status: int = 200) -> web.Response:
    """Return why a call failed: the engine reads one key for a network driver, the other one for an IPAM driver."""
    return _json({"Err": why, "Error": why}, status=status)


def _json(value: Mapping[str, Any], *, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), status=status, content_type=_TYPE)
