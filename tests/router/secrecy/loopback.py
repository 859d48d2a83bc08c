"""Nodes with a password in one event loop, and strangers who try to get in."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Self

from tests.router.mesh.loopback import PORT, Node, ip
from tests.router.mesh.worlds import name
from weave_http.router.mesh.channels import Channel
from weave_http.router.mesh.identity import Self as Identity
from weave_http.router.mesh.topic import Topic
from weave_http.router.secrecy import certificate
from weave_http.router.secrecy.channel import Encrypted
from weave_http.router.secrecy.keyring import Keyring

PASSWORD = "correct horse battery staple"


def encrypted(keyring: Keyring | str = PASSWORD) -> Encrypted:
    """A channel of those who know a password; nobody's data may be in the clear."""
    known = Keyring(keyring) if isinstance(keyring, str) else keyring
    return Encrypted(known.candidates, lambda address: False)


@asynccontextmanager
async def node(
    number: int, *targets: str, channel: Channel | None = None, topics: Sequence[Topic] | None = None
) -> AsyncIterator[Node]:
    """A running node, by default without a password; name, nickname and address by its number."""
    me = Identity(name(number), f"host{number}", number, ip(number), PORT, 200, discovery=True)
    it = Node(me, topics, channel)
    it.listen()
    it.start()
    it.connect(list(targets))
    try:
        yield it
    finally:
        await it.stop()


class Dialler:
    """A stranger's TLS connection to a node."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def meet(cls, it: Node, number: int = 200) -> Self:
        """Connect."""
        streams = await asyncio.open_connection(
            str(it.me.host),
            it.me.port,
            local_addr=(str(ip(number)), 0),
            ssl=certificate.client(),
            server_hostname="",
            ssl_shutdown_timeout=0.5,
        )
        return cls(*streams)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()
        with suppress(OSError):
            await self.writer.wait_closed()

    @property
    def fingerprint(self) -> bytes:
        """Of the certificate that the node showed."""
        tls: ssl.SSLObject = self.writer.get_extra_info("ssl_object")
        shown = tls.getpeercert(binary_form=True)
        assert shown
        return sha256(shown).digest()

    async def hears(self, within: float = 5.0) -> bytes:
        """Return all that still comes."""
        data = b""
        async with asyncio.timeout(within):
            with suppress(ConnectionError):
                while more := await self.reader.read(65536):
                    data += more
        return data
