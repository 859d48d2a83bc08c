from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address

import pytest

from tests.net.kernel import Space
from weave_http.net import segments, teardown
from weave_http.net.vxlan import Vxlan

PORT = 6784
RED, BLUE = "ab" * 32, "cd" * 32
VNIS = {RED: 100, BLUE: 200}
_EVERYTHING, _IPV6 = 0x0003, b"\x86\xdd"


def carried(host: Space, network: str, other: str, vni: int = 0) -> None:
    """Have a network on a host, with one other host to send it to."""
    host.call(segments.ensure_bridge, segments.bridge_name(network), 1450)
    vxlan = Vxlan(
        PORT,
        bridge=segments.bridge_name(network),
        devices=segments.device_names(network),
        vni=vni or VNIS[network],
    )
    host.call(vxlan.ensure, 1450)
    host.call(vxlan.apply, [IPv4Address(other)])


def guest(spaces: Callable[[], Space], host: Space, network: str, address: str) -> Space:
    """Put a container on a network."""
    space = spaces()
    host.run(
        f"ip link add vethwe{space.pid} type veth peer name ethwe netns {space.pid};"
        f"ip link set vethwe{space.pid} master {segments.bridge_name(network)} up"
    )
    space.run(f"ip addr add {address}/24 dev ethwe; ip link set ethwe up")
    return space


@contextmanager
def listening(space: Space) -> Iterator[list[bytes]]:
    """Collect the frames that come to a container while the block runs, but for what bridges say of multicast."""
    heard: list[bytes] = []
    with space.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERYTHING)) as sock:
        sock.bind(("ethwe", _EVERYTHING))
        sock.setblocking(False)
        yield heard
        while True:
            try:
                frame, about = sock.recvfrom(2048)
            except BlockingIOError:
                return
            if about[2] != socket.PACKET_OUTGOING and frame[12:14] != _IPV6 and frame[23] != socket.IPPROTO_IGMP:
                heard.append(frame)


@pytest.fixture
def hosts(spaces: Callable[[], Space]) -> tuple[Space, Space]:
    """Two hosts on one cable, both with both networks."""
    one, two = spaces(), spaces()
    one.run(f"ip link add eth0 type veth peer name eth0 netns {two.pid}")
    for number, host in ((1, one), (2, two)):
        host.run(f"ip addr add 192.0.2.{number}/24 dev eth0; ip link set eth0 up")
    for network in (RED, BLUE):
        carried(one, network, "192.0.2.2")
        carried(two, network, "192.0.2.1")
    return one, two


def test_networks_of_one_subnet_are_one_across_hosts_and_apart_from_each_other(
    spaces: Callable[[], Space], hosts: tuple[Space, Space]
) -> None:
    one, two = hosts
    red, far_red = guest(spaces, one, RED, "10.2.1.1"), guest(spaces, two, RED, "10.2.1.2")
    blue, far_blue = guest(spaces, one, BLUE, "10.2.1.3"), guest(spaces, two, BLUE, "10.2.1.2")
    with listening(blue) as near, listening(far_blue) as far:
        red.run("ping -c 2 -W 5 10.2.1.2")
        red.run("ping -c 1 -W 1 10.2.1.3 && exit 1 || true")  # an ARP request, to all of the network
        red.run("ping -b -c 1 -W 1 10.2.1.255 || true")
    assert near == []
    assert far == []
    red.run("ip link set ethwe down")  # it may ask for a while
    with listening(far_red) as heard:
        blue.run("ping -c 2 -W 5 10.2.1.2")
    assert heard == []


def test_a_network_with_another_number_is_not_the_same_one(
    spaces: Callable[[], Space], hosts: tuple[Space, Space]
) -> None:
    one, two = hosts
    carried(two, RED, "192.0.2.1", vni=101)
    red = guest(spaces, one, RED, "10.2.1.1")
    far = guest(spaces, two, RED, "10.2.1.2")
    red.run("ping -c 1 -W 1 10.2.1.2 && exit 1 || true")
    carried(two, RED, "192.0.2.1", vni=VNIS[RED])  # as it is renumbered, with the container on it
    red.run("ping -c 1 -W 5 10.2.1.2 || ping -c 2 -W 5 10.2.1.2")
    assert "10.2.1.2" in far.run("ip -br addr show ethwe")


def test_what_goes_leaves_nothing_behind_but_networks_with_containers(
    spaces: Callable[[], Space], hosts: tuple[Space, Space]
) -> None:
    one, _ = hosts
    guest(spaces, one, BLUE, "10.2.1.1")
    assert one.call(segments.remove_others, [RED]) == []
    assert one.call(segments.remove_others, []) == [segments.bridge_name(RED)]
    assert one.call(segments.present) == {segments.bridge_name(BLUE)}
    one.call(segments.remove_devices)
    assert not {*segments.device_names(BLUE)} & {*one.links()}
    one.call(teardown.destroy)
    assert one.links() == ["eth0"]
