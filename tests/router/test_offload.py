"""What goes into a tunnel goes in joined, between whole routers with wireguard-go, and goes in without that, too."""

from __future__ import annotations

import json
import random
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.router.hosts import SECONDS, RoutedHost, until
from tests.router.private_lan import PrivateLan, fetched, meshed
from tests.router.stream import Stream
from weave_http.constants import CUTTING_DEVICE, JOINING_DEVICE, RELAYED_TUNNEL_DEVICE, TUNNEL_DEVICE
from weave_http.net import features, nftables, teardown
from weave_http.net.netlink import Netlink
from weave_http.net.offload import TABLE, remove

pytestmark = [pytest.mark.kernel, pytest.mark.programs]

PORT = 5003
JOINED = 2000
"""Bytes that no single packet of this LAN has. How many go in one piece, on the mean, is up to the sender."""
LOST = 3
"""Packets under way in the moment in which their way is taken from them, at most."""
DATAGRAMS = 400


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[PrivateLan]:
    with PrivateLan(tmp_path, fetched()) as lan:
        yield lan


def counted(host: RoutedHost, device: str) -> tuple[int, int]:
    """Return packets and bytes that a device has sent."""
    sent = json.loads(host.space.run(f"ip -j -s link show {device}"))[0]["stats64"]["tx"]
    return sent["packets"], sent["bytes"]


def is_joined(host: RoutedHost) -> bool:
    """Tell whether the way round is there."""
    names = {TUNNEL_DEVICE, JOINING_DEVICE}
    return host.space.call(nftables.chains, TABLE) >= names and CUTTING_DEVICE in host.space.links()


def streamed(source: RoutedHost, target: RoutedHost, device: str) -> float:
    """Send a stream of 2 MB or more; return the mean size of what went into a tunnel, in bytes."""
    packets, size = counted(source, device)
    stream = Stream(source, target)
    until(lambda: counted(source, device)[1] > size + (2 << 20))
    arrived = stream.end()
    assert arrived.whole
    after, more = counted(source, device)
    return (more - size) / (after - packets)


def test_a_stream_goes_into_the_tunnel_in_large_pieces_directly_and_over_a_third_host(lan: PrivateLan) -> None:
    one, two, three = meshed(lan, 3)
    assert streamed(one, two, TUNNEL_DEVICE) > JOINED
    assert streamed(two, one, TUNNEL_DEVICE) > JOINED
    two.space.run("echo 1 > /proc/sys/net/ipv4/ip_forward")
    for host, peer in ((one, three), (three, one)):
        host.space.run(f"iptables-nft -I INPUT -s {peer.address} -p udp -j DROP")
    until(lambda: all(host.paths[name]["State"] == "relayed" for host, name in ((one, "host3"), (three, "host1"))))
    assert streamed(one, three, RELAYED_TUNNEL_DEVICE) > JOINED
    assert streamed(two, three, TUNNEL_DEVICE) > JOINED, "the way round leads into each tunnel"
    three.end()
    three.space.call(teardown.leave)
    assert not {CUTTING_DEVICE, JOINING_DEVICE} & set(three.space.links()), "nothing of it is left"
    assert not three.space.call(nftables.chains, TABLE)


def test_datagrams_of_all_sizes_arrive_as_they_were_sent(lan: PrivateLan) -> None:
    one, two = meshed(lan, 2)
    with two.guest.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as receiving:
        receiving.bind(("", PORT))
        receiving.settimeout(SECONDS)
        with one.guest.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as sending:
            sending.connect((two.inside, PORT))
            generator = random.Random(7)
            # Runs of one size are joined; of a datagram that is sent in fragments only the first one has ports.
            sizes = [size for _ in range(DATAGRAMS // 10) for size in [generator.choice([4, 99, 1300, 5000])] * 10]
            sent = [struct.pack("!I", number) + generator.randbytes(size) for number, size in enumerate(sizes)]
            arrived = set()
            for at in range(0, len(sent), 10):
                for each in sent[at : at + 10]:
                    sending.send(each)
                arrived |= {receiving.recv(1 << 16) for _ in range(10)}
    assert arrived == set(sent)


def without_chains(host: RoutedHost) -> None:
    host.space.call(nftables.delete_table, TABLE)


def without_the_veth(host: RoutedHost) -> None:
    host.space.run(f"ip link del {CUTTING_DEVICE}")


def without_the_way_back(host: RoutedHost) -> None:
    host.space.call(nftables.delete_chain, TABLE, JOINING_DEVICE)


def set_down(host: RoutedHost) -> None:
    host.space.run(f"ip link set {JOINING_DEVICE} down")


@pytest.mark.parametrize("harm", [without_chains, without_the_veth])
def test_who_takes_the_way_round_away_takes_no_data_with_it(
    lan: PrivateLan, harm: Callable[[RoutedHost], None]
) -> None:
    one, two = meshed(lan, 2)
    stream, ping = Stream(one, two), one.keep_pinging(two)
    for _ in range(2):
        harm(one)
        assert one.pings(two)
        until(lambda: is_joined(one), within=10)
    assert ping.lost() <= LOST
    assert stream.end().whole
    assert streamed(one, two, TUNNEL_DEVICE) > JOINED


@pytest.mark.parametrize("harm", [without_the_way_back, set_down])
def test_half_a_way_round_is_mended_within_seconds(lan: PrivateLan, harm: Callable[[RoutedHost], None]) -> None:
    one, two = meshed(lan, 2)
    stream = Stream(one, two)
    harm(one)
    until(lambda: one.pings(two), within=10)
    assert stream.end().whole
    assert streamed(one, two, TUNNEL_DEVICE) > JOINED


def test_packets_go_one_by_one_into_a_tunnel_that_takes_no_joined_ones(lan: PrivateLan) -> None:
    one, two = meshed(lan, 2)
    one.end()
    one.space.call(features.switch, TUNNEL_DEVICE, off=["tx-udp-segmentation"])
    with one.space.call(Netlink) as kernel:
        one.space.call(remove, kernel)
    lan.launch(one)
    until(lambda: one.ready and one.connected == 1 and one.pings(two))
    assert streamed(one, two, TUNNEL_DEVICE) < 1500
    assert CUTTING_DEVICE not in one.space.links()
    assert one.log.read_text().count("one by one") == 1


def test_packets_go_one_by_one_where_that_is_wished_for(lan: PrivateLan) -> None:
    one, two = meshed(lan, 2)
    assert is_joined(one)
    one.end()
    lan.launch(one, "--offload=false")
    until(lambda: one.ready and one.connected == 1 and one.pings(two))
    assert not is_joined(one)
    assert streamed(one, two, TUNNEL_DEVICE) < 1500
    assert streamed(two, one, TUNNEL_DEVICE) > JOINED, "the other host's choice is its own"


def test_a_new_tunnel_gets_the_way_round_as_well(lan: PrivateLan) -> None:
    one, two = meshed(lan, 2)
    one.space.run(f"ip link del {TUNNEL_DEVICE}")
    until(lambda: TUNNEL_DEVICE in one.space.links() and is_joined(one))
    until(lambda: one.pings(two))
    assert streamed(one, two, TUNNEL_DEVICE) > JOINED
