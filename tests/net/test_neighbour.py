from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.net.kernel import Space, cidrs
from weave_http.net import bridge, guest, neighbour, probe

_ETH_P_ARP = 0x0806


def test_the_frame_asks_everybody_for_the_senders_own_address() -> None:
    assert neighbour.frame("7a:00:00:00:00:01", IPv4Address("10.2.1.1")).hex() == (
        "ffffffffffff" "7a0000000001" "0806"
        "0001" "0800" "06" "04" "0001"
        "7a0000000001" "0a020101"
        "000000000000" "0a020101"
    )  # fmt: skip


def _listener() -> socket.socket:
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ARP))
    listener.bind(("ethwe", _ETH_P_ARP))
    listener.settimeout(2)
    return listener


def test_every_new_address_is_announced_to_the_others(host: Space, spaces: Callable[[], Space]) -> None:
    c1, c2 = spaces(), spaces()
    host.call(bridge.ensure_bridge)
    host.call(guest.plug, c2.target(), cidrs("10.2.1.2/24"))
    with c2.call(_listener) as listener:
        host.call(guest.plug, c1.target(), cidrs("10.2.1.1/24", "10.3.1.1/24"))
        host.call(guest.plug, c1.target(), cidrs("10.2.1.1/24", "10.4.1.1/24"))
        heard: list[str] = []
        while len(heard) < 3:
            frame = listener.recv(2048)
            if frame[28:32] == frame[38:42]:
                heard.append(socket.inet_ntoa(frame[28:32]))
    assert heard == ["10.2.1.1", "10.3.1.1", "10.4.1.1"]


def test_a_neighbour_learns_at_once_that_an_address_has_moved(host: Space, spaces: Callable[[], Space]) -> None:
    c1, c2, c3 = spaces(), spaces(), spaces()
    host.call(bridge.ensure_bridge)
    for container, cidr in ((c1, "10.2.1.1/24"), (c2, "10.2.1.2/24")):
        host.call(guest.plug, container.target(), cidrs(cidr))
    c1.run("ping -c 1 -W 1 10.2.1.2")
    host.call(guest.unplug, c2.target(), cidrs("10.2.1.2/24"))
    host.call(guest.plug, c3.target(), cidrs("10.2.1.2/24"))
    c1.run("ping -c 1 -W 1 10.2.1.2")


@pytest.mark.parametrize("size", [0, 64, 71, 1000, 1450, 8950])
def test_a_question_of_any_size_is_answered_by_who_has_the_address_in_either_family(
    host: Space, spaces: Callable[[], Space], size: int
) -> None:
    container = spaces()
    host.call(bridge.ensure_bridge, mtu=8950)
    host.call(guest.plug, container.target(), cidrs("10.2.1.1/24", "fd00:2::1/64"))
    mac = container.run("ip -br link show dev ethwe").split()[2]
    there, nobody = map(ip_address, ("10.2.1.1", "fd00:2::1")), map(ip_address, ("10.2.1.9", "fd00:2::9"))
    answers = host.call(probe.ask, [*there, *nobody], size=size)
    assert {str(ip): answer.mac for ip, answer in answers.items()} == {"10.2.1.1": mac, "fd00:2::1": mac}


@given(st.sampled_from([b"\x08\x06", b"\x86\xdd", b"\x08\x00"]), st.binary(max_size=120))
def test_any_other_frame_is_no_answer(kind: bytes, rest: bytes) -> None:
    found = neighbour.answered(bytes(12) + kind + rest)
    assert found is None or rest[6:8] in (b"\x00\x02", b"\x3a\xff")
    assert neighbour.answered(rest[:13]) is None
