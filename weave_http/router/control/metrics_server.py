"""Serves the metrics: `GET /metrics`, for Prometheus to read, and nothing else. Who reaches it can change nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from weave_http.errors import HostError
from weave_http.router.blocking import in_thread
from weave_http.router.control.late_server import LateServer

if TYPE_CHECKING:
    from aiohttp import web

    from weave_http.router.control.report import Report

logger = logging.getLogger(__name__)

_LIBRARY = "prometheus_client"
_SHUTDOWN = 0.3


class MetricsServer:
    """An HTTP server for the metrics. A router that can't have it runs without, and says so.

    The library is imported when the metrics are first asked for, as the server is: it takes 2 MB.

    Args:
        report: returns what there is to know.
        where: address and TCP port to listen on, None not to.
    """

    def __init__(self, report: Callable[[], Report], where: tuple[str, int] | None) -> None:
        self._report = report
        self._where = where
        self._server: LateServer | None = None

    async def start(self) -> tuple[str, str]:
        """Begin to listen; return where, or why not, as the report has it."""
        if self._where is None:
            return "", ""
        trouble = ""
        if find_spec(_LIBRARY) is None:
            trouble = f"the Python library {_LIBRARY} is not installed; build the image anew"
        else:
            self._server = LateServer(*self._where, self._make, when_taken="choose another one by --metrics-addr")
            try:
                await self._server.start()
            except HostError as error:
                trouble = str(error)
        if trouble:
            logger.warning("metrics are not served: %s", trouble)
            return "", f"not served: {trouble}"
        return "{}:{}".format(*self._where), ""

    async def stop(self) -> None:
        """Stop listening. Idempotent."""
        if self._server is not None:
            await self._server.stop()

    def _make(self) -> web.AppRunner:
        from aiohttp import web

        app = web.Application()
        app.add_routes([web.get("/metrics", self._metrics)])
        return web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN, keepalive_timeout=15)

    async def _metrics(self, request: web.Request) -> web.Response:
        from aiohttp import web

        report = self._report()

        def rendered() -> tuple[bytes, str]:
            from weave_http.router.control.metrics import render

            return render(report, request.headers.get("Accept", ""))

        body, content_type = await in_thread(rendered)
        return web.Response(body=body, headers={"Content-Type": content_type})
