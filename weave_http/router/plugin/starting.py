"""Starts the containers that the engine keeps running, and could not start because the router was not there (yet)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

from weave_http.engine import Engine, local_engine
from weave_http.engine.errors import NotFound
from weave_http.errors import EngineError
from weave_http.host.plugin_files import DRIVERS
from weave_http.router.engine import engine_socket

logger = logging.getLogger(__name__)

LOOKS = 6
"""Looks in a row that find no such container, after which the engine is done with starting them."""
PAUSE = 2.0
"""Seconds from one look to the next."""
LONGEST_PAUSE = 60.0
_OURS = ("plugin", "NetworkDriver.", "IpamDriver.")
"""What is in the engine's word for why a container did not start, if that was for want of a plugin."""
_KEPT_RUNNING = ("always", "unless-stopped", "on-failure")


class Pace:
    """When to look for such containers: for as long as there is one that can't be started, ever less often."""

    def __init__(self) -> None:
        self._quiet = 0
        self._failures = 0

    def after(self, *, left: bool) -> float | None:
        """Return the seconds until the next look; None if there need be none.

        Args:
            left: whether this one found a container that could not be started, or the engine could not be asked.
        """
        self._quiet, self._failures = (0, self._failures + 1) if left else (self._quiet + 1, 0)
        if self._quiet == LOOKS:
            return None
        return min(PAUSE * 2.0 ** min(max(0, self._failures - LOOKS), 8), LONGEST_PAUSE)


class Starting:
    """Starts them, in a thread.

    Args:
        stopping: set when that is to end.
        engine: of this host.
    """

    def __init__(
        self,
        stopping: threading.Event,
        engine: Callable[[], AbstractContextManager[Engine]] = lambda: local_engine(engine_socket()),
    ) -> None:
        self._stopping = stopping
        self._engine = engine
        self._begun = 0
        self._told: dict[str, str] = {}

    def begin(self) -> None:
        """Look for them from now on: the engine could be (re)connected to. An earlier search ends."""
        self._begun += 1
        threading.Thread(target=self._run, args=(self._begun,), name="starting", daemon=True).start()

    def _run(self, nth: int) -> None:
        pace = Pace()
        while nth == self._begun:
            try:
                left = self.look()
            except EngineError:
                left = True
            pause = pace.after(left=left)
            if pause is None or self._stopping.wait(pause):
                return

    def look(self) -> bool:
        """Start what can be started; return whether something is left. Raises `EngineError`: it can't be asked."""
        left = False
        with self._engine() as engine:
            for container in failed(engine):
                name = str(container["Name"]).removeprefix("/")
                try:
                    engine.containers.start(container["Id"])
                    logger.info("started %s, which could not start without the router", name)
                except NotFound:
                    continue
                except EngineError as error:
                    left = True
                    if self._told.get(name) != str(error):
                        logger.warning("can't start %s (yet): %s", name, error)
                    self._told[name] = str(error)
        return left


def failed(engine: Engine) -> list[dict[str, Any]]:
    """Return containers that the engine keeps running, and could not start for want of a plugin. Raises `EngineError`.

    Args:
        engine: of this host.
    """
    ours = {str(each["Name"]) for each in engine.networks.list(filters={"driver": list(DRIVERS)})}
    found = []
    for each in engine.containers.list(all=True, filters={"status": ["exited"]}) if ours else ():
        if not ours & set((each.get("NetworkSettings") or {}).get("Networks") or ()):
            continue
        with suppress(NotFound):
            container = engine.containers.inspect(each["Id"])
            policy = (container["HostConfig"].get("RestartPolicy") or {}).get("Name")
            why = str(container["State"].get("Error") or "")
            if policy in _KEPT_RUNNING and any(word in why for word in _OURS):
                found.append(container)
    return found
