"""One netlink socket: a request, its acknowledgement, and the reason when the kernel refuses.

Synchronous on purpose: pyroute2's own socket runs an asyncio loop for each call. What a message looks like is
pyroute2's knowledge (`messages`); sending it and reading the answer is what is left, and it is this file. Of links and
addresses, of which there are many, the few fields that count are read from the bytes: decoding all of them was a third
of an attach.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias, TypeVar

from weave_http.closing import Closing
from weave_http.errors import HostError

NETLINK_ROUTE = 0
"""Protocol for links, addresses, routes and neighbours."""

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
CREATE_NEW = 0x200 | 0x400
"""NLM_F_EXCL | NLM_F_CREATE: refuse with EEXIST what is there already."""

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_GETNSID = 90

_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_DUMP_INTR, _NLM_F_CAPPED, _NLM_F_ACK_TLVS = 0x10, 0x100, 0x200
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 270, 10, 11, 12
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NLA_TYPE_MASK = 0x3FFF
_REASON = 1
_RECEIVE_BYTES = 1 << 18
_DUMP_ATTEMPTS = 10
_T = TypeVar("_T")
_Take: TypeAlias = Callable[[bytes, int, memoryview], _T | None]
"""Makes a value of an answer: of what was received, where in that it begins, and the answer behind its header."""


class NetlinkError(HostError):
    """The kernel refused a request.

    Args:
        doing: what was attempted, as `add 10.2.1.1/24 to ethwe`.
        code: errno.
        reason: the kernel's own words, when it sent some.
    """

    def __init__(self, doing: str, code: int, reason: str = "") -> None:
        super().__init__(f"can't {doing}: {reason or os.strerror(code)}")
        self.code = code

    @property
    def absent(self) -> bool:
        """Whether the device or address that the request is about is not there."""
        return self.code in (errno.ENODEV, errno.EADDRNOTAVAIL, errno.ENXIO, errno.ESRCH)

    @property
    def exists(self) -> bool:
        """Whether what was to be created is there already."""
        return self.code == errno.EEXIST


class Netlink(Closing):
    """A socket in the network namespace of the thread that opens it; usable from any thread afterwards.

    Args:
        protocol: `NETLINK_…`.
    """

    def __init__(self, protocol: int = NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._sequence = 0
        # Kernels before 4.12 have no words for their refusals; errno will do. Before 4.20 they leave it to the caller
        # to choose from a dump by index or table.
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
            with suppress(OSError):
                self._socket.setsockopt(_SOL_NETLINK, option, 1)

    def close(self) -> None:
        """Close the socket. Idempotent."""
        self._socket.close()

    def execute(self, message: Any, kind: int, flags: int, doing: str) -> None:
        """Send a request that changes something, and wait until it is done.

        Args:
            message: a message of pyroute2's, with its fields and attributes set.
            kind: `RTM_…`.
            flags: `NLM_F_…` beyond request and acknowledgement.
            doing: the end of a sentence that begins with "can't".

        Raises:
            NetlinkError: the kernel refused.
        """
        self._exchange(message, kind, flags | NLM_F_ACK, doing, partial(_decoded, message))

    def get(self, message: Any, kind: int, doing: str) -> Any:
        """Return the one object that the message describes, decoded. Raises `NetlinkError`."""
        answers = self._exchange(message, kind, 0, doing, partial(_decoded, message))
        assert answers, "only a dump is torn, and what is not there is an error"
        return answers[0]

    def look(self, message: Any, kind: int, doing: str) -> memoryview:
        """Return the one object that the message describes, undecoded, behind its netlink header. Raises the same."""
        answers = self._exchange(message, kind, 0, doing, lambda data, start, body: body)
        assert answers, "as of `get`"
        return answers[0]

    def dump(
        self,
        message: Any,
        kind: int,
        doing: str,
        *,
        read: Callable[[Any], _T | None],
        keep: Callable[[memoryview], bool] | None = None,
    ) -> list[_T]:
        """Return all objects of a kind.

        Args:
            message: a message of pyroute2's; what it says is what the kernel chooses by.
            kind: `RTM_GET…`.
            doing: the end of a sentence that begins with "can't".
            read: makes a value of a decoded answer, which takes a hundred times the memory; None for one that does not
                matter.
            keep: looks at an undecoded answer (behind its netlink header), because decoding is slow.

        Raises:
            NetlinkError: the kernel refused.
        """

        def take(data: bytes, start: int, body: memoryview) -> _T | None:
            return read(_decoded(message, data, start, body)) if keep is None or keep(body) else None

        return self._dump(message, kind, doing, take)

    def scan(self, message: Any, kind: int, doing: str, take: Callable[[memoryview], _T | None]) -> list[_T]:
        """Return all objects of a kind where there may be many: nothing is decoded.

        Args:
            message: as of `dump`, with kind and doing.
            kind: the same.
            doing: the same.
            take: makes a value of an answer (behind its netlink header); None for one that does not matter.

        Raises:
            NetlinkError: the kernel refused.
        """
        return self._dump(message, kind, doing, lambda data, start, body: take(body))

    def _dump(self, message: Any, kind: int, doing: str, take: _Take[_T]) -> list[_T]:
        for _ in range(_DUMP_ATTEMPTS):
            answers = self._exchange(message, kind, NLM_F_DUMP, doing, take)
            if answers is not None:
                return answers
        raise NetlinkError(doing, errno.EINTR, "the kernel's list kept changing while it was read")

    def _exchange(
        self,
        message: Any,
        kind: int,
        flags: int,
        doing: str,
        take: _Take[_T],
    ) -> list[_T] | None:
        self._sequence += 1
        message.reset()
        message["header"] = {
            "type": kind,
            "flags": NLM_F_REQUEST | flags,
            "sequence_number": self._sequence,
            "pid": 0,
        }
        message.encode()
        self._socket.send(message.data)
        dumping = flags & NLM_F_DUMP == NLM_F_DUMP
        answers: list[_T] = []
        torn = False
        while True:
            data = self._socket.recv(_RECEIVE_BYTES)
            offset = 0
            while offset < len(data):
                length, answer, answer_flags, sequence, _ = _HEADER.unpack_from(data, offset)
                body = memoryview(data)[offset + _HEADER.size : offset + length]
                start, offset = offset, offset + (length + 3 & ~3)
                if sequence != self._sequence:
                    continue  # left over from a request whose answer was not read to its end
                torn = torn or bool(answer_flags & _NLM_F_DUMP_INTR)
                if answer == _NLMSG_ERROR:
                    _check(body, answer_flags, doing)
                    return answers
                if answer == _NLMSG_DONE:
                    return None if torn else answers
                if (found := take(data, start, body)) is not None:
                    answers.append(found)
                if not dumping:
                    return answers


def attribute(body: memoryview, offset: int, kind: int) -> memoryview | None:
    """Return the value of one attribute of an undecoded message, or nothing if it has none of that kind.

    Args:
        body: the message behind its netlink header, or the value of an attribute that has attributes in it.
        offset: where the attributes begin.
        kind: number of the attribute.
    """
    while offset + _ATTRIBUTE.size <= len(body):
        length, found = _ATTRIBUTE.unpack_from(body, offset)
        if length < _ATTRIBUTE.size:
            return None
        if found & _NLA_TYPE_MASK == kind:
            return body[offset + _ATTRIBUTE.size : offset + length]
        offset += length + 3 & ~3
    return None


def attributes(body: memoryview, offset: int = 0) -> dict[int, memoryview]:
    """Return the values of an undecoded message's attributes, by their kinds.

    Args:
        body: the message behind its netlink header, or the value of an attribute that has attributes in it.
        offset: where the attributes begin.
    """
    found = {}
    while offset + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _NLA_TYPE_MASK] = body[offset + _ATTRIBUTE.size : offset + length]
        offset += length + 3 & ~3
    return found


def number(field: memoryview, *, signed: bool = False) -> int:
    """Return a number of an undecoded message; 0 for an empty field."""
    return int.from_bytes(field, sys.byteorder, signed=signed)


def _decoded(message: Any, data: bytes, start: int, body: memoryview) -> Any:
    del body
    found = type(message)(data, offset=start)
    found.decode()
    return found


def text(field: memoryview) -> str:
    """Return a text of an undecoded message; what is no UTF-8 in it is replaced."""
    return bytes(field).rstrip(b"\0").decode(errors="replace")


def _check(body: memoryview, flags: int, doing: str) -> None:
    """Raise what an NLMSG_ERROR reports; an acknowledgement reports 0."""
    (code,) = struct.unpack_from("=i", body)
    if code == 0:
        return
    reason = ""
    if flags & _NLM_F_ACK_TLVS:
        # Behind the error stands the request: its header alone when the kernel capped it, else all of it.
        (request_bytes,) = struct.unpack_from("=I", body, 4)
        offset = 4 + (_HEADER.size if flags & _NLM_F_CAPPED else request_bytes + 3 & ~3)
        words = attribute(body, offset, _REASON)
        reason = text(words) if words is not None else ""
    raise NetlinkError(doing, -code, reason)
