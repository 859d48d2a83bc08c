"""Queries and replies, and a small server to be passed on to."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

from dnslib import EDNS0, QTYPE, RR, A, DNSHeader, DNSQuestion, DNSRecord
from dnslib.label import DNSLabel

Reply = Callable[[Any], bytes | None]


def query(name: str, kind: str = "A", *, number: int = 7, size: int = 0, version: int = 0, qclass: int = 1) -> bytes:
    """A query in bytes, with EDNS when a size is given."""
    labels = DNSLabel([label.encode() for label in name.rstrip(".").split(".") if label])
    record = DNSRecord(DNSHeader(id=number, rd=1), q=DNSQuestion(labels, getattr(QTYPE, kind), qclass))
    if size:
        record.add_ar(EDNS0(udp_len=size, version=version))
    return bytes(record.pack())


def addresses(reply: bytes | None) -> list[str]:
    """The addresses, or names, that a reply gives."""
    assert reply is not None
    return [str(record.rdata) for record in DNSRecord.parse(reply).rr]


def exchange(data: bytes, port: int, *, host: str = "127.0.0.1", source: str = "", seconds: float = 5.0) -> bytes:
    """Ask a server over UDP, from an address of this host."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        sock.bind((source, 0))
        sock.connect((host, port))
        sock.send(data)
        return sock.recv(65535)


def exchange_tcp(data: bytes, port: int, *, host: str = "127.0.0.1", source: str = "") -> bytes:
    """Ask a server over TCP, from an address of this host. Raises `EOFError` when it hangs up."""
    with (
        socket.create_connection((host, port), timeout=5, source_address=(source, 0)) as sock,
        sock.makefile("rb") as file,
    ):
        sock.sendall(struct.pack(">H", len(data)) + data)
        size = file.read(2)
        if not size:
            raise EOFError
        return file.read(int.from_bytes(size, "big"))


def answer_with(*given: str, ttl: int = 60) -> Reply:
    """What a server does that answers everything with these addresses; over UDP what doesn't fit is cut."""

    def reply(request: Any) -> bytes:
        record = request.reply()
        for address in given:
            record.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(address), ttl=ttl))
        return bytes(record.pack())

    return reply


class Elsewhere:
    """Another server, on loopback, over UDP and TCP.

    Args:
        reply: makes the reply, or nothing for silence.
        udp_size: bytes over which a reply over UDP is cut.
    """

    def __init__(self, reply: Reply, host: str = "127.0.0.1", udp_size: int = 512) -> None:
        self.asked: list[str] = []
        self._reply = reply
        self.host = host
        self._udp_size = udp_size

    async def start(self, port: int = 0) -> int:
        loop = asyncio.get_running_loop()
        while True:
            self._tcp = await asyncio.start_server(self._serve, self.host, port)
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._udp.bind((self.host, self._tcp.sockets[0].getsockname()[1]))
                break
            except OSError:  # free for TCP only
                self._udp.close()
                self._tcp.close()
                if port:
                    raise
        self._udp.setblocking(False)
        loop.add_reader(self._udp, self._readable)
        return int(self._udp.getsockname()[1])

    async def stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self._udp)
        self._udp.close()
        self._tcp.close()

    def _readable(self) -> None:
        data, client = self._udp.recvfrom(65535)
        request = DNSRecord.parse(data)
        self.asked.append(f"udp {request.q.qname}")
        reply = self._reply(request)
        if reply is not None:
            if len(reply) > self._udp_size:
                reply = bytes(DNSRecord.parse(reply).truncate().pack())
            self._udp.sendto(reply, client)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        request = DNSRecord.parse(data)
        self.asked.append(f"tcp {request.q.qname}")
        reply = self._reply(request)
        if reply is not None:
            writer.write(struct.pack(">H", len(reply)) + reply)
            await writer.drain()
        writer.close()
