"""Serves the metrics: `GET /metrics`, for Prometheus to read, and nothing else. Who reaches it can change nothing."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from importlib.util import find_spec

from aiohttp import web

from weave_http.router.blocking import in_thread
from weave_http.router.control.report import Metrics, Report

logger = logging.getLogger(__name__)

_LIBRARY = "prometheus_client"
_SHUTDOWN = 0.3


class MetricsServer:
    """An HTTP server for the metrics. A router that can't have it runs without, and says so.

    The library is imported when the metrics are first asked for: most routers never are, and it takes 2 MB.

    Args:
        report: returns what there is to know.
        where: address and TCP port to listen on, None not to.
    """

    def __init__(self, report: Callable[[], Report], where: tuple[str, int] | None) -> None:
        self._report = report
        self._where = where
        app = web.Application()
        app.add_routes([web.get("/metrics", self._metrics)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN, keepalive_timeout=15)

    async def start(self) -> Metrics:
        """Begin to listen; return where, or why not."""
        if self._where is None:
            return Metrics("", "")
        host, port = self._where
        trouble = ""
        if find_spec(_LIBRARY) is None:
            trouble = f"the Python library {_LIBRARY} is not installed; build the image anew"
        else:
            await self._runner.setup()
            try:
                await web.TCPSite(self._runner, host, port, reuse_address=True).start()
            except OSError as error:
                taken = error.errno == errno.EADDRINUSE
                why = "the port is taken; choose another one by --metrics-addr" if taken else error.strerror
                trouble = f"can't listen on {host}:{port}: {why}"
        if trouble:
            logger.warning("metrics are not served: %s", trouble)
            return Metrics("", f"not served: {trouble}")
        return Metrics(f"{host}:{port}", "")

    async def stop(self) -> None:
        """Stop listening. Idempotent."""
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        report = self._report()

        def rendered() -> tuple[bytes, str]:
            from weave_http.router.control.metrics import render

            return render(report, request.headers.get("Accept", ""))

        body, content_type = await in_thread(rendered)
        return web.Response(body=body, headers={"Content-Type": content_type})
