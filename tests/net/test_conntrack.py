"""Flows that the kernel translates as no rule has it any more are forgotten, and no others."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from tests.net.kernel import Space
from weave_http.addresses import IP
from weave_http.net import expose
from weave_http.net.bridge import ensure_bridge
from weave_http.net.conntrack import Flow, forget_stale, is_stale
from weave_http.net.relays import Forward, Leg, Relays, ensure_routes, tunnel_port
from weave_http.net.rules import Guard
from weave_http.records import replace

HOST, ONE, TWO, AWAY = (ip_address(f"192.0.2.{number}") for number in (1, 2, 3, 9))
FAR = ip_address("248.1.2.3")
LEG = Leg(FAR, ONE, 6800, tunnelled=True)
RELAYS = Relays((LEG,), (Forward(ONE, 6801, TWO), Forward(ONE, 6802, ip_address("fd00::2"))))


@pytest.mark.parametrize(
    ("flow", "stale"),
    [
        (Flow(HOST, FAR, 7041, ONE, 6800), False),
        (Flow(HOST, FAR, 7041, FAR, 7041), True),
        (Flow(HOST, FAR, 7041, TWO, 6800), True),
        (Flow(ONE, HOST, 6800, HOST, 7041), False),
        (Flow(ONE, HOST, 6800, HOST, 6800), True),
        (Flow(ONE, HOST, 6800, HOST, 6784), True),
        (Flow(ONE, HOST, 6801, TWO, 6801), False),
        (Flow(ONE, HOST, 6801, HOST, 6801), True),
        (Flow(ONE, HOST, 6802, HOST, 6802), False),
        (Flow(AWAY, HOST, 6801, HOST, 6801), False),
        (Flow(AWAY, HOST, 53, HOST, 53), False),
    ],
)
def test_a_flow_is_stale_if_a_rule_has_it_otherwise(flow: Flow, stale: bool) -> None:
    assert is_stale(flow, RELAYS, 6784) is stale


def test_frames_as_they_are_arrive_at_the_port_for_data() -> None:
    plain = Relays((replace(LEG, tunnelled=False),))
    assert not is_stale(Flow(ONE, HOST, 6800, HOST, 6784), plain, 6784)
    assert is_stale(Flow(ONE, HOST, 6800, HOST, tunnel_port(6784)), plain, 6784)


@pytest.mark.kernel
def test_a_flow_that_began_before_its_rule_follows_the_rule(spaces: Callable[[], Space]) -> None:
    lan, host, one, two = spaces(), spaces(), spaces(), spaces()
    lan.run("ip link add lan type bridge; ip link set lan up")
    for number, space in enumerate((host, one, two), start=1):
        lan.run(
            f"ip link add v{number} type veth peer name eth0 netns {space.pid}; ip link set v{number} master lan up"
        )
        space.run(f"ip addr add 192.0.2.{number}/24 dev eth0; ip link set eth0 up")
    host.run("echo 1 > /proc/sys/net/ipv4/ip_forward")
    host.call(ensure_bridge)
    host.run("iptables-nft -t nat -A POSTROUTING -s 198.51.100.0/24 -j MASQUERADE")  # the kernel remembers flows
    guard = Guard(6783, (6784,), "docker0")
    with (
        one.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as mouth,
        two.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as ear,
    ):
        mouth.bind(("192.0.2.2", 7041))
        ear.bind(("192.0.2.3", 6801))
        ear.settimeout(0.3)

        def arrives() -> bool:
            mouth.sendto(b"sealed", ("192.0.2.1", 6801))
            try:
                return ear.recv(64) == b"sealed"
            except TimeoutError:
                return False

        assert not arrives()
        host.call(expose.expose, dict, guard=guard, relayed=RELAYS)
        host.call(ensure_routes, RELAYS)
        assert not arrives(), "the kernel goes on as it decided at first"
        host.call(forget_stale, RELAYS, 6784)
        assert arrives()
        host.call(forget_stale, RELAYS, 6784)
        assert arrives()


@pytest.mark.kernel
@pytest.mark.parametrize(("at", "far"), [("192.0.2.", FAR), ("fd00:192::", ip_address("100::7"))], ids=["ipv4", "ipv6"])
def test_frames_that_came_before_the_rules_of_their_path_come_to_the_device_after(
    spaces: Callable[[], Space], at: str, far: IP
) -> None:
    host, one = spaces(), spaces()
    host.run(f"ip link add eth0 type veth peer name eth0 netns {one.pid}")
    for number, space in enumerate((host, one), start=1):
        rest = "24 dev eth0" if far.version == 4 else "64 dev eth0 nodad"
        space.run(f"ip addr add {at}{number}/{rest}; ip link set eth0 up")
    host.call(ensure_bridge)
    for program in ("iptables-nft", "ip6tables-nft"):
        host.run(f"{program} -t nat -A POSTROUTING -p tcp -j MASQUERADE")  # the kernel remembers flows
    relays = Relays((Leg(far, ip_address(f"{at}2"), 6800),))
    kind = socket.AF_INET if far.version == 4 else socket.AF_INET6
    with (
        one.call(socket.socket, kind, socket.SOCK_DGRAM) as mouth,
        host.call(socket.socket, kind, socket.SOCK_DGRAM) as ear,
    ):
        mouth.bind((f"{at}2", 7041))
        ear.bind((f"{at}1", 6784))
        ear.settimeout(0.3)

        def comes() -> bool:
            mouth.sendto(b"frame", (f"{at}1", 6800))
            try:
                return ear.recv(64) == b"frame"
            except TimeoutError:
                return False

        assert not comes()
        host.call(expose.expose, dict, guard=Guard(6783, (6784,), "docker0"), relayed=relays)
        host.call(ensure_routes, relays)
        host.call(forget_stale, relays, 6784)
        assert comes()
        host.call(forget_stale, relays, 6784)
        assert comes()
