"""Routers' meshes in one event loop, each on a loopback address of its own, and a peer that says what the test says."""

from __future__ import annotations

import asyncio
import os
import typing
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from time import monotonic
from types import TracebackType

from tests.router.mesh.worlds import hello, name
from weave_http.addresses import IP, parse_ip
from weave_http.router.mesh import codec
from weave_http.router.mesh.channels import Channel
from weave_http.router.mesh.codec import Codec
from weave_http.router.mesh.identity import Self
from weave_http.router.mesh.membership import Membership
from weave_http.router.mesh.messages import Accept, Have, Hello, Message
from weave_http.router.mesh.peering import Peering
from weave_http.router.mesh.topic import Topic
from weave_http.router.mesh.topology import Address, PeerFact
from weave_http.router.names.gossip import NameGossip

PORT = 6783
CODEC = Codec((*Membership.kinds, *NameGossip.kinds))


def ip(number: int) -> IP:
    """A loopback address that no other run of the tests uses at this time."""
    pid = os.getpid()
    return parse_ip(f"127.{(pid >> 8 & 127) + 1}.{pid & 255}.{number}")


class Node(Peering):
    """A mesh's node that notes which peers come and go; all are on one host, which routers aren't."""

    def __init__(self, me: Self, topics: Sequence[Topic] | None = None, channel: Channel | None = None) -> None:
        self.heard: list[str] = []
        self._before: dict[str, IP] = {}
        self.names = NameGossip(me.name, me.uid)
        known = [self.names] if topics is None else topics
        super().__init__(me, self._listen, known, is_own=lambda ip: False, channel=channel)

    def _listen(self) -> None:
        now = self.connected
        self.heard += [f"up {peer[-2:]} {str(now[peer]).rpartition('.')[2]}" for peer in now.keys() - self._before]
        gone = self._before.keys() - now
        self.heard += [f"{'lost' if peer in self.lost else 'goodbye'} {peer[-2:]}" for peer in gone]
        self._before = now

    @property
    def target(self) -> str:
        """How others spell it."""
        return str(Address(self.me.host, self.me.port))

    @property
    def errors(self) -> list[str]:
        """The last failure of each target."""
        return [target.error for target in self.targets]

    def peer(self, number: int) -> PeerFact | None:
        """What it knows of a peer."""
        return self.membership.topology.get(name(number))


@asynccontextmanager
async def node(
    number: int,
    *targets: str,
    nickname: str = "",
    uid: int = 1,
    limit: int = 200,
    place: int = 0,
    topics: Sequence[Topic] | None = None,
) -> AsyncIterator[Node]:
    """A running node, by default with name, nickname and address by its number."""
    nickname = nickname or f"host{number}"
    it = Node(Self(name(number), nickname, uid, ip(place or number), PORT, limit, discovery=True), topics)
    it.listen()
    it.start()
    it.connect(list(targets))
    try:
        yield it
    finally:
        await it.stop()


class Stranger:
    """A connection to a node on which the test speaks for the other side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def meet(cls, it: Node) -> typing.Self:
        """Connect to a node."""
        reader, writer = await asyncio.open_connection(str(it.me.host), it.me.port, local_addr=(str(ip(200)), 0))
        return cls(reader, writer)

    async def __aenter__(self) -> typing.Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()
        with suppress(OSError):  # it had been reset
            await self.writer.wait_closed()

    def say(self, *messages: Message) -> None:
        """Send messages."""
        self.writer.write(b"".join(map(CODEC.encode, messages)))

    async def greet(self, mine: Hello) -> Hello:
        """Exchange preludes and hellos."""
        self.writer.write(codec.prelude())
        self.say(mine)
        assert codec.read_prelude(await self.reader.readexactly(codec.PRELUDE_SIZE)) == codec.VERSIONS
        theirs = await self.hear()
        assert isinstance(theirs, Hello)
        return theirs

    async def join(self, mine: Hello) -> Message:
        """Shake hands; return the node's verdict."""
        await self.greet(mine)
        self.say(Accept())
        return await self.hear()

    async def hear(self) -> Message:
        """Return the next message."""
        size = codec.frame_size(await self.reader.readexactly(codec.HEADER_SIZE))
        return CODEC.decode(await self.reader.readexactly(size))

    async def ends(self, within: float = 3.0) -> bool:
        """Return whether the node ends the connection in time, whatever it says before."""
        try:
            async with asyncio.timeout(within):
                while await self.reader.read(65536):
                    pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True


@asynccontextmanager
async def member(it: Node, number: int, *, uid: int = 1, connection: int = 1) -> AsyncIterator[Stranger]:
    """A stranger that became a peer."""
    async with await Stranger.meet(it) as stranger:
        assert await stranger.join(hello(number, uid=uid, connection=connection)) == Accept()
        await until(lambda: name(number) in it.connections)
        stranger.say(Have("peers", ()), Have("names", ()))
        yield stranger


async def until(condition: Callable[[], bool], within: float = 5.0) -> None:
    """Return when something holds."""
    deadline = monotonic() + within
    while not condition():
        assert monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.002)


def connected(*nodes: Node) -> Callable[[], bool]:
    """A condition: each node has a connection to each other one."""
    return lambda: all(set(one.connections) >= {other.me.name for other in nodes if other is not one} for one in nodes)


def numbers(nodes: Sequence[Node]) -> list[set[int]]:
    """The numbers of each node's connections."""
    return [{connection.number for connection in it.connections.values()} for it in nodes]
