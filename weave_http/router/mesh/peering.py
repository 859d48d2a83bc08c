"""The mesh: connections to other routers, and what is told and heard on them.

All of it runs in one event loop. What is decided is decided elsewhere and pure: whom to dial and when (`targets`), whom
to take (`handshake`), who is there (`membership`, `topology`), what to tell whom (`gossip`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from math import log2
from random import choice, uniform
from time import monotonic

from weave_http.addresses import IP
from weave_http.router.data.plan import Lost, with_lost, without
from weave_http.router.mesh import sockets
from weave_http.router.mesh.accepting import Acceptor
from weave_http.router.mesh.channels import Channel, Plain
from weave_http.router.mesh.codec import Codec
from weave_http.router.mesh.connections import Connection
from weave_http.router.mesh.dialling import Dialler
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.heartbeats import Heartbeats
from weave_http.router.mesh.identity import PeerName, Self
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.meeting import Meeting
from weave_http.router.mesh.membership import Membership
from weave_http.router.mesh.messages import Have, Message
from weave_http.router.mesh.neighbours import NOBODY
from weave_http.router.mesh.table import Table
from weave_http.router.mesh.targets import Target, Targets
from weave_http.router.mesh.topic import Topic
from weave_http.router.mesh.topology import Address
from weave_http.router.tasks import Tasks

logger = logging.getLogger(__name__)

SETTLE = 0.02
"""Seconds for which changes are collected before anyone is told."""
SETTLE_PER_PEER = 0.01
"""Seconds more for each connection: what all are told grows with their number, so it is told less often."""
FULL_STATE = 30.0
"""Seconds in which a few peers are told anew how far what they tell is known, one after the other."""


def settle_delay(connections: int) -> float:
    """Return the seconds for which changes are collected, with so many connections."""
    return max(SETTLE, SETTLE_PER_PEER * connections)


class Peering:
    """This router's part in the mesh.

    Args:
        me: who we are.
        changed: called when somebody was connected or lost.
        topics: what peers tell each other beside who is there.
        is_own: tells whether an address is this host's own.
        channel: what is put around the bytes of connections.

    Attributes:
        lost: peers whose connection ended without a goodbye, by name.
    """

    def __init__(
        self,
        me: Self,
        changed: Callable[[], None],
        topics: Sequence[Topic] = (),
        *,
        is_own: Callable[[IP], bool] = sockets.is_own,
        channel: Channel | None = None,
    ) -> None:
        self.me = me
        self.targets = Targets(me.name, me.port)
        self.membership = Membership(me.name, me.uid, me.nickname, me.port)
        self.terminations = 0
        self._topics: list[Topic] = [self.membership, *topics]
        self._by_name = {topic.name: topic for topic in self._topics}
        self._by_message = {kind.message: topic for topic in self._topics for kind in topic.kinds}
        self._table = Table()
        self._view = NOBODY
        self.lost: dict[str, Lost] = {}
        self._tell_changed = changed
        self._tasks = Tasks("a connection")
        self._clock = LoopClock()
        self._heartbeats = Heartbeats()
        self._meeting = Meeting(
            me,
            [topic.name for topic in topics],
            self._table,
            Codec(kind for topic in self._topics for kind in topic.kinds),
            self._clock,
            channel or Plain(),
            gossip=self._gossip,
            drop=self._drop,
            is_own=is_own,
        )
        self._dialler = Dialler(me, self.targets, self._table, self._clock, self._tasks, self._converse)
        self._sockets: list[socket.socket] = []
        self._settling: asyncio.TimerHandle | None = None
        self._waking: asyncio.TimerHandle | None = None
        self._later: asyncio.TimerHandle | None = None
        self._settle_time = 0.0

    def now(self) -> float:
        """Return the time by which targets are dialled, in seconds: it leaves out our own lag."""
        return self._clock.now()

    @property
    def slowness(self) -> float:
        """How many times longer the event loop takes to come round, of late, than it would without lag."""
        return self._clock.slowness

    @property
    def connections(self) -> dict[PeerName, Connection]:
        """The established connections by the name of their peer."""
        return self._table.established

    @property
    def connected(self) -> dict[str, IP]:
        """The underlay addresses of the connected peers by name."""
        return {peer: connection.remote.ip for peer, connection in self.connections.items()}

    @property
    def name_clash(self) -> str:
        """What to say of two hosts with one peer name that met lately; empty when none did."""
        return self._table.clash(monotonic())

    def listen(self) -> None:
        """Open the port, of both families of addresses if the host has both.

        Raises:
            HostError: it is taken.
        """
        self._sockets = sockets.listen(self.me.host, self.me.port)

    def start(self) -> None:
        """Begin to accept and to dial."""
        acceptor = Acceptor(self._sockets, self._tasks, self._meet, self._keep)
        dialler = self._dialler
        for work in (self._clock.run(), self._heartbeats.run(), acceptor.run(), dialler.run(), dialler.follow_names()):
            self._tasks.start(work)
        self._tasks.start(self._resend())

    async def stop(self) -> None:
        """End all connections without a goodbye: peers keep sending us data for a while."""
        await self._tasks.stop()
        for timer in (self._settling, self._waking, self._later):
            if timer is not None:
                timer.cancel()
        for sock in self._sockets:
            sock.close()

    async def leave(self) -> None:
        """Tell all peers that we leave for good, and end all connections."""
        await asyncio.gather(*(connection.say_goodbye() for connection in self.connections.values()))
        await self.stop()

    def underlay_changed(self, addresses: Collection[IP]) -> None:
        """Drop connections from addresses that this host does not have any more, and dial all targets at once."""
        for connection in list(self.connections.values()):
            if connection.wire.local not in addresses:
                self._drop(connection, "the address of this host changed")
        self.hurry()

    # -- targets ---------------------------------------------------------------------------------------------

    def connect(self, addresses: list[str]) -> None:
        """Dial these too; those that are waiting for their next try are dialled at once."""
        self.targets.add(addresses, self.now())
        self._dialler.look()

    def hurry(self) -> None:
        """Dial all at once that are waiting for their next try: what made them fail may be over."""
        self.targets.hurry(self.now())
        self._dialler.look()

    def forget(self, addresses: list[str]) -> list[Address]:
        """Stop dialling these; return where the ones that there were led."""
        return [target.resolved for target in self.targets.forget(addresses) if target.resolved]

    # -- connections -----------------------------------------------------------------------------------------

    def _meet(self, sock: socket.socket, remote: Address) -> AbstractAsyncContextManager[Connection]:
        return self._meeting.meet(sock, remote, outbound=False)

    async def _converse(self, sock: socket.socket, remote: Address, target: Target) -> None:
        async with self._meeting.meet(sock, remote, outbound=True) as connection:
            self.targets.reached(target, connection.peer)
            self._dialler.look()  # there is room for the next
            await self._keep(connection)

    async def _keep(self, connection: Connection) -> None:
        """Establish a connection, and keep it going to its end."""
        peer = connection.peer
        rival = self.connections.get(peer)
        if rival is not None:
            rival.end("superseded by another connection")
        self.connections[peer] = connection
        self._table.meeting.discard(connection)
        connection.established_at = monotonic()
        for topic in self._topics_with(connection):
            topic.met(connection.neighbour)
        self.targets.met(self.now())
        logger.info("%s connected to %s", connection.label, connection.who)
        self.lost = without(self.lost, peers=[peer], ips=[connection.remote.ip])
        self._tell_changed()
        self._changed()
        why = "this router stops"
        try:
            with self._heartbeats.of(connection.pulse):
                why = await connection.run(lambda message: self._handle(connection, message))
        finally:
            logger.info("%s connection to %s ended: %s", connection.label, connection.who, why)
            self._drop(connection, why)
            for topic in self._topics_with(connection):
                topic.parted(connection.neighbour, monotonic())
            self._changed()

    def _drop(self, connection: Connection, why: str) -> None:
        """Take a connection out of the table, if it still is in there."""
        connection.end(why)
        peer = connection.peer
        if not self._table.is_established(connection):
            return
        del self.connections[peer]
        self.terminations += not self._table.is_superseded(connection)
        now = monotonic()
        # Who said goodbye is not expected back at once.
        self.targets.lost(peer, why, 0.0 if connection.goodbye else connection.up_for(now), self.now())
        if not connection.goodbye:
            self.lost = with_lost(self.lost, peer, connection.remote.ip, now)
        self._tell_changed()
        if connection.goodbye:
            for topic in self._topics:
                topic.left(peer)
        self._changed()

    def _topics_with(self, connection: Connection) -> list[Topic]:
        """Return what the peer at the other end knows how to speak of."""
        features = connection.neighbour.features
        return [topic for topic in self._topics if topic is self.membership or topic.name in features]

    # -- gossip ----------------------------------------------------------------------------------------------

    def _handle(self, connection: Connection, message: Message) -> None:
        topic = self._by_name.get(message.topic) if isinstance(message, Have) else self._by_message.get(type(message))
        if topic is None:
            if not isinstance(message, Have):
                raise Malformed("a handshake in the middle of a connection")
            connection.unknown += 1
            return
        if topic.hear(connection.neighbour, message, self._view, monotonic()):
            if topic is self.membership:
                self._changed()
            else:
                self.wake()
        self._wake_if_owed(connection)  # it may have to be told where to go on

    def wake(self) -> None:
        """Have the neighbours told what is new of any topic, in a moment."""
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(SETTLE, self._wake)

    def _wake(self) -> None:
        self._waking = None
        for connection in self.connections.values():
            self._wake_if_owed(connection)

    def _wake_if_owed(self, connection: Connection) -> None:
        """Have a peer told what there is; mostly there is nothing, and to ask is cheaper than to wake a task."""
        if any(topic.owes(connection.neighbour) for topic in self._topics_with(connection)):
            connection.wake()

    def _gossip(self, connection: Connection) -> list[Message]:
        now = monotonic()
        return [message for topic in self._topics_with(connection) for message in topic.tell(connection.neighbour, now)]

    def _changed(self) -> None:
        if self._settling is None:
            delay = max(settle_delay(len(self.connections)), 10 * self._settle_time)
            self._settling = asyncio.get_running_loop().call_later(delay, self._settle)

    def _settle(self) -> None:
        """Draw the conclusions from what changed, and tell the peers."""
        self._settling = None
        began = monotonic()
        self._view = self.membership.conclude(self._table.links(), self.connections.keys(), began)
        times = [topic.settle(self._view, began) for topic in self._topics]
        if self.me.discovery:
            self.targets.learn(self.membership.leads, self.connections.keys(), self.now())
        self._wake()
        self._dialler.look()
        self._settle_time = monotonic() - began
        if self._later is not None:
            self._later.cancel()
        self._later = None
        next_at = min((at for at in times if at is not None), default=None)
        if next_at is not None:
            wait = max(SETTLE, next_at - began)
            self._later = asyncio.get_running_loop().call_later(wait, self._changed)

    async def _resend(self) -> None:
        while True:
            few = 2 * int(log2(max(1, len(self.connections)))) + 1
            for _ in range(few):
                # Hosts that were launched at once must not all do it at the same moment ever after.
                await asyncio.sleep(FULL_STATE / few * uniform(0.5, 1.5))
                if self.connections:
                    connection = choice(list(self.connections.values()))
                    for topic in self._topics_with(connection):
                        topic.resend(connection.neighbour)
                    connection.wake()
            self._changed()
