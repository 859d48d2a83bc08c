"""The data plane's loop: has the kernel follow the plan and the record, one change at a time, each in a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from time import monotonic

from weave_http.addresses import IP, Cidr
from weave_http.errors import HostError
from weave_http.records import replace
from weave_http.router.blocking import in_thread
from weave_http.router.data.exposing import wanted, with_exposed, with_found, without
from weave_http.router.data.kernel import Kernel, bridge_addresses, is_bridge_of
from weave_http.router.data.plan import Reach, places
from weave_http.router.data.segments import Further
from weave_http.router.store import Store

logger = logging.getLogger(__name__)

FEW, GATHER_PER_PEER = 8, 0.02
"""Destinations, and seconds for each further one, for which changes are gathered: where many routers start at once
there is one after the other, and to have the kernel follow costs the more the more destinations there are."""
CHECK = 3.0
"""Seconds after which it is looked whether someone took something away."""
SOON = 0.25
"""Seconds after which the kernel follows once more where a way changed and there are paths over others: the other end
changes its own at about the same time. After that it is twice as many, and so on."""


class Overlay:
    """The data plane of this host.

    Args:
        kernel: what is to be kept in step.
        store: has the record of what of the host is exposed.
        reach: returns how each peer is reached, at a monotonic time in seconds (`weave_http.router.data.plan`).
        checked: called when the kernel was looked at, and had all but the destinations as it must be.

    Attributes:
        mtu: of the overlay, in bytes; 0 before it is known.
        destinations: underlay addresses that frames for all go to.
        trouble: why the kernel is not as it should be, empty if it is.
        further: returns which further networks there are; None if there can be none.
        carried: told of these, and why the kernel does not have some of them, by the Docker network's id.
        guard_again: called with the ports of containers that have to be held anew to what they were given.
        followed: told how peers are reached when the kernel follows.
    """

    def __init__(
        self,
        kernel: Kernel,
        store: Store,
        reach: Callable[[float], Reach],
        checked: Callable[[], None] = lambda: None,
    ) -> None:
        self._kernel = kernel
        self._store = store
        self._reach = reach
        self._tell_checked = checked
        self._due = asyncio.Event()
        self._lock = asyncio.Lock()
        self._left = False
        self._done = Reach({})
        self.further: Callable[[], Further] | None = None
        self.carried: Callable[[Further, Mapping[str, str]], None] = lambda further, failed: None
        self.mtu = 0
        self.destinations: frozenset[IP] = frozenset()
        self.trouble = ""
        self.guard_again: Callable[[Collection[str]], None] = lambda ports: None
        self.followed: Callable[[Reach], None] = lambda reach: None

    async def start(self, uid: int = 0, before: int = 0) -> None:
        """Make what has to be there.

        Args:
            uid: of this router, which is written on the bridge; 0 for none.
            before: of the last router, 0 if there was none. If the bridge is the one that it had, what was hidden
                since stays hidden.

        Raises:
            HostError: it can't be made.
        """
        if before and await in_thread(partial(is_bridge_of, before)):
            present = await in_thread(bridge_addresses)
            gone = [cidr for cidr in self._store.state.exposed if cidr not in present]
            if gone:
                logger.info("hidden while no router ran: %s", ", ".join(map(str, gone)))
                with suppress(HostError):  # said by the store
                    await self._store.change(lambda state: replace(state, exposed=without(state.exposed, gone)))
        await self._converge(check=True)
        if uid:
            await in_thread(partial(self._kernel.sign_bridge, uid))

    async def run(self) -> None:
        """Keep the kernel in step until cancelled."""
        due_check, pause = monotonic() + CHECK, CHECK
        while not self._left:
            # Peers that come and go must not keep it from looking after the rest.
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(due_check - monotonic(), pause))):
                    await self._due.wait()
                    await asyncio.sleep(GATHER_PER_PEER * max(0, len(self.destinations) - FEW))
            check = monotonic() >= due_check
            if check:
                due_check = monotonic() + CHECK
            self._due.clear()
            before, pause = self.destinations, min(2 * pause, CHECK)
            try:
                await self._converge(check=check)
                self.trouble = ""
                if self._done.relays and self.destinations != before:
                    pause = SOON
                if check:
                    await self._remember()
            except (HostError, OSError) as error:
                if str(error) != self.trouble:
                    logger.error("the data plane is not as it should be: %s", error)
                self.trouble = str(error)

    async def follow(self) -> None:
        """Have the kernel follow how peers are reached; done when it does. Raises `HostError`."""
        try:
            await self._converge(check=False)
        except OSError as error:
            raise HostError(f"the data plane is not as it should be: {error}") from error

    def changed(self) -> None:
        """Have the kernel follow what changed in how peers are reached."""
        self._due.set()

    async def expose(self, addresses: Collection[Cidr], *, masquerade: bool, name: str) -> None:
        """Put the host on the network; done when it is, and when that is remembered.

        Args:
            addresses: of the host.
            masquerade: whether packets between these subnets and elsewhere bear the host's address.
            name: one more name of these addresses; empty for none.

        Raises:
            HostError: the kernel refused, or it can't be remembered; all is as before.
        """
        async with self._lock:
            if self._left:
                raise HostError("the router is leaving", hint="launch it again")
            before = self._store.state.exposed
            after = with_exposed(before, addresses, masquerade=masquerade, name=name)
            await self._store.change(lambda state: replace(state, exposed=after))
            try:
                await self._check(self._reach(monotonic()))
            except HostError:
                with suppress(HostError):
                    await self._store.change(lambda state: replace(state, exposed=before))
                    await in_thread(partial(self._kernel.hide, [cidr for cidr in after if cidr not in before]))
                raise

    async def hide(self, addresses: Collection[Cidr]) -> None:
        """Take the host off the network again, and forget.

        Args:
            addresses: of the host; those that it does not have are passed over.

        Raises:
            HostError: the kernel refused, or it can't be remembered; all is as before.
        """
        async with self._lock:
            before = self._store.state.exposed
            await self._store.change(lambda state: replace(state, exposed=without(state.exposed, addresses)))
            try:
                await in_thread(partial(self._kernel.hide, addresses))
            except HostError:
                with suppress(HostError):
                    await self._store.change(lambda state: replace(state, exposed=before))
                raise

    async def leave(self) -> None:
        """Take the VXLAN device down, for good. Raises `HostError`."""
        self._left = True
        async with self._lock:
            await in_thread(self._kernel.leave)
            self.destinations = frozenset()

    async def _converge(self, *, check: bool) -> None:
        async with self._lock:
            if self._left:
                return
            reach = self._reach(monotonic())
            # What rules there are for a way has to be there before it is used.
            done = self._done
            if check or (reach.relays, reach.mtu, reach.sources) != (done.relays, done.mtu, done.sources):
                await self._check(reach)
            await in_thread(partial(self._kernel.send_to, reach.destinations, reach.tunnel))
            self.destinations = reach.destinations
            self.followed(reach)
            if self.further is not None:
                further = self.further()
                failed = await in_thread(partial(self._kernel.carry, further, reach.ways, self.mtu))
                self.carried(further, failed)

    async def _remember(self) -> None:
        """Keep which peer is where: the router after this one finds the places in the kernel, without the names."""
        ways = self._reach(monotonic()).ways
        with suppress(HostError):  # said by the store
            await self._store.change(lambda state: replace(state, places=places(ways, state.places)))

    async def _check(self, reach: Reach) -> None:
        """Have everything but the destinations as it must be; remember what others have exposed."""
        exposed = wanted(self._store.state.exposed)
        found = await in_thread(partial(self._kernel.converge, exposed, reach.relays, reach.mtu, reach.sources))
        same = (reach.relays, reach.sources) == (self._done.relays, self._done.sources)
        if found.mended and self.mtu and same:
            logger.info("the firewall's rules were not as they must be, and are again")
        if self.mtu not in (0, found.mtu):
            logger.info("the MTU of the network is %d bytes now, it was %d", found.mtu, self.mtu)
        if found.unguarded and self.mtu:
            logger.warning("%s: what it sends is not looked at; it will be again", ", ".join(sorted(found.unguarded)))
            self.guard_again(found.unguarded)
        self._done, self.mtu = reach, found.mtu
        self._tell_checked()
        after = with_found(self._store.state.exposed, found.exposed)
        if after is not self._store.state.exposed:
            new = [str(cidr) for cidr in after if cidr not in self._store.state.exposed]
            with suppress(HostError):  # said by the store
                await self._store.change(lambda state: replace(state, exposed=after))
                logger.info("exposed by others, kept from now on: %s", ", ".join(new))
