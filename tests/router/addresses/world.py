"""Peers that hand out addresses over a network that a test breaks: the pure core, with facts carried by hand."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import combinations, product
from random import Random

from weave_http.addresses import IP, Cidr, Network
from weave_http.records import dataclass, field
from weave_http.router.addresses.agreement import Agreement
from weave_http.router.addresses.allocator import Allocator, Request
from weave_http.router.addresses.charter import Charter, continues
from weave_http.router.addresses.gate import Passed
from weave_http.router.addresses.holdings import Holdings
from weave_http.router.addresses.standing import Memory, Standing
from weave_http.router.mesh.identity import PeerName

RANGE: Network = ip_network("10.32.0.0/26")
SIX: Network = ip_network("fd00:32::/122")


@dataclass
class Host:
    """One peer.

    Attributes:
        disk: what it wrote last: its memory, what it handed out, and what its gate keeps, or nothing.
        allocator: None while it is down.
        heard: the latest that each other one said, with its stamp.
        dead: it never comes back.
        admitted: with whom its kernel exchanges frames, as its router said last; that router may be gone.
        ending: its router ends the next time that it has written something, and before its kernel follows.
        left: the same as an earlier router left it, of those of which its router has heard nothing yet.
    """

    name: PeerName
    disk: tuple[Memory, dict[str, tuple[Cidr, ...]], Passed] | None = None
    allocator: Allocator | None = None
    heard: dict[PeerName, tuple[int, Standing]] = field(default_factory=dict)
    said: list[tuple[int, Standing, Charter | None]] = field(default_factory=list)
    dead: bool = False
    running: dict[str, tuple[Cidr, ...]] = field(default_factory=dict)
    admitted: frozenset[PeerName] = frozenset()
    ending: bool = False
    left: frozenset[PeerName] = frozenset()

    @property
    def network(self) -> Charter | None:
        """The charter that it has, or had when it ended."""
        return self.disk[0].charter if self.disk else None

    @property
    def share(self) -> tuple[Network, ...]:
        """What it may hand out; nothing while it is down."""
        return self.allocator.agreement.share if self.allocator else ()

    @property
    def addresses(self) -> set[IP]:
        """What its containers have."""
        return {cidr.ip for each in self.running.values() for cidr in each}


class World:
    """Peers, each of which knows what it heard; `links` says who reaches whom."""

    def __init__(
        self, count: int, seed: int, range_: Network = RANGE, *further: Network, reclaim: float | None = None
    ) -> None:
        self.random = Random(seed)
        self.reclaim = reclaim
        self.ranges = (range_, *further)
        self.now = 0.0
        self.stamp = 0
        self.first = count
        self.hosts: dict[PeerName, Host] = {}
        self.cut: set[frozenset[PeerName]] = set()
        self.containers = 0
        for _ in range(count):
            self.add(first=True)

    def add(self, *, first: bool = False) -> Host:
        """Start another peer."""
        name = PeerName(f"02:00:00:00:00:{len(self.hosts) + 1:02x}")
        host = self.hosts[name] = Host(name)
        self.start(host, first=first)
        return host

    @property
    def up(self) -> list[Host]:
        """The peers that run."""
        return [host for host in self.hosts.values() if host.allocator is not None]

    @property
    def living(self) -> list[Host]:
        """The peers that run, or may run again."""
        return [host for host in self.hosts.values() if not host.dead]

    # -- what may happen ---------------------------------------------------------------------------------------

    def start(self, host: Host, *, first: bool = False) -> None:
        """Start a router; its containers ran all the time. Who is none of the first ones founds no network alone."""
        memory, held, passed = host.disk or (Memory(self.random.getrandbits(60) + 1), {}, None)
        count = self.first if first else len(self.hosts)
        agreement = Agreement(host.name, self.ranges, self.ranges, memory, count=count, reclaim=self.reclaim)
        holdings = Holdings(host.running if host.disk is None else held)
        host.allocator = Allocator(agreement, holdings, self.ranges, passed)
        host.allocator.gate.note(memory.charter, {}, apart=False)
        host.left = host.admitted
        for owner, addresses in host.running.items():
            for cidr in addresses:
                host.allocator.holdings.hold(owner, cidr)
        host.heard = {}
        self.settle(host)

    def crash(self, host: Host, *, lose: bool = False) -> None:
        """End a router at once; its containers go on."""
        host.allocator = None
        if lose:
            host.disk = None

    def reset(self, host: Host) -> None:
        """Say `weave reset` there, and launch it again."""
        host.allocator, host.disk, host.running, host.admitted = None, None, {}, frozenset()
        self.start(host)

    def kill(self, host: Host) -> None:
        """End a host for good, with its containers."""
        host.allocator, host.dead, host.running = None, True, {}

    def rmpeer(self, hosts: list[Host]) -> None:
        """Say on some hosts at once that all those are gone for good that are."""
        for host in hosts:
            assert host.allocator is not None
            host.allocator.agreement.gone |= {each.name for each in self.hosts.values() if each.dead}
            self.settle(host)

    def run(self, host: Host) -> Request:
        """Start a container without an address."""
        self.containers += 1
        return self.ask(host, f"{self.containers:064x}", self.ranges[self.containers % len(self.ranges)])

    def ask(self, host: Host, owner: str, what: Network | Cidr) -> Request:
        """Ask for an address."""
        assert host.allocator is not None
        request = Request(owner, what, self.now)
        host.allocator.ask(request, self.now)
        self.settle(host)
        return request

    def remove(self, host: Host, owner: str) -> None:
        """Remove a container."""
        assert host.allocator is not None
        host.running.pop(owner, None)
        host.allocator.holdings.release(owner, self.now)
        self.settle(host)

    def deliver(self, source: Host, target: Host, index: int = -1) -> None:
        """Have a peer hear something that another one said once; the latest stamp counts."""
        if not self.reach(source, target) or not source.said:
            return
        stamp, standing, charter = source.said[index]
        if target.heard.get(source.name, (0, standing))[0] <= stamp:
            target.heard[source.name] = (stamp, standing)
        target.left -= {source.name}
        assert target.allocator is not None
        if charter is not None:
            target.allocator.agreement.learn(charter)
        for other, heard in source.heard.items():
            if other != target.name and target.heard.get(other, (0, None))[0] < heard[0]:
                target.heard[other] = heard
        self.settle(target)

    def settle(self, host: Host) -> None:
        """Conclude, write it to the disk, and only then say it."""
        assert host.allocator is not None
        allocator = host.allocator
        present = {host.name} | {
            other.name for other in self.up if self.reach(host, other) and other.name in host.heard
        }
        allocator.step({name: fact for name, (_, fact) in host.heard.items()}, present, self.now)
        for cidr in allocator.taken:
            owner = allocator.holdings.owner(cidr.ip)
            if cidr.ip in allocator.clashes and owner is not None:
                allocator.holdings.release(owner, self.now, [cidr.ip])
        host.disk = (allocator.agreement.memory, dict(allocator.holdings.held), allocator.gate.passed)
        if host.ending:
            host.ending, host.allocator = False, None
            return
        self.follow(host)
        host.running = dict(allocator.holdings.held)
        standing = allocator.agreement.standing
        if not host.said or host.said[-1][1] != standing:
            self.stamp += 1
            host.said.append((self.stamp, standing, allocator.agreement.charter))

    def follow(self, host: Host) -> None:
        """Have a host exchange frames with those that its router admits of whom it has heard, or that were left to it.

        Nobody says whether they pass at all.
        """
        assert host.allocator is not None
        gate = host.allocator.gate
        heard = frozenset(filter(gate.admits, {host.name, *host.heard}))
        host.admitted = heard | (host.left if gate.admits("") else frozenset())
        gate.applied()
        host.disk = (host.allocator.agreement.memory, dict(host.allocator.holdings.held), gate.passed)

    def meet(self, one: Host, two: Host) -> bool:
        """Tell whether frames of one host may come to another one: its own do, and else both have to want it."""
        return one is two or (two.name in one.admitted and one.name in two.admitted)

    def reach(self, one: Host, two: Host) -> bool:
        """Tell whether two peers that run are connected."""
        both = one.allocator is not None and two.allocator is not None and one is not two
        return both and frozenset((one.name, two.name)) not in self.cut

    # -- what must hold ----------------------------------------------------------------------------------------

    def check(self) -> None:
        """Nobody meets two containers of one network with the same address, nor two that hand out the same.

        What nobody took from a silent host is not even at two of them at all. And there are no two charters of one
        number in a network.
        """
        charters = [host.network for host in self.hosts.values() if host.network]
        agreed = {(charter.number, charter.founding): charter for charter in charters}
        for charter in charters:
            assert charter == agreed[charter.number, charter.founding], f"two charters are number {charter.number}"
        living = [host for host in self.hosts.values() if not host.dead]
        for one, two in combinations(living, 2):
            if one.network and two.network and not is_kin(one.network, two.network):
                continue
            if not any(self.meet(each, one) and self.meet(each, two) for each in living):
                continue
            had = one.addresses & two.addresses
            assert not had, f"{had} are had by two containers"
            for block, other in product(one.share, two.share):
                assert not block.overlaps(other), f"{block} is in two shares"

    @property
    def networks(self) -> list[list[Host]]:
        """The peers that run, by networks that were begun apart; the largest one first."""
        found: list[list[Host]] = []
        for host in self.up:
            for each in found:
                if host.network and each[0].network and is_kin(host.network, each[0].network):
                    each.append(host)
                    break
            else:
                found.append([host])
        return sorted(found, key=len, reverse=True)

    def heal(self) -> None:
        """Let all reach each other and time pass, until nobody has had anything to say for a while."""
        self.cut.clear()
        quiet, told = 0, dict[tuple[PeerName, PeerName], int]()
        for _ in range(2000):
            if quiet >= 8:
                return
            before = self.stamp
            self.now += 10.0 if quiet else 0.1
            for source in self.up:
                for target in self.up:
                    if source is not target and told.get((source.name, target.name)) != source.said[-1][0]:
                        self.deliver(source, target)
                        told[source.name, target.name] = source.said[-1][0]
            for host in self.up if quiet else ():
                self.settle(host)
            if self.stamp == before:
                quiet += 1
            else:
                quiet = 0
                self.check()
        raise AssertionError("they never come to an end")


def is_kin(one: Charter, two: Charter) -> bool:
    """Tell whether two charters are of one network."""
    return continues(one.founding, two.number, two.founding) or continues(two.founding, one.number, one.founding)
