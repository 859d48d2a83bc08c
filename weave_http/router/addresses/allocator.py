"""Hands out addresses: what is asked for here, out of the share that was agreed on. Pure; time is an argument."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set

from weave_http.addresses import IP, Cidr, Network
from weave_http.errors import HostError
from weave_http.records import dataclass
from weave_http.router.addresses import spans
from weave_http.router.addresses.agreement import Agreement
from weave_http.router.addresses.gate import Gate, Passed
from weave_http.router.addresses.holdings import Holdings
from weave_http.router.addresses.standing import Standing
from weave_http.router.mesh.identity import PeerName

CLAIM_PATIENCE = 5.0
"""Seconds after which an address in another peer's share, that this peer does not let go, counts as taken."""
MOST_WANTS = 64
"""Wants that are said at once; the others follow."""
LOW = 8
"""A share of which less than such a part is free gets more in advance, so that it lasts if the network is cut."""


@dataclass(eq=False)
class Request:
    """Something asked for on this host.

    Args:
        owner: who is to have it.
        what: a subnet to find an address in, or the address itself.
        since: when it was asked for.
        answer: what it got, None yet.
        refusal: why it gets nothing.
    """

    owner: str
    what: Network | Cidr
    since: float
    answer: Cidr | None = None
    refusal: HostError | None = None

    @property
    def cidr(self) -> Cidr | None:
        """The address, where one was given."""
        return self.what if hasattr(self.what, "ip") else None  # type: ignore[return-value]

    @property
    def is_done(self) -> bool:
        """Whether it was answered or refused."""
        return self.answer is not None or self.refusal is not None


class Allocator:
    """The addresses of one host.

    Args:
        agreement: who may hand out what.
        holdings: who has what here.
        defaults: the subnets for those who name none.
        passed: what was kept of the gate; None if nothing was.
    """

    def __init__(
        self, agreement: Agreement, holdings: Holdings, defaults: Sequence[Network], passed: Passed | None = None
    ) -> None:
        self.agreement = agreement
        self.gate = Gate(agreement.ranges, passed)
        self.holdings = holdings
        self.defaults = tuple(defaults)
        self.avoided: Callable[[], Collection[Network]] = tuple
        """Returns subnets that have a purpose: out of larger ones they are used only when nothing else is free."""
        self.reserved: Callable[[], Collection[Network]] = tuple
        """Returns addresses that only who names them gets, each as a network of one."""
        self.pending: list[Request] = []
        self.clashes: dict[IP, PeerName] = {}
        """Addresses in use here that are in the share of a peer that does not let them go."""
        self._stray_since: dict[IP, float] = {}

    def ask(self, request: Request, now: float) -> None:
        """Answer a request at once if that is possible; else it is pending."""
        self._serve(request, now)
        if not request.is_done:
            self.pending.append(request)

    def withdraw(self, request: Request) -> None:
        """Stop looking for an answer."""
        if request in self.pending:
            self.pending.remove(request)

    def step(self, facts: Mapping[PeerName, Standing], present: Set[PeerName], now: float) -> float | None:
        """Conclude what follows from what all say, and answer what can be answered; return when to do so again."""
        agreement = self.agreement
        agreement.used = len(self.holdings)
        self._want(now)
        due = agreement.step(facts, present, now)
        said = agreement.wants, agreement.offers, agreement.used
        self._offer(facts, present, now)
        self._note_strays(now)
        for request in sorted(self.pending, key=lambda each: each.cidr is None):  # given addresses come first
            self._serve(request, now)
            self._refuse(request, now)
        self.pending = [request for request in self.pending if not request.is_done]
        agreement.used = len(self.holdings)
        self._want(now)
        if (agreement.wants, agreement.offers, agreement.used) != said:
            due = agreement.step(facts, present, now)
        self.note_gate(facts)
        times = [due] if due is not None else []
        times += [request.since + CLAIM_PATIENCE for request in self.pending if request.cidr]
        times += [since + CLAIM_PATIENCE for since in self._stray_since.values()]
        if self.pending and self.holdings.wakes_at is not None:
            times.append(self.holdings.wakes_at)
        return min((at for at in times if at > now), default=None)

    def note_gate(self, facts: Mapping[PeerName, Standing]) -> None:
        """Have the gate follow what is known by now."""
        self.gate.note(self.agreement.charter, facts, apart=bool(self.taken))

    @property
    def taken(self) -> list[Cidr]:
        """What is in use here of addresses that are not this host's any more, or have expired."""
        agreement, charter = self.agreement, self.agreement.charter
        if charter is None or not charter.barrier:
            return []
        mine = () if agreement.me in charter.expired else charter.share(agreement.me)
        strays = self.holdings.strays(agreement.ranges, agreement.share)
        return [cidr for cidr in strays if not spans.covers(mine, cidr.ip)]

    def _serve(self, request: Request, now: float) -> None:
        agreement, cidr = self.agreement, request.cidr
        try:
            if cidr is not None:
                if spans.covers(agreement.share, cidr.ip) or self.holdings.owner(cidr.ip) is not None:
                    self.holdings.hold(request.owner, cidr)
                    request.answer = cidr
            else:
                subnet: Network = request.what  # type: ignore[assignment]
                have = next(iter(self.holdings.of(request.owner, subnet)), None)
                rivals = agreement.rivals
                if have is None and rivals:
                    return
                request.answer = have or self._allocate(request.owner, subnet, now)
        except HostError as error:
            request.refusal = error

    def _allocate(self, owner: str, subnet: Network, now: float) -> Cidr | None:
        avoided = [each for each in self.avoided() if each != subnet and spans.within((subnet,), each)]
        reserved = self.reserved()
        share = spans.without(self.agreement.share, reserved) if reserved else self.agreement.share
        found = self.holdings.allocate(owner, subnet, spans.without(share, avoided), now) if avoided else None
        return found or self.holdings.allocate(owner, subnet, share, now)

    def _refuse(self, request: Request, now: float) -> None:
        cidr, charter = request.cidr, self.agreement.charter
        if request.is_done or cidr is None or charter is None or now - request.since < CLAIM_PATIENCE:
            return
        owner = charter.owner(as_block(cidr.ip))
        if owner not in (None, self.agreement.me):
            request.refusal = HostError(
                f"{cidr.ip} is owned by other peer {owner}", hint="it is in use there, or that host is out of reach"
            )

    def _want(self, now: float) -> None:
        agreement = self.agreement
        wants: dict[Network, None] = {}
        for request in self.pending:
            wants[as_block(request.cidr.ip) if request.cidr else request.what] = None  # type: ignore[index]
        for cidr in self.holdings.strays(agreement.ranges, agreement.share):
            wants[as_block(cidr.ip)] = None
        share, charter = agreement.share, agreement.charter
        if share and charter and not wants:
            for default in self.defaults:
                mine = spans.size(spans.inside(default, share))
                if charter.pool(default) and self.holdings.free(default, share, now) * LOW < mine:
                    wants[default] = None
        agreement.wants = tuple(wants)[:MOST_WANTS]

    def _offer(self, facts: Mapping[PeerName, Standing], present: Set[PeerName], now: float) -> None:
        """Let go of a part of what is free here, where others look for addresses and the pool has none left."""
        agreement, charter = self.agreement, self.agreement.charter
        if charter is None or agreement.offers:
            return
        here = (charter.number, charter.founding)
        for peer, fact in facts.items():
            if peer not in present or peer == agreement.me or (fact.number, fact.founding) != here:
                continue
            for want in fact.wants:
                if charter.pool(want):
                    continue
                spare = self.holdings.spare(want, agreement.share, now)
                if spare is not None:
                    agreement.offer([spare])

    def _note_strays(self, now: float) -> None:
        strays = [cidr.ip for cidr in self.holdings.strays(self.agreement.ranges, self.agreement.share)]
        self._stray_since = {ip: self._stray_since.get(ip, now) for ip in strays}
        charter = self.agreement.charter
        owners = {
            ip: charter.owner(as_block(ip))
            for ip, since in self._stray_since.items()
            if charter is not None and now - since >= CLAIM_PATIENCE
        }
        self.clashes = {ip: owner for ip, owner in owners.items() if owner not in (None, self.agreement.me)}


def as_block(ip: IP) -> Network:
    """Return an address as a block of one."""
    return spans.block(_ANY[ip.version], int(ip), 1)


_ANY: dict[int, Network] = {}


def _networks() -> None:
    from ipaddress import ip_network

    _ANY.update({4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")})


_networks()
