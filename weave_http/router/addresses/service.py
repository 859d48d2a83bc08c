"""The addresses of this host as the router has them: asked for, waited for, kept on the disk, and said to others.

Nothing is said, and nobody gets an address, before it is on the disk, and before the gate is closed to those who have
to know of it first. Longer than most files, so that all that happens under the one lock is seen together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Set
from contextlib import suppress
from random import SystemRandom
from time import monotonic

from weave_http.addresses import IP, Cidr, Network
from weave_http.errors import HostError, WeaveError
from weave_http.net.sysctl import has_ipv6
from weave_http.records import replace
from weave_http.router.addresses import spans
from weave_http.router.addresses.agreement import Agreement
from weave_http.router.addresses.allocator import Allocator, Request
from weave_http.router.addresses.charter import Charter
from weave_http.router.addresses.gossip import AddressGossip
from weave_http.router.addresses.holdings import Holdings
from weave_http.router.addresses.options import AddressOptions
from weave_http.router.addresses.standing import Memory, Standing
from weave_http.router.mesh.identity import PeerName
from weave_http.router.state import Kept
from weave_http.router.store import Store

logger = logging.getLogger(__name__)

WAIT = 8.0
"""Seconds for which somebody who asks waits for an address; the executor gives up after ten."""
HAND_OVER = 3.0
"""Seconds that the others have to take over what a host that leaves gives back."""
RETRY = 5.0
"""Seconds after which what could not be written is written again."""
UNHURRIED = 1.0
"""Seconds after which others are told how much of our share is used, and more is asked for in advance: nobody waits for
it, and what many addresses change is told at once."""
_SMALLEST = 4
"""Addresses of a subnet out of which some may be handed out."""


class AddressService:
    """The addresses of this host.

    Args:
        me: name of this peer.
        options: what was told about addresses.
        gossip: what all peers say about them.
        store: keeps what was handed out.
        changed: called when we have something to say.
        nickname: returns what a peer is called by people.

    Attributes:
        follow: has the kernel exchange frames with those whom the gate admits, and no others. Raises `HostError`.
        take_away: takes addresses from an owner on this host. Raises `WeaveError`.
    """

    def __init__(
        self,
        me: PeerName,
        options: AddressOptions,
        gossip: AddressGossip,
        store: Store,
        *,
        changed: Callable[[], None],
        nickname: Callable[[PeerName], str],
    ) -> None:
        self.options = options
        self._gossip = gossip
        self._store = store
        self._changed = changed
        self.nickname = nickname
        kept = store.state.kept
        fits = kept is not None and kept.ranges == options.ranges and kept.name == me
        memory = kept.memory if kept is not None and fits else Memory(SystemRandom().getrandbits(62) + 1)
        agreement = Agreement(
            me,
            options.ranges,
            options.defaults,
            memory,
            count=options.count,
            observer=options.observer,
            seed=options.seed,
            reclaim=options.reclaim,
        )
        self.allocator = Allocator(
            agreement,
            Holdings(kept.held if kept is not None and fits else {}),
            options.defaults,
            kept.passed if kept is not None and fits else None,
        )
        self.allocator.gate.note(memory.charter, {}, apart=False)
        self.follow: Callable[[], Awaitable[None]] = _nothing
        self.take_away: Callable[[str, Collection[Cidr]], Awaitable[None]] = _nothing_taken
        self._followed: tuple[object, ...] = self.allocator.gate.barrier, False, frozenset()
        for container, addresses in store.state.attachments.items():
            self._adopt(container, addresses)
        for cidr in store.state.exposed:
            self._adopt(EXPOSED, (cidr,))
        self.defaults = [each for each in options.defaults if each.version == 4 or has_ipv6()]
        """Subnets for those who name none, as far as the kernel has the like."""
        self._event = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._written: Kept | None = None
        self._lock = asyncio.Lock()
        gossip.heard = self._event.set
        gossip.learn = self._learn

    # -- its life ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take part in the agreements until cancelled."""
        while True:
            self._event.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            try:
                due = await self._conclude()
                await self._let_go()
            except HostError as error:
                logger.error("%s", error)
                due = monotonic() + RETRY
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(0.01, due - monotonic())):
                    await self._event.wait()

    def _follow_use(self) -> None:
        """Have it concluded what follows from what was handed out or taken back: at once if anybody waits for it."""
        agreement = self.allocator.agreement
        awaited = self.allocator.pending or agreement.wants or any(fact.wants for fact in self.facts.values())
        if awaited or agreement.is_alone:  # alone: who has handed out something joins no other network
            self._event.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(UNHURRIED, self._event.set)

    async def _conclude(self) -> float | None:
        """Conclude what follows from what was heard, keep it, and say it. Raises `HostError`: it can't be kept."""
        async with self._lock:
            due = self.allocator.step(self._gossip.facts, self._gossip.present, monotonic())
            await self._keep()
        return due

    async def _keep(self) -> None:
        """Write what there is, close the gate to those who have to know it first, and only then say it."""
        agreement, gate = self.allocator.agreement, self.allocator.gate
        self.allocator.note_gate(self._gossip.facts)
        standing, charter = agreement.standing, agreement.charter
        await self._write()
        wanted = gate.barrier, gate.apart, gate.admitted
        if wanted != self._followed or gate.barrier != gate.passed.applied:
            await self.follow()
            self._followed = wanted
            if gate.applied():
                await self._write()
        if self._gossip.say(standing, charter):
            self._changed()

    async def _write(self) -> None:
        agreement, held = self.allocator.agreement, dict(self.allocator.holdings.held)
        kept = Kept(agreement.me, self.options.ranges, agreement.memory, held, self.allocator.gate.passed)
        if kept != self._written:
            await self._store.change(lambda state: replace(state, kept=kept))
            self._written = kept

    async def _let_go(self) -> None:
        """Take from their owners here what another host has by now. Raises `HostError`."""
        allocator = self.allocator
        for cidr in allocator.taken:
            owner, peer = allocator.holdings.owner(cidr.ip), allocator.clashes.get(cidr.ip)
            if owner is None or peer is None:
                continue
            try:
                await self.take_away(owner, [cidr])
            except WeaveError as error:
                raise HostError(f"can't take {cidr.ip} from {owner[:12]}, it is {peer}'s by now: {error}") from error
            logger.warning(
                "%s was taken from %s: this host was away for too long, and it is %s's by now: attach it again",
                cidr.ip,
                owner[:12],
                self._names([peer]),
            )

    def _learn(self, charter: Charter) -> None:
        if self.allocator.agreement.learn(charter):
            self._event.set()

    # -- what is asked of it -----------------------------------------------------------------------------------

    async def allocate(self, owner: str, subnet: Network | None = None) -> list[Cidr]:
        """Give an owner an address of a subnet, by default of each default one; the same one if it has one there.

        Raises:
            HostError: there is none to be had, and why; none that is new is kept.
        """
        found: dict[Network, Cidr] = {}
        before = self.allocator.holdings.of(owner)
        try:
            for each in [subnet] if subnet else self.defaults:
                found[each] = await self._allocate(owner, each)
        except HostError:
            await self.release(owner, [cidr.ip for cidr in found.values() if cidr not in before])
            raise
        return list(found.values())

    async def _allocate(self, owner: str, subnet: Network) -> Cidr:
        if not spans.within(self.options.ranges, subnet):
            ranges = ", ".join(map(str, self.options.ranges))
            raise HostError(f"{subnet} is not within {ranges}, out of which addresses are handed out")
        if subnet.num_addresses < _SMALLEST:
            hint = f"expected a length of at most {subnet.max_prefixlen - 2}"
            raise HostError(f"{subnet} is too small to hand out addresses of", hint=hint)
        return await self._ask(Request(owner, subnet, monotonic()))

    async def claim(self, owner: str, cidr: Cidr) -> None:
        """Note that an owner has an address that somebody chose; it is nothing to us if it is not of the range.

        Raises:
            HostError: somebody else has it, here or elsewhere.
        """
        if spans.covers(self.options.ranges, cidr.ip):
            await self._ask(Request(owner, cidr, monotonic()))

    async def release(self, owner: str, addresses: Collection[IP] | None = None) -> tuple[Cidr, ...]:
        """Take addresses back, by default all that an owner has; return them. Raises `HostError`."""
        async with self._lock:
            gone = self.allocator.holdings.release(owner, monotonic(), addresses)
            if gone:
                await self._keep()
        self._follow_use()
        return gone

    async def adopt(self, owner: str, addresses: Iterable[Cidr]) -> None:
        """Note what an owner that runs already has, whether or not others agree. Raises `HostError`: can't be kept."""
        async with self._lock:
            self._adopt(owner, tuple(addresses))
            await self._keep()
        self._event.set()

    async def prime(self) -> None:
        """Return when there is an agreement; raise `HostError`: there is none in time."""
        self.allocator.agreement.founding_wanted = True
        self._event.set()
        deadline = monotonic() + WAIT
        while self.allocator.agreement.charter is None:
            if monotonic() > deadline:
                raise HostError(f"addresses can't be handed out yet: {self.trouble or 'no agreement yet'}")
            await asyncio.sleep(0.05)

    async def remove_peer(self, peer: PeerName) -> int:
        """Note that a peer is gone for good; return how many addresses of its are free now.

        Raises:
            HostError: it is there.
        """
        agreement = self.allocator.agreement
        if peer == agreement.me or peer in self._gossip.present:
            raise HostError(
                f"{peer} is there", hint="only a peer that is gone for good can be removed; there: weave reset"
            )
        charter = agreement.charter
        count = sum(block.num_addresses for block in charter.share(peer)) if charter else 0
        agreement.gone.add(peer)
        self._event.set()
        deadline = monotonic() + WAIT
        while count and (charter := agreement.charter) is not None and charter.share(peer):
            if monotonic() > deadline:
                raise HostError(
                    f"the addresses of {peer} can't be taken over yet: {self.trouble or 'no agreement yet'}"
                )
            await asyncio.sleep(0.05)
        return count

    async def leave(self) -> None:
        """Give everything back, and the vote, as far as others can agree on it before we leave."""
        agreement = self.allocator.agreement
        async with self._lock:
            for owner in list(self.allocator.holdings.held):
                self.allocator.holdings.release(owner, monotonic())
            agreement.leaving = True
            agreement.offer(agreement.charter.share(agreement.me) if agreement.charter else ())
        self._event.set()
        deadline = monotonic() + HAND_OVER
        while self._gossip.present - {agreement.me} and monotonic() < deadline:
            charter = agreement.charter
            if charter is None or agreement.me not in {*charter.voters, *charter.shares}:
                break
            await asyncio.sleep(0.05)

    async def _ask(self, request: Request) -> Cidr:
        async with self._lock:
            self.allocator.ask(request, monotonic())
            if request.answer is not None:
                await self._keep()
        self._follow_use()
        try:
            if not request.is_done:
                await self._await_answer(request)
        finally:
            self.allocator.withdraw(request)
        if request.refusal is not None:
            raise request.refusal
        if request.answer is None:
            raise HostError(f"no address of {request.what} can be had: {self.trouble or 'all of them are in use'}")
        return request.answer

    async def _await_answer(self, request: Request) -> None:
        """Return when a request is done, and its answer on the disk, or nobody waits any more. Raises `HostError`."""
        deadline = monotonic() + WAIT
        while not request.is_done and monotonic() < deadline:
            await asyncio.sleep(0.01)
        if request.answer is not None:
            async with self._lock:
                await self._keep()

    def _adopt(self, owner: str, addresses: Iterable[Cidr]) -> None:
        for cidr in addresses:
            if spans.covers(self.options.ranges, cidr.ip):
                try:
                    self.allocator.holdings.hold(owner, cidr)
                except HostError as error:
                    logger.warning("%s has an address twice: %s", owner[:12], error)

    # -- what there is to know ---------------------------------------------------------------------------------

    @property
    def facts(self) -> Mapping[PeerName, Standing]:
        """What others say about addresses."""
        return self._gossip.facts

    @property
    def present(self) -> Set[PeerName]:
        """Who is in reach, this peer included."""
        return self._gossip.present

    @property
    def trouble(self) -> str:
        """Why addresses can't be handed out, or some of them; empty if they can."""
        agreement = self.allocator.agreement
        if rivals := agreement.rivals:
            return (
                f"two networks were begun apart, this one and that of {self._names(rivals)}: "
                "reset the hosts of one of them (weave reset), then launch them with the others as peers"
            )
        if agreement.charter is None:
            known = 1 + sum(bool(fact.ranges) for fact in self._gossip.facts.values())
            return f"awaiting consensus (quorum: {agreement.quorum}, known: {known})" if agreement.wants else ""
        if self.allocator.gate.apart:
            ips = ", ".join(str(cidr.ip) for cidr in self.allocator.taken)
            return (
                f"in use here, and not this host's any more: {ips}; until it lets them go, it gets no data from others"
            )
        if absent := agreement.absent:
            return f"{self._names(absent)} out of reach, and too few are left to agree; if it is gone: weave rmpeer"
        if clashes := self.allocator.clashes:
            ip, peer = next(iter(clashes.items()))
            return f"{ip} is in use here, and it is {self._names([peer])}'s: detach it"
        if strangers := agreement.strangers:
            return (
                f"{self._names(strangers)} hands out of another range: launch all hosts with the same --ipalloc-range"
            )
        return ""

    def _names(self, peers: Iterable[PeerName]) -> str:
        return ", ".join(f"{peer}({self.nickname(peer) or '?'})" for peer in peers)


async def _nothing() -> None:
    pass


async def _nothing_taken(owner: str, addresses: Collection[Cidr]) -> None:
    pass


EXPOSED = "weave:expose"
"""Owner of the addresses of the host itself."""
