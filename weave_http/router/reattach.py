"""Containers get their addresses again whenever they start: after a restart of theirs, of the engine, or of the host.

A thread follows the engine's events. For a container that starts, and has a record of addresses, other threads join it
to the network, so that no event has to wait for it. A record goes when its container is removed, and a container's
names sleep while it does not run. Whenever the engine could be (re)connected to, all containers are looked at, because
events may have been missed; at the first time also for addresses that there is no record of: they were given while
there was no router, or somebody removed its memory.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from weave_http.addresses import Cidr
from weave_http.engine import Engine, local_engine
from weave_http.engine.errors import NotFound
from weave_http.errors import EngineError, WeaveError
from weave_http.router.engine import engine_socket
from weave_http.router.mesh.backoff import delay
from weave_http.router.rejoin import Joined, look, rejoin, withdraw

logger = logging.getLogger(__name__)

ATTEMPTS = 5
"""Attempts to join a container that started."""
WORKERS = 4
"""Containers that are joined at once."""
_LONGEST_PAUSE = 1.0
"""Seconds between two attempts to reach the engine: its containers wait for the network."""
_REMOVED = ("destroy", "remove")
"""What Docker calls it that a container is removed, and what Podman does."""
_FILTERS = {"type": ["container"], "event": ["start", "die", *_REMOVED]}
_ALIVE = ("running", "paused")
_MOST_REMOVED = 4096
"""Containers whose end is remembered: what is said of one may come after it."""


class Names(Protocol):
    """Who has to know which containers live; called in the event loop."""

    @property
    def containers(self) -> set[str]: ...
    def started(self, container: str) -> None: ...
    def died(self, container: str) -> None: ...
    def removed(self, container: str) -> None: ...


class Reattacher:
    """Follows the engine's events.

    Args:
        attachments: returns the addresses by container id.
        drop: forgets containers; called in the event loop.
        adopt: takes over a container's addresses without a record, and its hostname; called in the event loop.
        socket: returns the path of the engine's unix socket.
        join: gives a container its addresses, and returns whether it runs.
        look: returns what a container has.
        names: told which containers start, die and are removed.
        held: returns the ids of the containers that have addresses handed out; one whose attach never ended has no
            record.

    Attributes:
        lost_at: since when the engine can't be reached, in seconds since 1970; 0 while it can.
        trouble: why, empty while it can.
    """

    def __init__(
        self,
        attachments: Callable[[], Mapping[str, Sequence[Cidr]]],
        drop: Callable[[Collection[str]], Awaitable[None]],
        adopt: Callable[[str, Joined], Awaitable[None]],
        *,
        socket: Callable[[], str] = engine_socket,
        join: Callable[[Engine, str, Sequence[Cidr]], bool] = rejoin,
        look: Callable[[Engine, str], Joined | None] = look,
        names: Names | None = None,
        held: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._attachments = attachments
        self._held = held
        self._removed: dict[str, None] = {}
        self._drop = drop
        self._adopt = adopt
        self._socket = socket
        self._join = join
        self._look = look
        self._names = names
        self._due: SimpleQueue[tuple[str, int] | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.lost_at = 0.0
        self.trouble = ""

    def start(self) -> None:
        """Begin, unless there is no engine here."""
        if not Path(self._socket()).exists():
            self.trouble = f"no engine at {self._socket()}"
            self.lost_at = time.time()
            logger.warning("%s: containers that restart are not attached again", self.trouble)
            return
        self._loop = asyncio.get_running_loop()
        for work in (self._follow, *[self._work] * WORKERS):
            threading.Thread(target=work, name="reattach", daemon=True).start()

    def again(self, containers: Collection[str] | None = None) -> None:
        """Join containers anew, where they run: by default all that have a record."""
        for container in self._attachments() if containers is None else containers:
            self._due.put((container, 1))

    def withdraw(self, container: str, addresses: Sequence[Cidr]) -> None:
        """Blocking. Take addresses from a container, if it is there and runs. Raises `WeaveError`."""
        try:
            with local_engine(self._socket()) as engine:
                withdraw(engine, container, addresses)
        except NotFound:
            pass

    def stop(self) -> None:
        """Attach no more. What is under way is not waited for: its threads end with the process."""
        self._stopping.set()
        for _ in range(WORKERS):
            self._due.put(None)

    def is_removed(self, container: str) -> bool:
        """Tell whether a container was removed lately: its id is never another one's."""
        return container in self._removed

    # -- the engine's events -------------------------------------------------------------------------------

    def _follow(self) -> None:
        failures, first = 0, True
        while not self._stopping.is_set():
            try:
                # An engine may answer before it listens to its own events; so they begin a moment earlier.
                since = str(int(time.time()) - 1)
                with local_engine(self._socket()) as engine, engine.system.events(_FILTERS, since=since) as events:
                    self._reconcile(engine, adopting=first)
                    self._reached()
                    failures, first = 0, False
                    for event in events:
                        self._event(event)
                self._lost("it ended the stream of events")
            except EngineError as error:
                self._lost(str(error))
            failures += 1
            self._stopping.wait(min(delay(failures), _LONGEST_PAUSE))

    def _reached(self) -> None:
        if self.trouble:
            logger.info("the engine is back")
        self.lost_at, self.trouble = 0.0, ""

    def _lost(self, why: str) -> None:
        if self._stopping.is_set():
            return
        if not self.trouble:
            self.lost_at = time.time()
            logger.warning("lost the engine: %s", why)
        self.trouble = why

    def _reconcile(self, engine: Engine, *, adopting: bool) -> None:
        """Join all that have a record and run, forget those that are no more, and have the names follow."""
        # In this order: whoever has a record was there before he is looked for.
        known, held = self._attachments(), self._held()
        states = {container["Id"]: container["State"] for container in engine.containers.list(all=True)}
        gone = [container for container in dict.fromkeys([*known, *held]) if container not in states]
        if gone:
            self._forget(gone)
        for container in known:
            if states.get(container) == "running":
                self._due.put((container, 1))
        for container in self._names.containers if self._names else ():
            if container not in states:
                self._tell_names("remove", container)
            else:
                self._tell_names("start" if states[container] in _ALIVE else "die", container)
        if adopting:
            self._take_over(engine, [each for each, state in states.items() if state in _ALIVE], known)

    def _take_over(self, engine: Engine, containers: Collection[str], known: Mapping[str, Collection[Cidr]]) -> None:
        for container in containers:
            try:
                found = self._look(engine, container)
            except WeaveError as error:
                logger.info("can't look at %s: %s", container[:12], error)
                continue
            if found is not None and not set(found.addresses) <= set(known.get(container, ())):
                logger.info("found %s %s on the network", container[:12], " ".join(map(str, found.addresses)))
                self._in_loop(self._adopt(container, found))

    def _event(self, event: Mapping[str, Any]) -> None:
        container = str(event.get("id") or event.get("Actor", {}).get("ID", ""))
        action = str(event.get("Action", event.get("status")))
        self._tell_names(action, container)
        if action in _REMOVED:
            self._removed[container] = None
            if len(self._removed) > _MOST_REMOVED:
                del self._removed[next(iter(self._removed))]
            if container in self._attachments() or container in self._held():
                self._forget([container])
        elif action == "start" and container in self._attachments():
            self._due.put((container, 1))

    def _tell_names(self, action: str, container: str) -> None:
        assert self._loop is not None
        if self._names is None:
            return
        told = {"start": self._names.started, "die": self._names.died, **dict.fromkeys(_REMOVED, self._names.removed)}
        if action in told:
            with suppress(RuntimeError):  # the loop has been closed
                self._loop.call_soon_threadsafe(told[action], container)

    # -- one container -------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (due := self._due.get()) is not None:
            self._started(*due)

    def _started(self, container: str, attempt: int) -> None:
        if self._stopping.is_set():
            return
        addresses = self._attachments().get(container)
        if not addresses:
            return
        try:
            with local_engine(self._socket()) as engine:
                joined = self._join(engine, container, addresses)
                kept = self._attachments().get(container, ())
                if gone := [cidr for cidr in addresses if cidr not in kept]:  # taken from it meanwhile
                    withdraw(engine, container, gone)
        except NotFound:
            return  # removed meanwhile, which is told as well
        except (WeaveError, OSError) as error:
            self._again(container, attempt, str(error))
            return
        if joined:
            logger.info("attached %s %s again", container[:12], " ".join(map(str, addresses)))

    def _again(self, container: str, attempt: int, why: str) -> None:
        if attempt >= ATTEMPTS:
            logger.error("can't attach %s again: %s", container[:12], why)
            return
        timer = threading.Timer(delay(attempt), self._due.put, ((container, attempt + 1),))
        timer.daemon = True
        timer.start()

    def _forget(self, containers: Collection[str]) -> None:
        for container in containers:
            logger.info("container %s is gone, and with it its addresses", container[:12])
        self._in_loop(self._drop(containers))

    def _in_loop(self, work: Awaitable[None]) -> None:
        """Have something done in the event loop; what fails is said."""

        async def do() -> None:
            try:
                await work
            except WeaveError as error:
                logger.error("%s", error)

        assert self._loop is not None
        coroutine = do()
        try:
            asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop has been closed
            coroutine.close()
