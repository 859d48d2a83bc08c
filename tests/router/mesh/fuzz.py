"""What strangers may send, by the thousand: `python -m tests.router.mesh.fuzz --inputs 1000000`.

Two things are fed: the pure core (bytes → message → each topic of a router that has honest neighbours), and a real
router on loopback with an honest peer, which has to stay connected throughout. What the router keeps must stay bounded.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

import msgpack

from tests.router.mesh.loopback import CODEC, Node, Stranger, connected, node, until
from tests.router.mesh.worlds import address, hello, name
from weave_http.router.mesh import codec
from weave_http.router.mesh.facts import Stamp
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.membership import MOST_CLAIMS, MOST_PEERS, Membership
from weave_http.router.mesh.messages import Accept, Have, Message
from weave_http.router.mesh.neighbours import Neighbour, View
from weave_http.router.mesh.topic import Topic
from weave_http.router.mesh.topology import Link
from weave_http.router.names.gossip import NameGossip

_ROUND = 2000
"""Inputs after which a neighbour is exchanged for another one, and the wheel of time turns."""
_MOST_KEPT = 200_000
"""Entries of all sorts that the core may keep of a liar who is still there."""


class Inputs:
    """Frames, some well-formed, most nearly so. The same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._now = int(time.time() * 1e6)

    def raw(self) -> bytes:
        """Bytes that have nothing to do with the protocol, or are a good message with some bytes changed."""
        random = self._random
        if random.random() < 0.3:
            return random.randbytes(random.choice([0, 1, 3, 40, 300]))
        data = bytearray(msgpack.packb(self.structured()))
        for _ in range(random.choice([0, 1, 1, 3])):
            place = random.randrange(len(data))
            data[place : place + random.choice([0, 1])] = random.randbytes(random.choice([0, 1, 2]))
        return bytes(data)

    def structured(self) -> dict[Any, Any]:
        """A map that is a message, or would be but for some value."""
        random = self._random
        kinds = ["facts", "facts", "names", "names", "have", "have", "hello", "ask", "answer", "ping", "beat", "x"]
        kind = random.choice(kinds)
        fields: dict[str, object] = getattr(self, f"_{kind}", dict)()
        if fields and random.random() < 0.2:
            key = random.choice(list(fields))
            if random.random() < 0.3:
                del fields[key]
            else:
                fields[key] = self._anything()
        return {"t": kind if random.random() < 0.98 else self._anything(), **fields}

    def _anything(self, depth: int = 0) -> object:
        random = self._random
        simple: list[Callable[[], object]] = [
            lambda: None,
            lambda: random.random() < 0.5,
            lambda: random.randrange(-(2**63), 2**64),
            random.random,
            lambda: "x" * random.choice([0, 1, 255, 256, 2000]),
            lambda: random.randbytes(random.choice([0, 4, 64])),
            self._name,
        ]
        if depth < 3 and random.random() < 0.3:
            return [self._anything(depth + 1) for _ in range(random.randrange(4))]
        return random.choice(simple)()

    def _name(self) -> str:
        random = self._random
        number = random.randrange(1, 6) if random.random() < 0.5 else random.randrange(6, 60_000)
        return name(number) if random.random() < 0.99 else "7A:" + name(number)[3:]

    def _uid(self) -> int:
        far = self._random.random() < 0.02
        return self._random.choice(
            [2**62, 2**63 - 1] if far else [1, 5, self._now, self._now + 10**9, self._now + 10**11]
        )

    def _version(self) -> int:
        return self._random.choice([1, 2, 3, 9, 2**31, 2**40, 2**41 if self._random.random() < 0.1 else 7])

    def _link(self) -> list[object]:
        random = self._random
        ip = ".".join(str(random.randrange(256)) for _ in range(4))
        ip = "127.0.0.1" if random.random() < 0.1 else "::1" if random.random() < 0.01 else ip
        return [self._name(), ip, random.randrange(1, 65537), random.random() < 0.5]

    def _facts(self) -> dict[str, object]:
        random = self._random
        count = random.choice([0, 1, 1, 2, 200 if random.random() < 0.01 else 3])
        peers = [
            {
                "name": self._name(),
                "uid": self._uid(),
                "version": self._version(),
                "nickname": "x",
                "port": random.randrange(1, 65537),
                "links": [self._link() for _ in range(count)],
            }
            for _ in range(random.randrange(4))
        ]
        return {"peers": peers}

    def _names(self) -> dict[str, object]:
        random = self._random
        base = random.choice([0, 0, 1, 5])
        changes = [
            [base + step + 1, f"c{random.randrange(999)}.weave.local", "10.2.1.1", "ab" * 32, random.random() < 0.8]
            for step in range(random.choice([0, 1, 2, 5]))
        ]
        version = base + len(changes) + random.randrange(2)
        more = random.random() < 0.3
        return {
            "origin": self._name(),
            "uid": self._uid(),
            "version": version,
            "base": base,
            "changes": changes,
            "more": more,
        }

    def _have(self) -> dict[str, object]:
        stamps = [[self._name(), self._uid(), self._version()] for _ in range(self._random.randrange(5))]
        return {"topic": self._random.choice(["peers", "names", "keys"]), "stamps": stamps}

    def _hello(self) -> dict[str, object]:
        return {"name": self._name(), "nickname": "x", "uid": self._uid(), "port": 1, "connection": 1, "features": []}

    def _ask(self) -> dict[str, object]:
        return {"connection": self._random.getrandbits(64), "outbound": True}

    def _answer(self) -> dict[str, object]:
        return {"connection": self._random.getrandbits(64), "mine": True}


class Core:
    """What a router decides, without I/O: peer 1, with an honest neighbour 2, and a liar."""

    def __init__(self) -> None:
        self.membership, self.names = Membership(name(1), 1, "host1", 6783), NameGossip(name(1), 1)
        self.topics: list[Topic] = [self.membership, self.names]
        self.now = 0.0
        self.honest, self.liar = Neighbour(name(2)), Neighbour(name(3))
        self.connected = {name(2), name(3)}
        for topic in self.topics:
            topic.met(self.honest)
            topic.met(self.liar)
            topic.hear(self.honest, Have(topic.name, ()), self._settle(), self.now)

    def _settle(self) -> View:
        links = [Link(peer, address(2), True) for peer in sorted(self.connected)]
        view = self.membership.conclude(links, self.connected, self.now)
        for topic in self.topics:
            topic.settle(view, self.now)
        self.view = view
        return view

    def feed(self, payload: bytes) -> bool:
        """Decode and hear something from the liar; return whether it was well-formed."""
        self.now += 0.001
        try:
            message: Message = CODEC.decode(payload)
            for topic in self.topics:
                mine = message.topic == topic.name if isinstance(message, Have) else True
                if mine:
                    topic.hear(self.liar, message, self.view, self.now)
        except Malformed:
            return False
        return True

    def turn(self, *, seconds: float = 1.0) -> None:
        """Let time pass, tell everybody what is new, and exchange the liar for another one."""
        self.now += seconds
        for topic in self.topics:
            topic.parted(self.liar, self.now)
        self.liar = Neighbour(self.liar.peer)
        for topic in self.topics:
            topic.met(self.liar)
        self._settle()
        self.tell()

    def tell(self) -> None:
        """What is told must be a message that others take."""
        for topic in self.topics:
            for message in topic.tell(self.honest, self.now):
                frame = CODEC.encode(message)
                assert codec.frame_size(frame[: codec.HEADER_SIZE]) < codec.LIMIT
                CODEC.decode(frame[codec.HEADER_SIZE :])

    def end(self) -> None:
        """The liar goes for good, and a minute passes."""
        for topic in self.topics:
            topic.parted(self.liar, self.now)
        self.connected.discard(self.liar.peer)
        for _ in range(8):
            self.now += 10
            self._settle()


def core(count: int, seed: int) -> tuple[int, int]:
    """Feed the pure core; return how many inputs were well-formed, and the most entries kept."""
    inputs, it, good, most = Inputs(seed), Core(), 0, 0
    for number in range(count):
        payload = msgpack.packb(inputs.structured()) if number % 2 else inputs.raw()
        good += it.feed(payload)
        if number % _ROUND == _ROUND - 1:
            it.turn()
            assert len(it.membership.topology) <= MOST_PEERS
            assert it.membership.sources.load(it.liar) == (0, 0)
            assert it.membership.sources.total <= 16 * MOST_CLAIMS
            own = it.membership.topology.own.stamp, it.names.zone.own.stamp
            assert max(own) < Stamp(int((time.time() + 90_000) * 1e6), 0)
            most = max(most, _kept(it))
    it.end()
    assert it.membership.topology.owners <= {name(1), name(2)}, it.membership.topology.owners
    assert it.names.origins <= {name(1), name(2)}
    assert not it.membership.sources._returns
    assert not it.names.sources._returns
    assert not it.names._begun
    return good, most


def _kept(it: Core) -> int:
    """Entries of all sorts that the core keeps."""
    kept = len(it.membership.topology) + it.membership.sources.total + len(it.names.entries(it.now))
    for topic in (it.membership, it.names):
        kept += sum(len(known or ()) for known in topic._known.values())
        sources = topic.sources
        kept += len(sources._returns) + len(sources._withdrawn) + len(sources._of)
    assert kept < _MOST_KEPT
    return kept


async def _router(count: int, seed: int) -> None:
    inputs = Inputs(seed)
    async with node(1) as one, node(2, one.target) as honest:
        await until(connected(one, honest))
        before = one.connections[name(2)]
        sent = 0
        while sent < count:
            sent += await _lie(one, inputs, min(50, count - sent))
        await until(lambda: set(one.connections) == {name(2)}, within=20)
        assert one.connections[name(2)] is before
        assert (honest.terminations, before.hello.uid) == (0, 1)


async def _lie(one: Node, inputs: Inputs, count: int) -> int:
    """Join under a free name and send until the router has had enough; return how many were sent."""
    async with await Stranger.meet(one) as liar:
        liar.writer.write(codec.prelude())
        liar.say(hello(3, uid=2), Accept())
        sent = 0
        try:
            for _ in range(count):
                payload = inputs.raw() if inputs._random.random() < 0.02 else msgpack.packb(inputs.structured())
                liar.writer.write(len(payload).to_bytes(4, "big") + payload)
                sent += 1
            await liar.writer.drain()
            liar.writer.write_eof()
            await liar.ends(5.0)
        except OSError:
            pass
        return sent


def router(count: int, seed: int) -> None:
    """Feed a real router on loopback, which has an honest peer."""
    asyncio.run(_router(count, seed))


def main(argv: list[str]) -> None:
    """Run for long, and say how it went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(argv)
    began = time.monotonic()
    good, most = core(options.inputs, options.seed)
    router(options.inputs // 20, options.seed)
    print(
        f"seed {options.seed}: {options.inputs} inputs, {good} well-formed, at most {most} entries kept,"
        f" {time.monotonic() - began:.0f} s; the honest peer stayed connected"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
