"""Answers DNS queries from the known names, or says that another server has to. Pure; the wire format is dnslib's.

Local are the names below the domain, those of one label, and the reverse names of addresses that have a local name.
Everything else is for the host's own name servers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, MutableSequence
from functools import lru_cache
from typing import Any

from dnslib import AAAA, CLASS, EDNS0, OPCODE, PTR, QTYPE, RCODE, RR, A, DNSError, DNSHeader, DNSQuestion, DNSRecord
from dnslib.buffer import BufferError as ShortBuffer
from dnslib.label import DNSBuffer, DNSLabelError

from weave_http.addresses import IP
from weave_http.operations.hostnames import from_labels, is_inside, reverse_address
from weave_http.records import dataclass

LEAST_SIZE = 512
"""Bytes that any client takes over UDP."""
MOST_SIZE = 4096
"""Bytes that are sent over UDP to a client that says it takes as many."""
LARGEST_QUERY = 4096
_HEADER = 12
_CACHED_SIZE = 512
_MOST_CACHED = 1024
_NO_NUMBER = b"\0\0"
_LONGEST_NAME, _LONGEST_LABEL = 255, 63
_VERSIONS = {QTYPE.A: (4,), QTYPE.AAAA: (6,), QTYPE.ANY: (4, 6)}
"""The versions of IP whose addresses are asked for."""
_BADVERS_HIGH = 1
"""Upper bits of the extended response code 16: the query wants another version of EDNS."""


@dataclass(frozen=True, slots=True)
class Query:
    """A well-formed query.

    Args:
        data: as it came.
        id: its number, which the reply repeats.
        flags: of its header.
        question: what is asked (dnslib's).
        name: the name that is asked for, lower case without the last dot; empty for the root and what is no hostname.
        edns: EDNS version, None without.
        size: bytes that the client takes over UDP.
    """

    data: bytes
    id: int
    flags: int
    question: Any
    name: str
    edns: int | None
    size: int


def parse(data: bytes) -> Query | bytes | None:
    """Read a query.

    Returns:
        the query; or a reply that complains about it; or None when it isn't worth one, being a reply itself or less
        than a header.
    """
    if len(data) > _CACHED_SIZE or len(data) < _HEADER:
        return _parse(data)
    # Clients ask the same again and again, but for the number; reading a query is half the work of an answer.
    cached = _parse_cached(_NO_NUMBER + data[2:])
    if isinstance(cached, bytes):
        return data[:2] + cached[2:]
    if cached is None:
        return None
    number = int.from_bytes(data[:2], "big")
    return Query(data, number, cached.flags, cached.question, cached.name, cached.edns, cached.size)


def _parse(data: bytes) -> Query | bytes | None:
    if len(data) < _HEADER or data[2] & 0x80:
        return None
    header = DNSHeader.parse(DNSBuffer(data[:_HEADER]))
    if header.opcode != OPCODE.QUERY:
        return _complaint(header, RCODE.NOTIMP)
    if (header.q, header.a, header.auth) != (1, 0, 0) or header.ar > 2 or len(data) > LARGEST_QUERY:
        return _complaint(header, RCODE.FORMERR)
    try:
        buffer = DNSBuffer(data)
        buffer.offset = _HEADER
        question = DNSQuestion.parse(buffer)
        extra = [RR.parse(buffer) for _ in range(header.ar)]
    except (DNSError, ShortBuffer, DNSLabelError, ValueError, RecursionError):
        return _complaint(header, RCODE.FORMERR)
    labels = question.qname.label
    if sum(len(label) + 1 for label in labels) >= _LONGEST_NAME or any(len(label) > _LONGEST_LABEL for label in labels):
        return _complaint(header, RCODE.FORMERR)
    opt = next((record for record in extra if record.rtype == QTYPE.OPT), None)
    return Query(
        data=data,
        id=header.id,
        flags=header.bitmap,
        question=question,
        name=from_labels(labels),
        edns=None if opt is None else opt.ttl >> 16 & 0xFF,
        size=LEAST_SIZE if opt is None else min(max(opt.rclass, LEAST_SIZE), MOST_SIZE),
    )


_parse_cached = lru_cache(maxsize=1024)(_parse)


class Answerer:
    """Answers what is local.

    Args:
        domain: the local domain, lower case without the last dot.
        ttl: seconds for which an answer may be kept.
        addresses: returns the addresses of a fully qualified name.
        hostnames: returns the names of an address.
        shuffle: puts a list into another order, in place.
    """

    def __init__(
        self,
        domain: str,
        ttl: int,
        addresses: Callable[[str], Collection[IP]],
        hostnames: Callable[[IP], Collection[str]],
        *,
        shuffle: Callable[[MutableSequence[IP]], None] = random.shuffle,
    ) -> None:
        self.domain = domain
        self._ttl = ttl
        self._addresses = addresses
        self._hostnames = hostnames
        self._shuffle = shuffle
        self._replies: dict[tuple[bytes, int], tuple[IP | None, bytes]] = {}
        """Replies with one address, and that address, by what was asked and the limit."""

    def answer(self, query: Query, limit: int) -> bytes | None:
        """Return the reply to a query, None when it is for another server.

        Args:
            query: the query.
            limit: bytes that a reply may have.
        """
        question = query.question
        if query.edns:
            return self._reply(query, [], limit, high=_BADVERS_HIGH)
        if question.qclass not in (CLASS.IN, QTYPE.ANY):
            return refuse(query, RCODE.NOTIMP)
        if question.qtype in (QTYPE.PTR, QTYPE.ANY):
            found = self._hostnames(address) if (address := reverse_address(query.name)) else ()
            if found:
                return self._reply(query, [(QTYPE.PTR, PTR(name.encode())) for name in sorted(found)], limit)
        name = query.name
        if name == self.domain:
            return self._reply(query, [], limit)
        if is_inside(name, self.domain):
            return self._local(query, name, limit)
        if name and "." not in name:
            return self._single(query, name, limit)
        return None

    def _single(self, query: Query, name: str, limit: int) -> bytes | None:
        """Answer a name of one label; only what is asked of top-level domains as such goes on to other servers."""
        asked = query.question.qtype
        if asked in (QTYPE.A, QTYPE.AAAA, QTYPE.ANY) or self._addresses(f"{name}.{self.domain}"):
            return self._local(query, f"{name}.{self.domain}", limit)
        return None

    def _local(self, query: Query, name: str, limit: int) -> bytes:
        known = self._addresses(name)
        if not known:
            return self._reply(query, [], limit, code=RCODE.NXDOMAIN)
        versions = _VERSIONS.get(query.question.qtype, ())
        found = [address for address in known if address.version in versions]
        if not found:
            return self._reply(query, [], limit)
        if len(found) == 1:
            return self._one(query, found[0], limit)
        self._shuffle(found)
        return self._reply(query, list(map(_record, found)), limit)

    def _one(self, query: Query, address: IP, limit: int) -> bytes:
        """Return the reply with one address; it is made but once."""
        key = (query.data[2:], limit)
        before, reply = self._replies.get(key, (None, b""))
        if before != address:
            reply = self._reply(query, [_record(address)], limit)
            if len(self._replies) >= _MOST_CACHED:
                self._replies.clear()
            if len(query.data) <= _CACHED_SIZE:
                self._replies[key] = (address, reply)
        return query.data[:2] + reply[2:]

    def _reply(
        self, query: Query, records: list[tuple[int, Any]], limit: int, *, code: int = 0, high: int = 0
    ) -> bytes:
        """Return a reply with as many of the records as there is room for, and a mark when those aren't all."""
        count = len(records)
        while True:
            reply = _reply_to(query, code, authoritative=not high, cut=count < len(records))
            for kind, data in records[:count]:
                reply.add_answer(RR(query.question.qname, kind, ttl=self._ttl, rdata=data))
            if query.edns is not None:
                reply.add_ar(EDNS0(udp_len=MOST_SIZE, ext_rcode=high))
            data = bytes(reply.pack())
            if len(data) <= limit or not count:
                return data
            # Each record is as long as each other one, nearly: this comes out right at once, or little later.
            count = min(count - 1, max(0, count * limit // len(data)))


def _record(address: IP) -> tuple[int, Any]:
    return (QTYPE.A, A(str(address))) if address.version == 4 else (QTYPE.AAAA, AAAA(str(address)))


def refuse(query: Query, code: int = RCODE.SERVFAIL) -> bytes:
    """Return a reply without an answer.

    Args:
        query: the query.
        code: response code, by default that a server failed.
    """
    return _with_edns(query, _reply_to(query, code, authoritative=False, cut=False))


def cut(query: Query) -> bytes:
    """Return a reply that tells the client to ask again over TCP."""
    return _with_edns(query, _reply_to(query, RCODE.NOERROR, authoritative=False, cut=True))


def _with_edns(query: Query, reply: Any) -> bytes:
    if query.edns is not None:
        reply.add_ar(EDNS0(udp_len=MOST_SIZE))
    return bytes(reply.pack())


def _reply_to(query: Query, code: int, *, authoritative: bool, cut: bool) -> Any:
    header = DNSHeader(
        id=query.id, bitmap=query.flags & 0x0110, qr=1, aa=int(authoritative), ra=1, tc=int(cut), rcode=code
    )
    return DNSRecord(header, q=query.question)


def _complaint(header: Any, code: int) -> bytes:
    bitmap = header.bitmap & 0x7900
    return bytes(DNSRecord(DNSHeader(id=header.id, bitmap=bitmap, qr=1, ra=1, rcode=code)).pack())
