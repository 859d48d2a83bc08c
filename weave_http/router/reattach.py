"""Containers get their addresses again whenever they start: after a restart of theirs, of the engine, or of the host.

A thread follows the engine's events. For a container that starts, and has a record of addresses, another thread runs
the executor's own `attach` as a program, so that there is one way to attach, and no other event has to wait for it. A
record goes when its container is removed, and a container's names go when it dies. Whenever the engine could be
(re)connected to, all running containers are looked at, because events may have been missed.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from weave_http import constants
from weave_http.engine import Engine, local_engine
from weave_http.errors import EngineError, WeaveError
from weave_http.router.mesh.backoff import delay

logger = logging.getLogger(__name__)

ATTEMPTS = 5
"""Attempts to attach a container that started."""
ATTACH_TIMEOUT = 60.0
"""Seconds that one of them may take."""
_REMOVED = ("destroy", "remove")
"""What Docker calls it that a container is removed, and what Podman does."""
_FILTERS = {"type": ["container"], "event": ["start", "die", *_REMOVED]}


class Names(Protocol):
    """Who has to know which containers live; called in the event loop."""

    @property
    def containers(self) -> set[str]: ...
    def started(self, container: str) -> None: ...
    def died(self, container: str) -> None: ...


class Reattacher:
    """Follows the engine's events.

    Args:
        attachments: returns the addresses in CIDR notation by container id.
        drop: forgets a container; called in the event loop.
        socket: the engine's unix socket.
        attach: runs the executor; returns what it complained about, or nothing.
        names: told which containers start and die.
    """

    def __init__(
        self,
        attachments: Callable[[], Mapping[str, list[str]]],
        drop: Callable[[str], Awaitable[None]],
        *,
        socket: str = constants.DOCKER_SOCKET,
        attach: Callable[[str, list[str]], str] | None = None,
        names: Names | None = None,
    ) -> None:
        self._attachments = attachments
        self._drop = drop
        self._engine_socket = socket
        self._attach = attach or run_attach
        self._names = names
        self._due: SimpleQueue[tuple[str, int] | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin, unless there is no engine here."""
        if not Path(self._engine_socket).exists():
            logger.warning("no engine at %s: containers that restart are not attached again", self._engine_socket)
            return
        self._loop = asyncio.get_running_loop()
        for work in (self._follow, self._work):
            threading.Thread(target=work, name="reattach", daemon=True).start()

    def stop(self) -> None:
        """Attach no more. What is under way is not waited for: its thread ends with the process."""
        self._stopping.set()
        self._due.put(None)

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
        """Attach all that run, forget those that are no more, and take their names from those that don't run."""
        known = self._attachments()
        named = self._names.containers if self._names else set()
        if not known and not named:
            return
        states = {container["Id"]: container["State"] for container in engine.containers.list(all=True)}
        for container in known:
            if container not in states:
                self._forget(container)
            elif states[container] == "running":
                self._due.put((container, 1))
        for container in named:
            if states.get(container) not in ("running", "paused"):
                self._tell_names("die", container)

    def _event(self, event: Mapping[str, Any]) -> None:
        container = str(event.get("id") or event.get("Actor", {}).get("ID", ""))
        action = str(event.get("Action", event.get("status")))
        self._tell_names(action, container)
        if container not in self._attachments():
            return
        if action == "start":
            self._due.put((container, 1))
        elif action in _REMOVED:
            self._forget(container)

    def _tell_names(self, action: str, container: str) -> None:
        assert self._loop is not None
        if self._names is not None and action in ("start", "die"):
            told = self._names.started if action == "start" else self._names.died
            with suppress(RuntimeError):  # the loop has been closed
                self._loop.call_soon_threadsafe(told, container)

    def _work(self) -> None:
        while (due := self._due.get()) is not None:
            self._started(*due)

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
            timer = threading.Timer(delay(attempt), self._due.put, ((container, attempt + 1),))
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
