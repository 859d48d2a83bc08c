"""What a hostile container sends gets no further than its own end of the cable."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Any

import pytest

from tests.net.kernel import Space, cidrs
from weave_http.addresses import Cidr
from weave_http.net import bridge, guest, ingress, neighbour, nftables, teardown
from weave_http.net.guest import Change
from weave_http.net.nftables import chains

_EVERYBODY = bytes.fromhex("ffffffffffff")
_IP, _IPV6, _VLAN = 0x0800, 0x86DD, 0x8100
_ALL_NODES = "ff02::1"
_SECONDS = 5


def test_rules_that_are_there_are_replaced_by_one_change(
    spaces: Callable[[], Space], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, container = spaces(), spaces()
    host.call(bridge.ensure_bridge)
    asked: list[str] = []
    commit = nftables._commit

    def counted(changes: Any, doing: str) -> None:
        asked.append(doing)
        commit(changes, doing)

    monkeypatch.setattr(nftables, "_commit", counted)
    for number in (1, 2, 3):
        host.call(guest.plug, container.target(), cidrs(f"10.2.1.{number}/24"))
        given = host.call(ingress.given, container.port())
        assert given is not None
        assert len(given.addresses) == number
        assert len(asked) == number


def _mac(space: Space) -> str:
    return space.run("ip -br link show ethwe").split()[2]


def _octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _four(mac: str, source: str, payload: bytes = b"mark") -> bytes:
    """A frame of IPv4 to everybody."""
    numbers = [0x4500, 24, 0, 0, 64 << 8 | 253, 0, *struct.unpack("!HH", ip_address(source).packed), 0xFFFF, 0xFFFF]
    total = sum(numbers)
    numbers[5] = ~(total + (total >> 16)) & 0xFFFF
    head = struct.pack("!10H", *numbers)
    return _EVERYBODY + _octets(mac) + struct.pack("!H", _IP) + head + payload


def _six(mac: str, source: str, payload: bytes, header: int = 58, to: str = _ALL_NODES) -> bytes:
    """A frame of IPv6."""
    head = (
        struct.pack("!IHBB", 6 << 28, len(payload), header, 255) + IPv6Address(source).packed + IPv6Address(to).packed
    )
    return bytes.fromhex("333300000001") + _octets(mac) + struct.pack("!H", _IPV6) + head + payload


def _about(kind: int, target: str) -> bytes:
    """A message of neighbour discovery; its checksum is nobody's matter on the way."""
    return struct.pack("!BBHI", kind, 0, 0, 0) + IPv6Address(target).packed


def _settled(space: Space) -> list[Cidr]:
    with guest.settled(space.target(), ()) as now:
        return list(now)


def _said_by_arp(mac: str, source: str) -> bytes:
    return neighbour.frame(mac, ip_address(source))


def _arriving(sender: Space, receiver: Space, frames: dict[str, bytes], last: bytes = b"") -> set[str]:
    """Send frames from one container, and return the names of those that the other one hears.

    Args:
        sender: the first.
        receiver: the other one.
        frames: by name.
        last: one that passes in any case; by default of the sender's MAC and first address.
    """

    def listen() -> socket.socket:
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        listener.bind(("ethwe", 3))
        listener.settimeout(_SECONDS)
        return listener

    def send(data: bytes) -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sending:
            sending.sendto(data, ("ethwe", 0))

    last = last or _four(_mac(sender), str(sender.cidrs()[0].ip), b"last")
    with receiver.call(listen) as listener:
        for data in (*frames.values(), last):
            sender.call(send, data)
        heard: list[bytes] = []
        while last not in (heard or [b""]):
            heard.append(listener.recv(4096))
    return {name for name, data in frames.items() if data in heard}


@pytest.fixture
def pair(host: Space, spaces: Callable[[], Space]) -> tuple[Space, Space]:
    """A container that has turned bad, and one of another subnet."""
    rogue, victim = spaces(), spaces()
    host.call(bridge.ensure_bridge)
    host.run("ip link set weave type bridge mcast_snooping 0")  # the bridge itself keeps some messages to itself
    host.call(guest.plug, rogue.target(), cidrs("10.2.1.1/24", "fd00:1::1/64"))
    host.call(guest.plug, victim.target(), cidrs("10.2.2.1/24", "fd00:2::1/64"))
    return rogue, victim


def test_nothing_about_routers_and_neighbours_reaches_containers_of_other_subnets(pair: tuple[Space, Space]) -> None:
    rogue, victim = pair
    mac = _mac(rogue)
    own = str(neighbour.link_local(mac))
    hop = struct.pack("!BB6s", 58, 0, b"\x05\x02\0\0\x01\0")
    frames = {
        "a router": _six(mac, own, _about(134, "::")),
        "a redirect": _six(mac, own, _about(137, "fd00:2::9")),
        "a neighbour of theirs": _six(mac, "fd00:1::1", _about(136, "fd00:2::9")),
        "a question in their name": _six(mac, "fd00:2::9", _about(135, "fd00:2::1")),
        "a router, behind options": _six(mac, own, hop + _about(134, "::"), header=0),
        "a neighbour, behind longer options": _six(
            mac, own, struct.pack("!BB14s", 58, 1, b"\x01\x0c") + _about(136, "fd00:2::9"), header=0
        ),
        "a neighbour, behind another header": _six(mac, own, hop + _about(136, "fd00:2::9"), header=60),
        "itself": _six(mac, "fd00:1::1", _about(136, "fd00:1::1")),
        "its link-local address": _six(mac, own, _about(135, own)),
        "what it listens to": _six(mac, own, hop + _about(143, "::"), header=0),
        "anything else": _six(mac, "fd00:1::1", b"data", header=17),
    }
    assert _arriving(rogue, victim, frames) == {
        "itself",
        "its link-local address",
        "what it listens to",
        "anything else",
    }


def test_only_where_it_is_enforced_a_container_is_held_to_its_addresses(host: Space, pair: tuple[Space, Space]) -> None:
    rogue, victim = pair
    mac, other = _mac(rogue), "02:00:00:00:00:99"
    own = str(neighbour.link_local(mac))
    honest = {
        "its IPv4": _four(mac, "10.2.1.1"),
        "its IPv6": _six(mac, "fd00:1::1", b"data", header=17),
        "its ARP": _said_by_arp(mac, "10.2.1.1"),
        "itself": _six(mac, "fd00:1::1", _about(136, "fd00:1::1")),
        "a question for its own address": _six(mac, "::", _about(135, "fd00:1::1")),
        "link-local": _six(mac, own, b"data", header=17),
    }
    forged = {
        "another IPv4": _four(mac, "10.2.1.2"),
        "another IPv6": _six(mac, "fd00:1::2", b"data", header=17),
        "another MAC": _four(other, "10.2.1.1"),
        "another's ARP": _said_by_arp(mac, "10.2.2.9"),
        "a MAC in ARP": _EVERYBODY + _octets(mac) + _said_by_arp(other, "10.2.1.1")[12:],
        "a neighbour": _six(mac, "fd00:1::1", _about(136, "fd00:1::2")),
        "another's link-local": _six(mac, "fe80::2", b"data", header=17),
        "another protocol": _EVERYBODY + _octets(mac) + b"\x88\xb5" + bytes(46),
        "two tags": _EVERYBODY + _octets(mac) + struct.pack("!HHHH", _VLAN, 1, _VLAN, 1) + _four(mac, "10.2.1.2")[12:],
    }
    assert _arriving(rogue, victim, honest | forged) >= honest.keys() | {"another IPv4", "another MAC", "a neighbour"}
    host.call(bridge.mark, f"{bridge.OURS} 1 {ingress.ENFORCE}")
    host.call(guest.plug, rogue.target(), cidrs("10.2.1.1/24"))
    assert _arriving(rogue, victim, honest | forged) == honest.keys()
    # an address that is given later may be used, one that is taken may not
    host.call(guest.plug, rogue.target(), cidrs("10.2.1.2/24"))
    host.call(guest.unplug, rogue.target(), cidrs("fd00:1::1/64"))
    heard = _arriving(rogue, victim, honest | forged)
    assert heard == {"its IPv4", "its ARP", "link-local", "another IPv4"} | {"a question for its own address"} & heard


def test_rules_go_with_their_port(host: Space, pair: tuple[Space, Space]) -> None:
    rogue, victim = pair
    ports = {rogue.port(), victim.port()}
    assert host.call(chains, ingress.TABLE) == ports
    host.call(guest.unplug, rogue.target(), cidrs("10.2.1.1/24", "fd00:1::1/64"))
    assert host.call(chains, ingress.TABLE) == {victim.port()}
    victim.run("ip link del ethwe")
    assert host.call(ingress.tidy, ["vethwe1"]) == {"vethwe1"}
    assert host.call(chains, ingress.TABLE) == set()
    host.call(guest.plug, victim.target(), cidrs("10.2.2.1/24"))
    host.call(teardown.destroy)
    assert host.call(chains, ingress.TABLE) == set()
    host.call(ingress.check_enforceable)


def test_what_a_container_gave_itself_is_not_its_own_when_it_is_attached_again(
    host: Space, pair: tuple[Space, Space]
) -> None:
    rogue, victim = pair
    mac, other = _mac(rogue), "02:00:00:00:00:99"
    host.call(bridge.mark, f"{bridge.OURS} 1 {ingress.ENFORCE}")
    given, more = cidrs("10.2.1.1/24", "fd00:1::1/64"), cidrs("10.2.3.1/24")
    host.call(guest.plug, rogue.target(), given)
    rogue.run(
        "ip link set ethwe address 02:00:00:00:00:99; ip addr del 10.2.1.1/24 dev ethwe;"
        "ip addr add 10.2.1.2/24 dev ethwe; ip addr add 10.2.3.1/24 dev ethwe"
    )
    assert host.call(guest.plug, rogue.target(), more) == Change(tuple(more), (*given, *more))
    frames = {
        "given": _four(mac, "10.2.1.1"),
        "given later": _four(mac, "10.2.3.1"),
        "its own idea": _four(mac, "10.2.1.2"),
        "another MAC": _four(other, "10.2.1.1"),
    }
    last = _four(mac, "10.2.3.1", b"last")
    assert _arriving(rogue, victim, frames, last) == {"given", "given later"}
    # what is taken from it stays taken, and what it gave itself does not keep its interface
    assert host.call(guest.unplug, rogue.target(), cidrs("10.2.1.1/24")).addresses == (given[1], *more)
    assert _arriving(rogue, victim, frames, last) == {"given later"}
    assert host.call(_settled, rogue) == [given[1], *more]
    assert host.call(guest.unplug, rogue.target(), [given[1], *more]).addresses == ()
    assert "ethwe" not in rogue.links()


def test_where_the_rules_are_gone_what_was_noted_counts(host: Space, pair: tuple[Space, Space]) -> None:
    rogue, victim = pair
    mac = _mac(rogue)
    host.call(bridge.mark, f"{bridge.OURS} 1 {ingress.ENFORCE}")
    rogue.run("ip addr add 10.2.1.2/24 dev ethwe")
    frames = {"noted": _four(mac, "10.2.1.1"), "its own idea": _four(mac, "10.2.1.2")}
    noted, more = cidrs("10.2.1.1/24"), cidrs("10.2.3.1/24")
    host.call(ingress.remove)
    host.call(guest.plug, rogue.target(), more, noted=lambda: noted)
    assert _arriving(rogue, victim, frames) == {"noted"}
    host.call(ingress.remove)
    host.call(guest.plug, rogue.target(), more)
    assert _arriving(rogue, victim, frames) == {"noted", "its own idea"}, "nobody knows better"


def test_many_addresses_are_remembered(host: Space, spaces: Callable[[], Space]) -> None:
    rich = spaces()
    long = "fd00:1234:5678:9abc:def0:1234:5678"
    many = cidrs(*(f"10.2.1.{n}/24" for n in range(1, 41)), *(f"{long}:{n:x}/64" for n in range(4096, 4112)))
    host.call(bridge.ensure_bridge)
    host.call(bridge.mark, f"{bridge.OURS} 1 {ingress.ENFORCE}")
    host.call(guest.plug, rich.target(), many)
    assert host.call(ingress.given, rich.port()) == ingress.Given(_mac(rich), tuple(many))
