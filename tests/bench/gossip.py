"""What the gossip of who is there costs among many peers: its pure core, all peers in one process, no sockets.

Time is simulated, and goes on without the processor; messages are made into bytes and read again as between routers.
`python -m tests.bench.gossip [PEERS[xDIALS] …]` prints the table that docs/mesh.md has.
"""

from __future__ import annotations

import heapq
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from random import Random

from tests.bench.figures import Cells, Table
from weave_http.addresses import parse_ip
from weave_http.records import dataclass
from weave_http.router.mesh.codec import HEADER_SIZE, Codec
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.membership import Membership
from weave_http.router.mesh.neighbours import NOBODY, Neighbour
from weave_http.router.mesh.peering import SETTLE, settle_delay
from weave_http.router.mesh.targets import Target, Targets
from weave_http.router.mesh.topology import Address, Link

SIZES = ("10", "30", "60", "100")
"""Peers of a full mesh; or peers, and how many others each of them dials when it does not dial all it hears of."""
LATENCY = 0.001
"""Seconds for a message."""
DIAL = 0.01
"""Seconds for a connection and its handshake."""
START = 0.5
"""Seconds within which all begin."""
_LOOK = 0.25
_GIVE_UP = 600.0
_PORT = 6783


@dataclass(frozen=True, slots=True)
class Cost:
    """What it took until everybody knew everything.

    Args:
        peers: how many there were.
        dials: how many others each of them dialled; None if all.
        linked: seconds of simulated time until all connections were there.
        seconds: the same until everybody knew everything.
        processor: seconds of this machine's processor, of all peers together.
        messages: all that were sent.
        size: their bytes.
        changes: the most often that one peer said something new of itself.
    """

    peers: int
    dials: int | None
    linked: float
    seconds: float
    processor: float
    messages: int
    size: int
    changes: int


class World:
    """Peers, and what travels between them.

    Args:
        peers: how many.
        dials: how many others each of them dials; None for one seed, and then all that it hears of.
        seed: of all chance.
    """

    def __init__(self, peers: int, dials: int | None = None, seed: int = 1) -> None:
        self.random = Random(seed)
        self.now = 0.0
        self.messages = self.size = 0
        self.codec = Codec(Membership.kinds)
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self.peers = [Peer(self, number, discovery=dials is None) for number in range(peers)]
        for peer in self.peers:
            others = [self.peers[0]] if dials is None else self.random.sample(self.peers, dials)
            given = [str(other.listens) for other in others if other is not peer]
            self.after(self.random.random() * START, partial(peer.dial_these, given))

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Do something later."""
        heapq.heappush(self._queue, (self.now + seconds, next(self._numbers), what))

    def run(self, seconds: float) -> None:
        """Let so many seconds pass."""
        until = self.now + seconds
        while self._queue and self._queue[0][0] <= until:
            self.now, _, what = heapq.heappop(self._queue)
            what()
        self.now = until

    def is_linked(self) -> bool:
        """Tell whether all have the connections that they want."""
        return all(peer.is_linked for peer in self.peers)

    def knows_all(self) -> bool:
        """Tell whether everybody knows what everybody says, and says which connections it has."""
        if any(peer.membership.topology.own.value.peers != peer.neighbours.keys() for peer in self.peers):
            return False
        said = {peer.name: peer.membership.topology.own.stamp for peer in self.peers}
        return all({fact.owner: fact.stamp for fact in peer.membership.topology} == said for peer in self.peers)


class Peer:
    """One peer: the pure parts of a router, joined as `weave_http.router.mesh.peering` joins them."""

    def __init__(self, world: World, number: int, *, discovery: bool) -> None:
        self.world = world
        self.name = PeerName(f"7a:00:00:00:{number >> 8:02x}:{number & 255:02x}")
        self.listens = Address(parse_ip(f"10.0.{number >> 8}.{number & 255}"), _PORT)
        self.membership = Membership(self.name, 1, f"host{number}", _PORT)
        self.targets = Targets(self.name, _PORT, world.random.random)
        self.neighbours: dict[PeerName, tuple[Neighbour, Peer]] = {}
        self.links: dict[PeerName, Link] = {}
        self._discovery = discovery
        self._settling = self._looking = False
        self._woken: set[PeerName] = set()

    @property
    def is_linked(self) -> bool:
        """Whether there is nobody left to be dialled."""
        missing = self._discovery and len(self.neighbours) < len(self.world.peers) - 1
        return not missing and all(target.peer in self.neighbours for target in self.targets)

    def dial_these(self, addresses: list[str]) -> None:
        """Begin."""
        self.targets.add(addresses, self.world.now)
        self.look()

    def look(self) -> None:
        """Dial who is due."""
        for target in self.targets.due(self.neighbours.keys(), self.world.now):
            self.world.after(DIAL, partial(self._dialled, target))
        next_at = self.targets.next_at(self.neighbours.keys(), self.world.now)
        if next_at is not None and not self._looking:
            self._looking = True
            self.world.after(max(0.02, next_at - self.world.now), self._look_again)

    def _look_again(self) -> None:
        self._looking = False
        self.look()

    def _dialled(self, target: Target) -> None:
        ip = str(target.resolved.ip if target.resolved else target.where.host).split(".")
        other = self.world.peers[int(ip[2]) * 256 + int(ip[3])]
        self.targets.reached(target, other.name)
        if other.name not in self.neighbours:
            self._meet(other, outbound=True)
            other._meet(self, outbound=False)
        self.look()

    def _meet(self, other: Peer, *, outbound: bool) -> None:
        neighbour = Neighbour(other.name)
        self.neighbours[other.name] = neighbour, other
        self.links[other.name] = Link(other.name, other.listens, outbound)
        self.membership.met(neighbour)
        self.changed()

    def changed(self) -> None:
        """Conclude in a moment."""
        if not self._settling:
            self._settling = True
            self.world.after(settle_delay(len(self.neighbours)), self._settle)

    def _settle(self) -> None:
        self._settling = False
        now, membership = self.world.now, self.membership
        view = membership.conclude(self.links.values(), self.neighbours.keys(), now)
        next_at = membership.settle(view, now)
        if self._discovery:
            self.targets.learn(membership.leads, self.neighbours.keys(), now)
        for name in self.neighbours:
            self._wake(name)
        self.look()
        if next_at is not None:
            self.world.after(max(SETTLE, next_at - now), self.changed)

    def _wake(self, name: PeerName) -> None:
        if name not in self._woken:
            self._woken.add(name)
            self.world.after(0.0, partial(self._tell, name))

    def _tell(self, name: PeerName) -> None:
        self._woken.discard(name)
        neighbour, other = self.neighbours[name]
        for message in self.membership.tell(neighbour, self.world.now):
            data = self.world.codec.encode(message)
            self.world.messages += 1
            self.world.size += len(data)
            self.world.after(LATENCY, partial(other.hear, self.name, data[HEADER_SIZE:]))

    def hear(self, speaker: PeerName, data: bytes) -> None:
        """Take in a message."""
        message = self.world.codec.decode(data)
        neighbour, _ = self.neighbours[speaker]
        if self.membership.hear(neighbour, message, self.membership.view or NOBODY, self.world.now):
            self.changed()
        self._wake(speaker)


def converge(peers: int, dials: int | None = None, seed: int = 1) -> Cost:
    """Let peers begin at the same moment, and return what it took until everybody knew everything."""
    began = time.process_time()
    world = World(peers, dials, seed)
    linked = 0.0
    while not linked or not world.knows_all():
        assert world.now < _GIVE_UP, "they do not converge"
        world.run(_LOOK)
        if not linked and world.is_linked():
            linked = world.now
    used = time.process_time() - began
    changes = max(peer.membership.topology.own.stamp.version for peer in world.peers)
    return Cost(peers, dials, linked, world.now, used, world.messages, world.size, changes)


def rows(sizes: Iterator[str]) -> Iterator[Cells]:
    """Yield a row for each size."""
    for size in sizes:
        peers, _, dials = size.partition("x")
        cost = converge(int(peers), int(dials) if dials else None)
        each = f"{cost.messages / cost.peers:.0f}", f"{cost.size / cost.peers / 1000:.0f} kB"
        shape = f"{cost.dials} each" if cost.dials else "all"
        processor = f"{1000 * cost.processor / cost.peers:.0f} ms"
        yield (
            str(cost.peers),
            shape,
            f"{cost.linked:.1f} s",
            f"{cost.seconds:.1f} s",
            str(cost.changes),
            *each,
            processor,
        )


def main(sizes: list[str]) -> None:
    """Print the table."""
    titles = ("peers", "dial", "linked", "all known", "rounds", "messages", "bytes", "processor")
    notes = [
        "Seconds are simulated. Rounds: the most often that one peer said something new of itself. Messages, bytes and "
        "processor time are those of one peer, on average."
    ]
    print(Table("Gossip of who is there, without sockets", titles, list(rows(iter(sizes or SIZES))), notes).text())


if __name__ == "__main__":
    main(sys.argv[1:])
