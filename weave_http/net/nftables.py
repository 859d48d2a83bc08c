"""Chains of nf_tables that look at what a device receives or sends (family `netdev`), over netlink, without a program.

A rule is what it tests, in order, and what is done then: mostly the frame is dropped. Or it does nothing, and bears a
comment. The kernel takes a batch of changes whole, or not at all. Layouts: `linux/netfilter/nf_tables.h`,
`nfnetlink.h`.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from weave_http.closed_behind import closed_behind
from weave_http.net.netlink import NLM_F_ACK, NLM_F_REQUEST, NetlinkError
from weave_http.net.nft_rules import DROP, Rule, Step, leave_by, tests
from weave_http.records import dataclass

INGRESS, EGRESS = 0, 1
"""What a chain sees of a device: what it receives, or what it sends (Linux 5.16)."""
_NETLINK_NETFILTER, _SUBSYSTEM, _NETDEV = 12, 10, 5
_BEGIN, _END = 16, 17
_NEW_TABLE, _DEL_TABLE, _NEW_CHAIN, _GET_CHAIN, _DEL_CHAIN, _NEW_RULE, _GET_RULE = (
    _SUBSYSTEM << 8 | n for n in (0, 2, 3, 4, 5, 6, 7)
)
_NEW_GENERATION, _GET_GENERATION = _SUBSYSTEM << 8 | 15, _SUBSYSTEM << 8 | 16
_NEW_ONE, _CREATE, _APPEND, _NESTED, _DUMP = 0x200, 0x400, 0x800, 0x8000, 0x300
_ERROR, _DONE = 2, 3
_HEADER, _GENERAL, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("!BBH"), struct.Struct("=HH")
_RECEIVE_BYTES = 1 << 18
_TYPE_MASK = 0x3FFF
_CHAIN_NAME = 3
_RULE_CHAIN, _RULE_USER_DATA, _COMMENT = 2, 7, 0
_ABSENT = (errno.ENOENT, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT)


_Attributes = list[tuple[int, Any]]
"""Numbers of attributes, and what they hold: bytes, a text, a number, or attributes."""
_Change = tuple[int, int, _Attributes]
"""Kind, flags and attributes of a message."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain, called after its device.

    Args:
        device: name of the device.
        hook: `INGRESS` or `EGRESS`.
        rules: the steps of each; a packet that none of them decides on goes on.
        comments: shown by `nft list ruleset`; of at most 254 bytes each.
    """

    device: str
    hook: int
    rules: Sequence[Sequence[Step]]
    comments: Sequence[str] = ()


def put_chain(table: str, device: str, rules: Iterable[Rule], comments: Iterable[str] = ()) -> None:
    """Have a chain, called after a device of the calling thread's namespace, that sees what it receives. Converges.

    Args:
        table: of the chain; made if there is none.
        device: name of the device.
        rules: frames that one of them is true of are dropped.
        comments: kept with it, and shown by `nft list ruleset`; of at most 254 bytes each.

    Raises:
        NetlinkError: the kernel refused, or has no such chains; nothing was changed.
    """
    put(table, Chain(device, INGRESS, [[*tests(rule), DROP] for rule in rules], tuple(comments)))


def put_forward(table: str, device: str, index: int) -> None:
    """Have a chain as `put_chain` does, by which all that the device receives leaves by another one.

    Args:
        table: of the chain; made if there is none.
        device: name of the device.
        index: number of the other device.

    Raises:
        NetlinkError: the kernel refused, or has no such chains; nothing was changed.
    """
    put(table, Chain(device, INGRESS, [leave_by(index)]))


def put(table: str, *chains: Chain) -> None:
    """Have chains of devices of the calling thread's namespace, all at once. Converges.

    Args:
        table: of the chains; made if there is none.
        chains: which ones; others of the table stay.

    Raises:
        NetlinkError: the kernel refused, or has no such chains; nothing was changed.
    """
    try:
        _put(table, chains)
    except NetlinkError as error:
        if not error.exists:
            raise
        _put(table, chains)  # somebody else has just made one


def _put(table: str, chains: Sequence[Chain]) -> None:
    doing = f"look at what {' and '.join(each.device for each in chains)} receives or sends"
    changes: list[_Change] = [(_NEW_TABLE, _CREATE, [(1, table)])]
    for each in chains:
        name: _Attributes = [(1, table), (3, each.device)]
        # Whatever the kernel says to changes takes it some milliseconds; to ask before does not.
        if _ask(_GET_CHAIN, _NEW_CHAIN, name, doing, flags=0):
            changes.append((_DEL_CHAIN, 0, name))
        hook: _Attributes = [(1, each.hook), (2, 0), (3, each.device)]
        changes.append((_NEW_CHAIN, _CREATE | _NEW_ONE, [*name, (4, hook), (7, "filter")]))
        contents: list[tuple[int, Any]] = [(_RULE_USER_DATA, _commenting(text)) for text in each.comments]
        contents += [(4, [(1, [(1, kind), (2, data)]) for kind, data in rule]) for rule in each.rules]
        changes += [
            (_NEW_RULE, _CREATE | _APPEND, [(1, table), (_RULE_CHAIN, each.device), content]) for content in contents
        ]
    _commit(changes, doing)


def delete_chain(table: str, device: str) -> None:
    """Delete a device's chain; one that is not there is fine. Raises `NetlinkError`."""
    try:
        _commit([(_DEL_CHAIN, 0, [(1, table), (3, device)])], f"look no more at what {device} receives")
    except NetlinkError as error:
        if error.code not in _ABSENT:
            raise


def delete_table(table: str) -> None:
    """Delete a table with all of its chains; one that is not there is fine. Raises `NetlinkError`."""
    try:
        _commit([(_DEL_TABLE, 0, [(1, table)])], f"delete the table {table}")
    except NetlinkError as error:
        if error.code not in _ABSENT:
            raise


def chains(table: str) -> set[str]:
    """Return the names of the chains of a table; none where there is no such table. Raises `NetlinkError`."""
    found = _ask(_GET_CHAIN, _NEW_CHAIN, [(1, table)], "list the chains")
    return {_text(chain[_CHAIN_NAME]) for chain in found if _text(chain[1]) == table}


def comments_of(table: str, device: str) -> list[str]:
    """Return the comments that were given to a device's chain; none where there is no such chain.

    Raises:
        NetlinkError: the kernel refused.
    """
    doing = f"list the rules for what {device} receives"
    found = _ask(_GET_RULE, _NEW_RULE, [(1, table), (_RULE_CHAIN, device)], doing)
    # An old kernel lists the rules of all chains.
    own = [rule for rule in found if (_text(rule[1]), _text(rule[_RULE_CHAIN])) == (table, device)]
    return [_text(data[2:]) for rule in own if (data := rule.get(_RULE_USER_DATA, b""))[:1] == bytes([_COMMENT])]


def _ask(asked: int, answered: int, attributes: _Attributes, doing: str, flags: int = _DUMP) -> list[dict[int, bytes]]:
    """Return the attributes of each thing that the kernel tells of; none where there is no such table or chain."""
    try:
        answers = _exchange(_message(asked, flags, 1, attributes), doing)
    except NetlinkError as error:
        if error.code not in _ABSENT:
            raise
        return []
    return [dict(_parse(body[_GENERAL.size :])) for kind, body in answers if kind == answered]


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode()


def _commenting(text: str) -> bytes:
    """Return what a rule bears for `nft` to show: a kind, a length, and a text with a zero behind it."""
    data = text.encode() + b"\0"
    return bytes([_COMMENT, len(data)]) + data


def generation() -> int:
    """Return the number of the rule set of the calling thread's network namespace: each change of it has another one.

    Also what `iptables-nft` changes counts. 0 where the kernel has no nf_tables. Raises `NetlinkError`.
    """
    found = _ask(_GET_GENERATION, _NEW_GENERATION, [], "ask for the generation of the rules", flags=0)
    return next((int.from_bytes(each[1]) for each in found), 0)


def _commit(changes: Sequence[_Change], doing: str) -> None:
    """Have the kernel make changes, all or none. Raises `NetlinkError`."""
    batch = _edge(_BEGIN, 0)
    for number, (kind, flags, attributes) in enumerate(changes, start=1):
        batch += _message(kind, flags | NLM_F_ACK, number, attributes)
    _exchange(batch + _edge(_END, len(changes) + 1), doing, changing=True)


def _exchange(data: bytes, doing: str, *, changing: bool = False) -> list[tuple[int, bytes]]:
    """Send messages, and return the answers to them: kinds and bodies. Raises `NetlinkError`."""
    answers: list[tuple[int, bytes]] = []
    try:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
        with closed_behind(opened) if changing else opened as sock:
            sock.send(data)
            done = False
            while not done:
                try:
                    # What the kernel says to a batch is there when it has taken it; a dump goes on as it is read.
                    received = sock.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                while received:
                    length, kind, *_ = _HEADER.unpack_from(received)
                    body, received = received[_HEADER.size : length], received[(length + 3) & ~3 :]
                    if kind == _ERROR and (code := -int.from_bytes(body[:4], "little", signed=True)):
                        raise NetlinkError(doing, code)
                    done |= kind == _DONE
                    answers.append((kind, body))
    except NetlinkError:
        raise
    except OSError as error:
        raise NetlinkError(doing, error.errno or 0) from error
    return answers


def _edge(kind: int, number: int) -> bytes:
    return _framed(kind, 0, number, _GENERAL.pack(0, 0, _SUBSYSTEM))


def _message(kind: int, flags: int, number: int, attributes: _Attributes) -> bytes:
    return _framed(kind, flags, number, _GENERAL.pack(_NETDEV, 0, 0) + _packed(attributes))


def _framed(kind: int, flags: int, number: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, NLM_F_REQUEST | flags, number, 0) + body


def _packed(attributes: _Attributes) -> bytes:
    packed = b""
    for kind, value in attributes:
        if isinstance(value, list):
            kind, data = kind | _NESTED, _packed(value)
        elif isinstance(value, int):
            data = struct.pack("!I", value)
        else:
            data = value.encode() + b"\0" if isinstance(value, str) else value
        packed += _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), kind) + data + bytes(-len(data) % 4)
    return packed


def _parse(data: bytes) -> Iterable[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        yield kind & _TYPE_MASK, data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]
