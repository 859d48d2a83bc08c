"""The connections of a router with a password: TLS 1.3, and inside of it the proof of the password, by both sides."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from time import monotonic, time

from weave_http.addresses import IP
from weave_http.router.blocking import in_thread
from weave_http.router.mesh import codec
from weave_http.router.mesh.channels import TLS_HANDSHAKE, Streams, first_byte, plain
from weave_http.router.mesh.codec import Codec
from weave_http.router.mesh.handshake import Refusal, Refused
from weave_http.router.mesh.introduction import turn_away
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.sockets import set_patience
from weave_http.router.mesh.topology import Address
from weave_http.router.mesh.wire import Closed, Wire
from weave_http.router.secrecy import certificate
from weave_http.router.secrecy.budget import Budget
from weave_http.router.secrecy.keyring import Candidate
from weave_http.router.secrecy.proof import Proof
from weave_http.router.secrecy.proving import dial, listen

AT_ONCE = 2
"""Proofs that are computed at one moment; each is some 15 ms of one core."""
_SHUTDOWN = 1.0
"""Seconds for the other side to end TLS as it should."""
_DENIED = "TLSV1_ALERT_ACCESS_DENIED"

NO_PASSWORD_THERE = "no password there, and one is set here"  # noqa: S105 (a reason, as the others)
NO_PASSWORD_HERE = "a password is set there, and none here"  # noqa: S105


class Encrypted:
    """What a router with a password puts around the bytes.

    Args:
        candidates: returns the passwords that count now.
        trusts: tells whether data to a peer of an address may be in the clear.
    """

    def __init__(self, candidates: Callable[[float], tuple[Candidate, ...]], trusts: Callable[[IP], bool]) -> None:
        self._candidates = candidates
        self._certificate = certificate.make()
        self._client = certificate.client()
        self._budget = Budget()
        self._room = asyncio.Semaphore(AT_ONCE)
        self.trusts = trusts

    async def open(self, sock: socket.socket, remote: Address, *, outbound: bool) -> Streams:
        """Return the streams of a connection to somebody who has proved that he knows the password."""
        streams = await (self._dialled(sock) if outbound else self._accepted(sock, remote))
        mine = self._candidates(time())
        try:
            if outbound:
                shown = streams.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                await dial(*streams, mine, sha256(shown).digest(), self._compute)
            else:
                guess = partial(self._guess, remote.ip)
                runs = await listen(*streams, mine, self._certificate.fingerprint, self._compute, guess)
                self._budget.proved(remote.ip, runs)
        except Refused:
            streams.writer.close()  # what was said last still leaves
            raise
        except BaseException as error:
            streams.writer.transport.abort()
            if isinstance(error, asyncio.IncompleteReadError):
                raise Closed("closed by the other side") from error
            raise
        return streams

    # -- TLS -------------------------------------------------------------------------------------------------

    async def _dialled(self, sock: socket.socket) -> Streams:
        set_patience(sock)
        try:
            reader, writer = await asyncio.open_connection(
                sock=sock,
                limit=codec.HANDSHAKE_LIMIT,
                ssl=self._client,
                server_hostname="",
                ssl_shutdown_timeout=_SHUTDOWN,
            )
        except ssl.SSLError as error:
            sock.close()
            if error.reason == _DENIED:
                raise Refused(Refusal.SECRET, NO_PASSWORD_THERE) from error
            raise
        except OSError:
            sock.close()
            raise
        return Streams(reader, writer)

    async def _accepted(self, sock: socket.socket, remote: Address) -> Streams:
        if await first_byte(sock) != TLS_HANDSHAKE:
            await self._turn_away(sock, remote)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=codec.HANDSHAKE_LIMIT, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            set_patience(sock)
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, sock, ssl=self._certificate.server, ssl_shutdown_timeout=_SHUTDOWN
            )
        except OSError:
            sock.close()
            raise
        return Streams(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    async def _turn_away(self, sock: socket.socket, remote: Address) -> None:
        """Tell a router without a password why it is refused; raises `Refused`."""
        wire = Wire(*await plain(sock), remote, Codec(), LoopClock())
        try:
            await turn_away(wire, Refused(Refusal.SECRET, NO_PASSWORD_HERE))
        finally:
            await wire.close()
        raise Refused(Refusal.SECRET, NO_PASSWORD_THERE)

    async def _compute(self, work: Callable[[], Proof]) -> Proof:
        """Run a part of a proof off the loop, which has peers to serve, and few at once."""
        async with self._room:
            return await in_thread(work)

    def _guess(self, source: IP) -> None:
        if not self._budget.take(source, monotonic()):
            raise Closed("too many wrong passwords; it has to wait")
