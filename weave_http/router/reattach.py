"""Containers get their addresses again whenever they start: after a restart of theirs, of the engine, or of the host.

A thread follows the engine's events. For a container that starts, and has a record of addresses, it runs the executor's
own `attach` as a program, so that there is one way to attach. A record goes when its container is removed. Whenever the
engine could be (re)connected to, all running containers are looked at, because events may have been missed.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from weave_http import names
from weave_http.engine import Engine, local_engine
from weave_http.errors import EngineError, WeaveError
from weave_http.router.backoff import delay

logger = logging.getLogger(__name__)

ATTEMPTS = 5
"""Attempts to attach a container that started."""
ATTACH_TIMEOUT = 60.0
"""Seconds that one of them may take."""
_FILTERS = {"type": ["container"], "event": ["start", "destroy"]}


class Reattacher:
    """Follows the engine's events.

    Args:
        attachments: returns the addresses in CIDR notation by container id.
        drop: forgets a container; called in the event loop.
        socket: the engine's unix socket.
        attach: runs the executor; returns what it complained about, or nothing.
    """

    def __init__(
        self,
        attachments: Callable[[], Mapping[str, list[str]]],
        drop: Callable[[str], Awaitable[None]],
        *,
        socket: str = names.DOCKER_SOCKET,
        attach: Callable[[str, list[str]], str] | None = None,
    ) -> None:
        self._attachments = attachments
        self._drop = drop
        self._engine_socket = socket
        self._attach = attach or run_attach
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin, unless there is no engine here."""
        if not Path(self._engine_socket).exists():
            logger.warning("no engine at %s: containers that restart are not attached again", self._engine_socket)
            return
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._follow, name="reattach", daemon=True).start()

    def stop(self) -> None:
        """Attach no more. What is under way is not waited for: its thread ends with the process."""
        self._stopping.set()

    def _follow(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                with local_engine(self._engine_socket) as engine, engine.system.events(_FILTERS) as events:
                    self._reconcile(engine)
                    if failures:
                        logger.info("the engine is back")
                    failures = 0
                    for event in events:
                        self._event(event)
            except EngineError as error:
                if not failures and not self._stopping.is_set():
                    logger.warning("lost the engine: %s", error)
            failures += 1
            self._stopping.wait(min(delay(failures), 10.0))

    def _reconcile(self, engine: Engine) -> None:
        """Attach all that run, and forget those that are no more."""
        known = self._attachments()
        if not known:
            return
        states = {container["Id"]: container["State"] for container in engine.containers.list(all=True)}
        for container in known:
            if container not in states:
                self._forget(container)
            elif states[container] == "running":
                self._started(container)

    def _event(self, event: Mapping[str, Any]) -> None:
        container = str(event.get("id") or event.get("Actor", {}).get("ID", ""))
        match event.get("Action", event.get("status")):
            case "start" if container in self._attachments():
                self._started(container)
            case "destroy" if container in self._attachments():
                self._forget(container)

    def _started(self, container: str, attempt: int = 1) -> None:
        if self._stopping.is_set():
            return
        addresses = self._attachments().get(container)
        if not addresses:
            return
        complaint = self._attach(container, addresses)
        if not complaint:
            logger.info("attached %s %s again", container[:12], " ".join(addresses))
        elif attempt < ATTEMPTS:
            timer = threading.Timer(delay(attempt), self._started, (container, attempt + 1))
            timer.daemon = True
            timer.start()
        else:
            logger.error("can't attach %s again: %s", container[:12], complaint)

    def _forget(self, container: str) -> None:
        logger.info("container %s is gone, and with it its addresses", container[:12])
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._dropped(container), self._loop)

    async def _dropped(self, container: str) -> None:
        try:
            await self._drop(container)
        except WeaveError as error:
            logger.error("%s", error)


def run_attach(container: str, addresses: list[str]) -> str:
    """Run `weave --local attach CIDR… CONTAINER`; return its last line of complaint, or nothing if it worked."""
    command = [sys.executable, "-I", "-m", "weave_http", "--local", "attach", *addresses, container]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ATTACH_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr.split("\n")
    return next((line for line in reversed(lines) if line.strip()), f"exit code {done.returncode}")
