"""An established connection to another router: what is told and heard on it, and its end.

Nothing is queued: what has to be told is asked for at the moment when it can be sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.heartbeats import Pulse
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Answer, Ask, Beat, Goodbye, Hello, Message, Ping, Pong, Unknown
from weave_http.router.mesh.neighbours import Neighbour
from weave_http.router.mesh.topology import Address
from weave_http.router.mesh.wire import CLOSE_TIMEOUT, Closed, Wire

PULSE_TIMEOUT = 2.0
"""Seconds within which a peer answers when it is alive."""
_BREATH = 64
"""Messages after which others have their turn."""
_MOST_ANSWERS = 16


class Connection:
    """An established connection, or one whose handshake has come to the point where its peer is known.

    Args:
        wire: its frames.
        outbound: whether we dialled.
        hello: what the peer said of itself.
        version: of the protocol, as agreed.
        gossip: called when something can be sent; returns what the peer has to be told now.
        is_ours: tells whether we have, or are about to have, a connection of a number, and dialled it or not.
        clear: whether data to the peer may be in the clear, as both sides agreed; without a password it always may.

    Attributes:
        pulse: its heartbeats; somebody has to keep them going (`weave_http.router.mesh.heartbeats.Heartbeats`).
    """

    def __init__(
        self,
        wire: Wire,
        *,
        outbound: bool,
        hello: Hello,
        version: int,
        gossip: Callable[[Connection], list[Message]],
        is_ours: Callable[[int, bool], bool],
        clear: bool = False,
    ) -> None:
        self.wire = wire
        self.outbound = outbound
        self.hello = hello
        self.neighbour = Neighbour(hello.name, version, frozenset(hello.features))
        self.number = hello.connection
        self.clear = clear
        self.established_at: float | None = None
        self.goodbye = False
        self.unknown = 0
        """Messages of kinds that we don't know."""
        self._gossip = gossip
        self._is_ours = is_ours
        self._outgoing = asyncio.Event()
        self._heard = asyncio.Event()
        self._answered = asyncio.Event()
        self._answers: dict[int, bool] = {}
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._wants: set[Message] = set()
        self.pulse = Pulse(wire, outbound=outbound, end=self.end)

    @property
    def peer(self) -> PeerName:
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
            self._heard.set()
            self._answered.set()

    async def alive(self) -> bool:
        """Ask for a sign of life, and return whether one came."""
        if self._ended.done():
            return False
        self._heard.clear()
        self._wants.add(Ping())
        self.wake()
        try:
            async with self.wire.clock.timeout(PULSE_TIMEOUT):
                await self._heard.wait()
        except TimeoutError:
            return False
        return not self._ended.done()

    async def confirms(self, number: int, *, outbound: bool) -> bool:
        """Return whether the peer says, on this connection, that another one is its own, too.

        Args:
            number: of the other one.
            outbound: whether we dialled it.
        """
        self._wants.add(Ask(number, outbound))
        self.wake()
        try:
            async with self.wire.clock.timeout(PULSE_TIMEOUT):
                while number not in self._answers and not self._ended.done():
                    self._answered.clear()
                    await self._answered.wait()
        except TimeoutError:
            return False
        return self._answers.pop(number, False)

    async def run(self, handle: Callable[[Message], None]) -> str:
        """Keep the connection going until it ends; return why it did.

        Args:
            handle: called with each message that the peer sent, those between the two connections apart.
        """
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(work) for work in (self._receive(handle), self._send())]
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
        count = 0
        while True:
            message = await self.wire.receive()
            self._heard.set()
            self.pulse.heard()
            self._hear(message, handle)
            count += 1
            if count % _BREATH == 0:
                await asyncio.sleep(0)

    def _hear(self, message: Message, handle: Callable[[Message], None]) -> None:
        match message:
            case Beat():
                self.pulse.answer()
            case Ping():
                self._want(Pong())
            case Pong():
                pass
            case Ask():
                self._want(Answer(message.connection, self._is_ours(message.connection, not message.outbound)))
            case Answer():
                if len(self._answers) < _MOST_ANSWERS:
                    self._answers[message.connection] = message.mine
                self._answered.set()
            case Unknown():
                self.unknown += 1
            case Goodbye():
                self.goodbye = True
                raise Closed("said goodbye")
            case _:
                handle(message)

    def _want(self, message: Message) -> None:
        if len(self._wants) < _MOST_ANSWERS:
            self._wants.add(message)
            self.wake()

    async def _send(self) -> None:
        while True:
            await self._outgoing.wait()
            self._outgoing.clear()
            messages = [*self._wants, *self._gossip(self)]
            self._wants.clear()
            if messages:
                await self.wire.send(messages)
                self.pulse.said()
