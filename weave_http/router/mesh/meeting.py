"""The handshake as a whole: from a connected socket to a connection whose two ends accept each other as peers."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic, time

from weave_http.addresses import IP
from weave_http.router.mesh.channels import Channel
from weave_http.router.mesh.codec import Codec
from weave_http.router.mesh.connections import Connection
from weave_http.router.mesh.handshake import Refusal, Refused, Rival, check_clock, judge
from weave_http.router.mesh.identity import Self
from weave_http.router.mesh.introduction import exchange_verdicts, greet
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.messages import Hello, Message
from weave_http.router.mesh.sockets import reason
from weave_http.router.mesh.table import Table
from weave_http.router.mesh.topology import Address
from weave_http.router.mesh.wire import Closed, Wire

logger = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT = 10.0
"""Seconds from the connection to the end of its handshake."""


class Meeting:
    """How peers become such.

    Args:
        me: who we are.
        features: what we can do beyond the protocol's version.
        table: the other connections.
        codec: makes frames of messages.
        clock: for time limits.
        channel: what is put around the bytes.
        gossip: returns what a connection's peer has to be told now.
        drop: ends a connection that gives no sign of life.
        is_own: tells whether an address is this host's own.
    """

    def __init__(
        self,
        me: Self,
        features: Sequence[str],
        table: Table,
        codec: Codec,
        clock: LoopClock,
        channel: Channel,
        *,
        gossip: Callable[[Connection], list[Message]],
        drop: Callable[[Connection, str], None],
        is_own: Callable[[IP], bool],
    ) -> None:
        self._me = me
        self._features = tuple(features)
        self._table = table
        self._codec = codec
        self._clock = clock
        self._channel = channel
        self._gossip = gossip
        self._drop = drop
        self._is_own = is_own

    @asynccontextmanager
    async def meet(self, sock: socket.socket, remote: Address, *, outbound: bool) -> AsyncIterator[Connection]:
        """Shake hands; inside, there is a connection that may be established. It is closed after it.

        Args:
            sock: connected.
            remote: the other end's address.
            outbound: whether we dialled.

        Raises:
            Refused, Closed, Malformed: there is none.
        """
        try:
            async with self._clock.timeout(HANDSHAKE_TIMEOUT):
                streams = await self._channel.open(sock, remote, outbound=outbound)
        except TimeoutError as error:
            raise Closed(f"no handshake within {HANDSHAKE_TIMEOUT:.0f} s") from error
        except OSError as error:
            raise Closed(reason(error)) from error
        wire = Wire(*streams, remote, self._codec, self._clock)
        numbers: dict[int, bool] = {}
        connection = None
        try:
            try:
                async with self._clock.timeout(HANDSHAKE_TIMEOUT):
                    connection = await self._greet(wire, numbers, outbound=outbound)
                    self._table.meeting.add(connection)
                    await exchange_verdicts(wire, partial(self._judge, connection))
                    await self._judge(connection, established=True)
            except TimeoutError as error:
                raise Closed(f"no handshake within {HANDSHAKE_TIMEOUT:.0f} s") from error
            except Refused as refused:
                refused.peer = connection.peer if connection is not None else None
                if refused.code is Refusal.NAME and self._table.note_clash(refused.reason, monotonic()):
                    logger.warning("%s", refused.reason)
                raise
            yield connection
        finally:
            for number in numbers:
                del self._table.numbers[number]
            if connection is not None:
                self._table.meeting.discard(connection)
            await wire.close()

    async def _greet(self, wire: Wire, numbers: dict[int, bool], *, outbound: bool) -> Connection:
        def is_ours(number: int, outbound: bool) -> bool:
            return self._table.numbers.get(number) is outbound

        def begun(number: int) -> None:
            if number not in self._table.numbers:  # who repeats a number doesn't take it over
                numbers[number] = self._table.numbers[number] = outbound

        ours = self._hello(0, wire.remote)
        hello, version = await greet(wire, ours, outbound=outbound, begun=begun)
        return Connection(
            wire,
            outbound=outbound,
            hello=hello,
            version=version,
            gossip=self._gossip,
            is_ours=is_ours,
            clear=ours.clear and hello.clear,
        )

    async def _judge(self, connection: Connection, *, established: bool = False) -> None:
        """Raise `Refused` if a connection is not taken.

        Args:
            connection: which one.
            established: look at an established rival only, which may have come while the other side judged.
        """
        ours = self._hello(connection.number, connection.remote)
        check_clock(ours, connection.hello, time())
        confirmed: set[Rival] = set()
        while True:
            rivals = self._table.rivals(connection, established=established)
            full = 0 < self._me.limit <= self._table.others(connection)
            doubt = judge(ours, connection.hello, list(rivals.keys() - confirmed), full=full, limit=self._me.limit)
            if self._is_own(connection.remote.ip):
                raise Refused(
                    Refusal.HOST, f"{connection.remote.ip} is this host's own address: a peer is another host"
                )
            if doubt is None:
                return
            rival = rivals[doubt.rival]
            if doubt.unless_confirmed and await rival.confirms(connection.number, outbound=connection.outbound):
                confirmed.add(doubt.rival)
            elif await rival.alive():
                raise doubt.refused
            else:
                self._drop(rival, "no sign of life")

    def _hello(self, number: int, remote: Address) -> Hello:
        me = self._me
        clear = self._channel.trusts(remote.ip)
        return Hello(me.name, me.nickname, me.uid, me.port, number, self._features, clear)
