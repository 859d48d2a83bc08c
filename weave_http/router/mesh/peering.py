"""The mesh: listening, dialling, judging, and telling each other the facts.

All of it runs in one event loop. What is decided is decided elsewhere and pure: whom to dial and when
(`targets`), whom to take (`handshake`), who is there and what to tell whom (`facts`, `topology`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Collection
from functools import partial
from math import log2
from random import sample
from time import monotonic

from weave_http.addresses import IP, parse_ip
from weave_http.errors import WeaveError
from weave_http.router.data.plan import Lost, with_lost, without
from weave_http.router.mesh import codec
from weave_http.router.mesh.bucket import TokenBucket
from weave_http.router.mesh.codec import Facts, Have, Hello, Malformed, Message, Names
from weave_http.router.mesh.connections import HANDSHAKE_TIMEOUT, Closed, Connection, Wire
from weave_http.router.mesh.gossip import Gossip
from weave_http.router.mesh.handshake import Refusal, Refused, judge
from weave_http.router.mesh.identity import Self
from weave_http.router.mesh.introduction import exchange_verdicts, greet
from weave_http.router.mesh.resolve import parse_target, resolve
from weave_http.router.mesh.sockets import dial, listen, reason, set_patience
from weave_http.router.mesh.table import Table
from weave_http.router.mesh.targets import Target, Targets
from weave_http.router.mesh.topology import Address
from weave_http.router.names.gossip import NameGossip
from weave_http.router.tasks import Tasks

logger = logging.getLogger(__name__)

SETTLE = 0.02
"""Seconds for which changes are collected before anyone is told."""
FULL_STATE = 30.0
"""Seconds after which a few peers are told everything again."""


class Peering:
    """This router's part in the mesh.

    Args:
        me: who we are.
        changed: called when somebody was connected or lost.

    Attributes:
        lost: peers whose connection ended without a goodbye, by name.
    """

    def __init__(self, me: Self, changed: Callable[[], None]) -> None:
        self.me = me
        self.targets = Targets(me.name)
        self.gossip = Gossip(me.name, me.uid, me.nickname, me.port)
        self.names = NameGossip(me.name, me.uid)
        self._table = Table()
        self.terminations = 0
        self.lost: dict[str, Lost] = {}
        self._tell_changed = changed
        self._tasks = Tasks("a connection")
        self._socket: socket.socket | None = None
        self._dial = asyncio.Event()
        self._settling: asyncio.TimerHandle | None = None
        self._settle_time = 0.0

    @property
    def connections(self) -> dict[str, Connection]:
        """The established connections by the name of their peer."""
        return self._table.established

    @property
    def connected(self) -> dict[str, IP]:
        """The underlay addresses of the connected peers by name."""
        return {peer: parse_ip(str(connection.remote.ip)) for peer, connection in self.connections.items()}

    def listen(self) -> None:
        """Open the port.

        Raises:
            HostError: it is taken.
        """
        self._socket = listen(self.me.host, self.me.port)

    def start(self) -> None:
        """Begin to accept and to dial."""
        for work in (self._accept(), self._make_connections(), self._tell_everything()):
            self._tasks.start(work)

    async def stop(self) -> None:
        """End all connections without a goodbye: peers keep sending us data for a while."""
        if self._settling is not None:
            self._settling.cancel()
        await self._tasks.stop()
        if self._socket is not None:
            self._socket.close()

    async def leave(self) -> None:
        """Tell all peers that we leave for good, and end all connections."""
        await asyncio.gather(*(connection.say_goodbye() for connection in self.connections.values()))
        await self.stop()

    def underlay_changed(self, addresses: Collection[IP]) -> None:
        """Drop connections from addresses that this host does not have any more, and dial all targets at once."""
        for connection in list(self.connections.values()):
            if parse_ip(str(connection.wire.local)) not in addresses:
                self._drop(connection, "the address of this host changed")
        self.targets.hurry(monotonic())
        self._dial.set()

    # -- targets ---------------------------------------------------------------------------------------

    def connect(self, addresses: list[str]) -> None:
        """Dial these too; those that are waiting for their next try are dialled at once."""
        self.targets.add(addresses, monotonic())
        self._dial.set()

    def forget(self, addresses: list[str]) -> list[Address]:
        """Stop dialling these; return where the ones that there were led."""
        return [target.resolved for target in self.targets.forget(addresses) if target.resolved]

    async def _make_connections(self) -> None:
        while True:
            now = monotonic()
            for target in self.targets.due(self.connections, now):
                self._tasks.start(self._dial_target(target))
            next_at = self.targets.next_at(self.connections)
            try:
                async with asyncio.timeout(None if next_at is None else max(SETTLE, next_at - now)):
                    await self._dial.wait()
            except TimeoutError:
                pass
            self._dial.clear()

    async def _dial_target(self, target: Target) -> None:
        level, final = logging.INFO, False
        try:
            error = await self._try(target)
        except Refused as refused:
            error, final, level = refused.reason, refused.code.final, _level(refused)
        except (Closed, Malformed, WeaveError) as failure:
            error = str(failure)
        if error:
            logger.log(level, "->[%s] %s", target.address, error)
            self.targets.failed(target, error, monotonic(), final=final)
        self._dial.set()

    async def _try(self, target: Target) -> str:
        """Dial a target and stay until the connection ends; return why there was none, or nothing."""
        error = ""
        for address in await resolve(*parse_target(target.address, self.me.port)):
            target.resolved = address
            peer = self._table.peer_at(address)
            if peer:
                self.targets.reached(target, peer)
                return ""
            try:
                sock = await dial(address, self.me.host)
            except OSError as failure:
                error = reason(failure)
                continue
            await self._converse(sock, address, target)
            return ""
        return error

    # -- connections -----------------------------------------------------------------------------------

    async def _accept(self) -> None:
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        bucket = TokenBucket()
        while True:
            await asyncio.sleep(bucket.take(monotonic()))
            try:
                sock, (ip, port) = await loop.sock_accept(self._socket)
            except OSError as error:
                logger.warning("can't accept connections: %s", error.strerror)
                await asyncio.sleep(1.0)
                continue
            self._tasks.start(self._serve(sock, Address(ip, port)))

    async def _serve(self, sock: socket.socket, remote: Address) -> None:
        try:
            await self._converse(sock, remote, None)
        except Refused as refused:
            logger.log(_level(refused), "<-[%s] refused: %s", remote, refused.reason)
        except (Closed, Malformed) as failure:
            logger.info("<-[%s] %s", remote, failure)

    async def _converse(self, sock: socket.socket, remote: Address, target: Target | None) -> None:
        """Shake hands, and keep the connection going to its end.

        Raises:
            Refused, Closed, Malformed: it was not established.
        """
        try:
            set_patience(sock)
            reader, writer = await asyncio.open_connection(sock=sock, limit=codec.HANDSHAKE_LIMIT)
        except OSError as error:
            sock.close()
            raise Closed(reason(error)) from error
        wire = Wire(reader, writer, remote)
        connection = None
        try:
            try:
                async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                    connection = await self._meet(wire, outbound=target is not None)
                    self._table.meeting.add(connection)
                    await exchange_verdicts(wire, partial(self._judge, connection))
            except TimeoutError as error:
                raise Closed(f"no handshake within {HANDSHAKE_TIMEOUT:.0f} s") from error
            except Refused as refused:
                if target is not None and connection is not None and refused.code is Refusal.DUPLICATE:
                    target.peer = connection.peer
                raise
            self._established(connection, target)
            self._table.meeting.discard(connection)
            await self._keep(connection)
        finally:
            if connection is not None:
                self._table.meeting.discard(connection)
                self.gossip.parted(connection)
                self.names.parted(connection, connection.peer)
            await wire.close()

    async def _meet(self, wire: Wire, *, outbound: bool) -> Connection:
        hello = await greet(wire, self._hello(0), outbound=outbound)
        return Connection(wire, outbound=outbound, hello=hello, gossip=self._gossip)

    async def _judge(self, connection: Connection) -> None:
        while True:
            rivals = self._table.rivals(connection)
            full = 0 < self.me.limit <= self._table.others(connection)
            ours = self._hello(connection.number)
            doubt = judge(ours, connection.hello, list(rivals), full=full, limit=self.me.limit)
            if doubt is None:
                return
            rival = rivals[doubt.rival]
            if await rival.alive():
                raise doubt.refused
            self._drop(rival, "no sign of life")

    def _established(self, connection: Connection, target: Target | None) -> None:
        """Raises `Refused` when a better connection to that peer was established meanwhile."""
        peer = connection.peer
        rival = self.connections.get(peer)
        if rival is not None:
            if rival.hello.uid == connection.hello.uid and rival.number < connection.number:
                raise Refused(Refusal.DUPLICATE, f"multiple connections to {peer}({connection.hello.nickname})")
            rival.end("superseded by another connection")
        self.connections[peer] = connection
        connection.established_at = monotonic()
        self.gossip.met(connection)
        self.names.met(connection)
        if target is not None:
            self.targets.reached(target, peer)
        logger.info("%s connected to %s", connection.label, connection.who)
        self.lost = without(self.lost, peers=[peer], ips=[self.connected[peer]])
        self._tell_changed()
        self._changed()

    async def _keep(self, connection: Connection) -> None:
        why = "this router stops"
        try:
            why = await connection.run(lambda message: self._handle(connection, message))
        finally:
            logger.info("%s connection to %s ended: %s", connection.label, connection.who, why)
            self._drop(connection, why)

    def _drop(self, connection: Connection, why: str) -> None:
        """Take a connection out of the table, if it still is in there."""
        connection.end(why)
        peer = connection.peer
        if not self._table.is_established(connection):
            return
        ip = self.connected[peer]
        del self.connections[peer]
        self.terminations += 1
        now = monotonic()
        # Who said goodbye is not expected back at once.
        self.targets.lost(peer, why, 0.0 if connection.goodbye else connection.up_for(now), now)
        if not connection.goodbye:
            self.lost = with_lost(self.lost, peer, ip, now)
        self._tell_changed()
        if connection.goodbye:
            self.names.left(peer)
        self._changed()

    def _hello(self, number: int) -> Hello:
        return Hello(self.me.name, self.me.nickname, self.me.uid, self.me.port, number)

    # -- facts -----------------------------------------------------------------------------------------

    def _handle(self, connection: Connection, message: Message) -> None:
        match message:
            case Facts():
                if self.gossip.hear(connection, connection.peer, message.facts, self.connections, monotonic()):
                    self._changed()
            case Have():
                if self.names.hear_of(connection, message):
                    self.names_changed(self.me.name)
            case Names():
                if self.names.hear(connection, connection.peer, message, self.connections, self.gossip.topology):
                    self.names_changed(message.update.origin)
            case _:
                raise Malformed("a handshake in the middle of a connection")
        connection.wake()  # it may have to be corrected

    def names_changed(self, origin: str) -> None:
        """Have the neighbours told what is new of an origin's names."""
        for connection in self.connections.values():
            if self.names.is_told(origin, connection.peer):
                connection.wake()

    def _gossip(self, connection: Connection) -> list[Message]:
        due = self.gossip.tell(connection, connection.peer)
        size = codec.FACTS_PER_MESSAGE
        facts = [Facts(tuple(due[start : start + size])) for start in range(0, len(due), size)]
        return [*facts, *self.names.tell(connection, connection.peer)]

    def _changed(self) -> None:
        if self._settling is None:
            delay = max(SETTLE, 10 * self._settle_time)
            self._settling = asyncio.get_running_loop().call_later(delay, self._settle)

    def _settle(self) -> None:
        """Draw the conclusions from what changed, and tell the peers."""
        self._settling = None
        began = monotonic()
        self.gossip.settle(self._table.links(), began)
        links = {fact.owner: {link.peer for link in fact.value.links} for fact in self.gossip.topology}
        self.names.settle(links, self.gossip.reachable, self.connections, began)
        if self.me.discovery:
            self.targets.learn(self.gossip.addresses, began)
        for connection in self.connections.values():
            connection.wake()
        self._dial.set()
        self._settle_time = monotonic() - began

    async def _tell_everything(self) -> None:
        while True:
            await asyncio.sleep(FULL_STATE)
            self._changed()
            count = len(self.connections)
            few = min(count, 2 * int(log2(count)) + 1) if count else 0
            for connection in sample(list(self.connections.values()), few):
                self.gossip.met(connection)
                self.names.survey(connection)
                connection.wake()


def _level(refused: Refused) -> int:
    """Return how loud to be: of two routers that dial each other at once, one is always refused."""
    return logging.DEBUG if refused.code is Refusal.DUPLICATE else logging.INFO
