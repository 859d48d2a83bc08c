"""Frames on a TCP connection.

Bad input ends the connection, with one line in the log: sizes are limited before anything is read, and every read and
write has a time limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cached_property

from weave_http.addresses import IP, parse_ip
from weave_http.router.mesh import codec
from weave_http.router.mesh.codec import Codec
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.messages import Beat, Message, Unknown
from weave_http.router.mesh.sockets import DEAD_AFTER, Unanswered, reason, unanswered
from weave_http.router.mesh.topology import Address

_AT_ONCE = 1 << 16
"""Bytes of messages that are written together."""
CLOSE_TIMEOUT = 0.3
"""Seconds for what was sent to leave before the connection is cut."""


class Closed(Exception):
    """The connection is over; the message is a sentence that says why."""


class Wire:
    """Messages on a TCP connection.

    Args:
        reader: the incoming side.
        writer: the outgoing side.
        remote: the other end's address.
        codec: makes frames of messages.
        clock: for time limits.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        remote: Address,
        codec: Codec,
        clock: LoopClock,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._codec = codec
        self.remote = remote
        self.clock = clock

    @cached_property
    def local(self) -> IP:
        """Our own address of the connection."""
        return parse_ip(str(self._writer.get_extra_info("sockname")[0]))

    async def exchange_preludes(self, *, outbound: bool) -> tuple[int, int]:
        """Send our prelude and return what the other one's says; the side that dialled begins.

        Raises:
            Malformed, Closed: there came none.
        """
        if outbound:
            self._writer.write(codec.prelude())
        head = await self._read(codec.ORIGINAL_PRELUDE_SIZE)
        codec.check_prelude(head)
        theirs = codec.read_prelude(head + await self._read(codec.PRELUDE_SIZE - len(head)))
        if not outbound:
            self._writer.write(codec.prelude())
        return theirs

    async def receive(self) -> Message:
        """Return the next message, of whatever kind.

        Raises:
            Malformed, Closed: there came none.
        """
        size = codec.frame_size(await self._read(codec.HEADER_SIZE))
        return self._codec.decode(await self._read(size))

    async def receive_greeting(self) -> Message:
        """Return the next message from someone who is not a peer yet: it must be short, and of a kind that we know.

        Raises:
            Malformed, Closed: there came none.
        """
        size = codec.frame_size(await self._read(codec.HEADER_SIZE), codec.HANDSHAKE_LIMIT)
        message = self._codec.decode(await self._read(size))
        if isinstance(message, Unknown):
            raise Malformed(f"an unknown kind of message in a greeting: {message.kind!r}")
        return message

    async def send(self, messages: Iterable[Message]) -> None:
        """Send messages; raises `Closed`."""
        try:
            data = bytearray()
            for message in messages:
                data += self._codec.encode(message)
                if len(data) >= _AT_ONCE:
                    await self._write(data)
                    data = bytearray()
            await self._write(data)
        except TimeoutError as error:
            raise Closed(f"the peer took nothing for {DEAD_AFTER:.0f} s") from error
        except OSError as error:
            raise Closed(reason(error)) from error

    async def _write(self, data: bytearray) -> None:
        self._writer.write(data)
        if self._writer.transport.get_write_buffer_size():
            async with self.clock.timeout(DEAD_AFTER):
                await self._writer.drain()

    def beat(self) -> None:
        """Send a heartbeat, without waiting until it could be sent."""
        self._writer.write(self._codec.encode(Beat()))

    @property
    def unanswered(self) -> Unanswered | None:
        """How long the other side's kernel has left unanswered what was sent; None when it has answered all."""
        return unanswered(self._writer.get_extra_info("socket"))

    async def close(self) -> None:
        """End the connection, giving what was sent a moment to leave."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._writer.wait_closed()
        except (TimeoutError, OSError):
            self._writer.transport.abort()

    async def _read(self, size: int) -> bytes:
        try:
            return await self._reader.readexactly(size)
        except asyncio.IncompleteReadError as error:
            raise Closed("closed by the other side") from error
        except OSError as error:
            raise Closed(reason(error)) from error
