"""The wire: a transport on the standard library alone, for every kind of endpoint."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from weave_http.engine.address import Endpoint
from weave_http.engine.errors import TransportError
from weave_http.engine.wire.channel import Channel
from weave_http.engine.wire.contract import Request, Timeouts, Transport
from weave_http.engine.wire.dial import Dial, dial
from weave_http.engine.wire.exchange import Exchange

IDLE_SECONDS = 30.0
"""A channel that was idle for longer is not used again, as in moby's client: what is between (a NAT, a proxy, sshd) may
have forgotten it without a word, and a new one costs less than finding that out."""


class WireTransport(Transport):
    """Implements `contract.Transport` for `unix://`, `tcp://` and `ssh://`.

    A channel that is used again may have died since it was last looked at: a request that can be repeated is then sent
    a second time, on a new channel, as Go's net/http does. Nothing else is sent twice.

    Args:
        endpoint: where to connect.
        timeouts: how long to wait for what; ssh has 30 s for its connection.

    Raises:
        EndpointError: the endpoint's TLS files or its address can't be used.
    """

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts | None = None) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._dial: Dial = dial(endpoint, self._timeouts)
        self._open: set[Exchange] = set()
        self._idle: list[tuple[Channel, float]] = []

    def send(self, request: Request) -> Exchange:
        """Send a request; see `contract.Transport`."""
        with self._dial.explained():
            kept = self._idle_channel()
            if kept is None:
                return self._exchanged([self._dial.open()], [request])[0]
            exchange = self._exchange(kept, request)
            try:
                exchange.ask()
                exchange.begin()
                return exchange
            except TransportError:
                exchange.close()
                if not (exchange.unheard and request.is_repeatable):
                    raise
            except BaseException:
                exchange.close()
                raise
            return self._exchanged([self._dial.open()], [request])[0]

    def send_all(self, requests: Sequence[Request]) -> list[Exchange]:
        """Send requests at once; see `contract.Transport`."""
        with self._dial.explained():
            return self._exchanged(self._channels(len(requests)), requests)

    def hijack(self, request: Request) -> Exchange:
        """Send a request and take its connection over; see `contract.Transport`."""
        with self._dial.explained():
            return self._exchanged([self._dial.open()], [request], upgrade=True)[0]

    def _exchanged(
        self, channels: Sequence[Channel], requests: Sequence[Request], *, upgrade: bool = False
    ) -> list[Exchange]:
        """Send requests, one on each channel, before any response is read."""
        with contextlib.ExitStack() as on_failure:
            exchanges = [self._exchange(*pair, upgrade=upgrade) for pair in zip(channels, requests, strict=True)]
            for exchange in exchanges:
                on_failure.callback(exchange.close)
            for exchange in exchanges:
                exchange.ask()
            for exchange in exchanges:
                exchange.begin()
            on_failure.pop_all()
            return exchanges

    def _exchange(self, channel: Channel, request: Request, *, upgrade: bool = False) -> Exchange:
        exchange = Exchange(channel, request, self._endpoint, self._timeouts, self._done, upgrade=upgrade)
        self._open.add(exchange)
        return exchange

    def _done(self, exchange: Exchange, channel: Channel | None) -> None:
        self._open.discard(exchange)
        if channel is not None:
            self._idle.append((channel, time.monotonic()))

    def _channels(self, number: int) -> list[Channel]:
        """Return so many channels; opening one, with TLS's handshake, takes a while, so none waits for another."""
        found = [kept for kept in (self._idle_channel() for _ in range(min(number, len(self._idle)))) if kept]
        try:
            if self._dial.parallel == 1:
                found += (self._dial.open() for _ in range(number - len(found)))
                return found
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(self._dial.parallel) as threads:
                dialled = [threads.submit(self._dial.open) for _ in range(number - len(found))]
            found += (future.result() for future in dialled if not future.exception())
            for future in dialled:
                future.result()
        except BaseException:
            for channel in found:
                channel.close()
            raise
        return found

    def _idle_channel(self) -> Channel | None:
        while self._idle:
            channel, since = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS and channel.is_idle():
                return channel
            channel.close()
        return None

    def close(self) -> None:
        """Close all connections."""
        for exchange in list(self._open):
            exchange.close()
        while self._idle:
            self._idle.pop()[0].close()
        self._dial.close()
