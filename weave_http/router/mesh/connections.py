"""One TCP connection to another router: frames, heartbeats, and its end.

What a stranger sends costs him his connection and us one log line: sizes are limited before anything is read, every
read and write has a time limit, and nothing is queued, because what has to be told is asked for at the moment when it
can be sent (`weave_http.router.mesh.topology.due`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from weave_http.router.mesh import codec
from weave_http.router.mesh.codec import Goodbye, Hello, Malformed, Message, Ping, Pong
from weave_http.router.mesh.sockets import DEAD_AFTER, reason
from weave_http.router.mesh.topology import Address

HANDSHAKE_TIMEOUT = 10.0
"""Seconds from the connection to the end of its handshake."""
HEARTBEAT = 5.0
"""Seconds between pings."""
CLOSE_TIMEOUT = 0.3
"""Seconds for what was sent to leave before the connection is cut."""
PULSE_TIMEOUT = 2.0
"""Seconds within which a peer answers when it is alive."""


class Closed(Exception):
    """The connection is over; the message is a sentence that says why."""


class Wire:
    """Frames on a TCP connection.

    Args:
        reader: the incoming side.
        writer: the outgoing side.
        remote: the other end's address.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, remote: Address) -> None:
        self._reader = reader
        self._writer = writer
        self.remote = remote

    @property
    def local(self) -> str:
        """Our own address of the connection."""
        return str(self._writer.get_extra_info("sockname")[0])

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

    async def receive(self, limit: int = codec.LIMIT) -> Message:
        """Return the next message.

        Raises:
            Malformed, Closed: there came none.
        """
        size = codec.frame_size(await self._read(codec.HEADER_SIZE), limit)
        return codec.decode(await self._read(size))

    async def send(self, messages: Iterable[Message]) -> None:
        """Send messages; raises `Closed`."""
        try:
            for message in messages:
                self._writer.write(codec.encode(message))
                async with asyncio.timeout(DEAD_AFTER):
                    await self._writer.drain()
        except TimeoutError as error:
            raise Closed(f"the peer took nothing for {DEAD_AFTER:.0f} s") from error
        except OSError as error:
            raise Closed(reason(error)) from error

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


class Connection:
    """An established connection, or one whose handshake has come to the point where its peer is known.

    Args:
        wire: its frames.
        outbound: whether we dialled.
        hello: what the peer said of itself.
        gossip: called when something can be sent; returns what the peer has to be told now.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        outbound: bool,
        hello: Hello,
        gossip: Callable[[Connection], list[Message]],
    ) -> None:
        self.wire = wire
        self.outbound = outbound
        self.hello = hello
        self.number = hello.connection
        self.established_at: float | None = None
        self.goodbye = False
        self._gossip = gossip
        self._outgoing = asyncio.Event()
        self._heard = asyncio.Event()
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._wants: set[Message] = set()

    @property
    def peer(self) -> str:
        """Name of the peer."""
        return self.hello.name

    @property
    def who(self) -> str:
        """Name and nickname of the peer, for people."""
        return f"{self.hello.name}({self.hello.nickname})"

    @property
    def remote(self) -> Address:
        """The other end's address."""
        return self.wire.remote

    @property
    def label(self) -> str:
        """Direction and address, for people."""
        return f"{'->' if self.outbound else '<-'}[{self.remote}]"

    def up_for(self, now: float) -> float:
        """Return for how many seconds it has been established, at a time of the monotonic clock."""
        return 0.0 if self.established_at is None else now - self.established_at

    def wake(self) -> None:
        """Have the peer told what there is to tell."""
        self._outgoing.set()

    def end(self, why: str) -> None:
        """End the connection. Idempotent; the first reason counts."""
        if not self._ended.done():
            self._ended.set_result(why)

    async def alive(self) -> bool:
        """Ask for a sign of life, and return whether one came."""
        self._heard.clear()
        self._wants.add(Ping())
        self.wake()
        try:
            async with asyncio.timeout(PULSE_TIMEOUT):
                await self._heard.wait()
        except TimeoutError:
            return False
        return not self._ended.done()

    async def run(self, handle: Callable[[Message], None]) -> str:
        """Keep the connection going until it ends; return why it did.

        Args:
            handle: called with each message that the peer sent, heartbeats apart.
        """
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._receive(handle)), loop.create_task(self._send())]
        ends: list[asyncio.Future[Any]] = [*tasks, self._ended]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            match result:
                case Closed() | Malformed():
                    self.end(str(result))
                case asyncio.CancelledError() | None:
                    pass
                case error:
                    raise error
        return self._ended.result()

    async def say_goodbye(self) -> None:
        """Tell the peer that we leave for good, and end the connection."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.wire.send([Goodbye()])
        except (TimeoutError, Closed):
            pass  # it finds out by itself
        self.end("we left")

    async def _receive(self, handle: Callable[[Message], None]) -> None:
        while True:
            try:
                async with asyncio.timeout(DEAD_AFTER):
                    message = await self.wire.receive()
            except TimeoutError as error:
                raise Closed(f"nothing heard for {DEAD_AFTER:.0f} s") from error
            self._heard.set()
            match message:
                case Ping():
                    self._wants.add(Pong())
                    self.wake()
                case Pong():
                    pass
                case Goodbye():
                    self.goodbye = True
                    raise Closed("said goodbye")
                case _:
                    handle(message)

    async def _send(self) -> None:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await self._outgoing.wait()
            except TimeoutError:
                self._wants.add(Ping())
            self._outgoing.clear()
            messages = [*self._wants, *self._gossip(self)]
            self._wants.clear()
            if messages:
                await self.wire.send(messages)
