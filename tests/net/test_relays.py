"""Frames over other hosts: that a kernel takes the rules as they are, and others keep them."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

import pytest

from tests.net.kernel import Space
from weave_http.constants import VNI
from weave_http.net import expose, firewall, iptables, nftables, teardown, transit
from weave_http.net.bridge import ensure_bridge
from weave_http.net.relays import (
    CHAINS,
    IN,
    Forward,
    Leg,
    Relays,
    ensure_routes,
    labels,
    look_up_anew,
    tunnel_port,
)
from weave_http.net.rules import DATA, Guard, data_rules
from weave_http.net.vxlan import Vxlan

pytestmark = pytest.mark.kernel

# VXLAN's header with the network's number, and a frame for all from 02:00:00:00:00:02.
FRAME = struct.pack("!II6s6sH46x", 8 << 24, VNI << 8, b"\xff" * 6, b"\x02\0\0\0\0\x02", 0x88B5)
ONE, TWO = ip_address("192.0.2.1"), ip_address("192.0.2.2")
RELAYS = Relays(
    (Leg(ip_address("248.1.2.3"), ONE, 6800), Leg(ip_address("248.1.2.4"), ONE, 6802, tunnelled=True)),
    (Forward(ONE, 6801, TWO), Forward(TWO, 6801, ONE)),
)


def udp(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(0.3)
    sock.bind((address, port))
    return sock


def chains(space: Space) -> dict[str, list[str]]:
    rule_set = firewall.choose(space.call(iptables.read))
    return {name: rule_set.rules("nat", name) or rule_set.rules("filter", name) for name in CHAINS}


def test_the_rules_are_there_as_written_and_stay_until_they_are_not_wanted(spaces: Callable[[], Space]) -> None:
    host = spaces()
    guard = Guard(6783, (6784,), "docker0")

    def converge(relays: Relays | None) -> bool:
        return host.call(expose.expose, dict, guard=guard, relayed=relays).changed

    host.call(ensure_bridge)
    assert converge(RELAYS)
    assert not converge(RELAYS), "as the kernel prints them"
    assert host.call(firewall.pending, "docker0") == {}, "who looks misses nothing"
    before = chains(host)
    assert [name for name, found in before.items() if not found] == [IN], "between families it is nowhere here"
    assert not converge(None)
    host.call(firewall.ensure)
    assert chains(host) == before, "an executor knows nothing of paths, and leaves them alone"
    assert converge(Relays())
    assert not any(chains(host).values())
    assert converge(RELAYS)
    host.call(firewall.remove)
    assert "WEAVE" not in host.run("iptables-nft-save")


def test_an_executor_leaves_alone_whose_frames_are_taken(spaces: Callable[[], Space]) -> None:
    host = spaces()
    host.call(ensure_bridge)
    guard = Guard(6783, (6784,), "docker0")
    data = {each: data_rules([ONE, ip_address("fd00::1")], 6784, tunnel=True, version=each) for each in (4, 6)}
    assert host.call(expose.expose, dict, guard=guard, data=data).changed
    assert not host.call(expose.expose, dict, guard=guard, data=data).changed, "as the kernel prints them"
    assert not host.call(expose.expose, dict).changed
    for version, rules in data.items():
        assert tuple(firewall.choose(host.call(iptables.read, version)).rules("filter", DATA)) == rules


def test_the_route_is_gone_with_the_bridge(spaces: Callable[[], Space]) -> None:
    host = spaces()
    host.call(ensure_bridge)
    for _ in range(2):
        host.call(ensure_routes, RELAYS)
    assert "248.0.0.0/5 dev weave" in host.run("ip route")
    host.run("ip route add unreachable 248.0.0.0/32")  # as if it was killed midway
    host.run("ip link del weave")
    host.call(ensure_routes, Relays())
    assert "248" not in host.run("ip route")


def test_a_host_between_families_has_a_pair_of_devices_for_each_path(spaces: Callable[[], Space]) -> None:
    host = spaces()
    host.call(ensure_bridge)
    host.run(
        "ip link add eth0 type veth peer name far; ip link set eth0 up; ip link set far up;"
        "ip addr add 192.0.2.9/24 dev eth0; ip addr add fd00::9/64 dev eth0 nodad"
    )
    guard, six, label = Guard(6783, (6784,), "docker0"), ip_address("fd00::2"), 6790
    mixed = Relays((Leg(ip_address("100::7"), six, 6791),), (Forward(ONE, label, six), Forward(six, label, ONE)))

    def converge(relays: Relays) -> bool:
        host.call(ensure_routes, relays)
        host.call(transit.ensure, relays.transits)
        return host.call(expose.expose, dict, guard=guard, relayed=relays).changed

    def look() -> str:
        return host.run("ip -d link show type vxlan; ip -6 route; (ip6tables-nft-save; iptables-nft-save) | grep -v ^#")

    names = {"weave-t4-6790", "weave-t6-6790"}
    assert converge(mixed)
    before = look()
    assert not converge(mixed), "as the kernel prints them"
    assert host.call(firewall.pending, "docker0") == {}, "who looks misses nothing"
    assert look() == before
    assert host.call(nftables.chains, transit.TABLE) == names
    for text in ("remote 192.0.2.1", "remote fd00::2", "100::/64 dev eth0"):
        assert text in before
    assert "-A WEAVE-RELAY-IN -s fd00::2/128 -p udp -m udp --dport 6790 -j RETURN" in before
    host.run("ip link del weave-t4-6790; ip link set weave-t6-6790 down")
    assert not converge(mixed)
    assert host.call(nftables.chains, transit.TABLE) == names
    assert names <= {*host.links()}
    host.run("ip link del weave-t4-6790; ip link add weave-t4-6790 type veth peer name other")
    assert not converge(mixed)
    assert "remote 192.0.2.1" in look(), "a device of that name that is another is replaced"
    assert converge(Relays())
    assert not names & {*host.links()}
    assert host.call(nftables.chains, transit.TABLE) == set()
    assert "100::" not in host.run("ip -6 route")
    converge(mixed)
    host.call(teardown.destroy)
    assert not any(name.startswith("weave") for name in host.links())
    assert "100::" not in host.run("ip -6 route")


def test_frames_follow_a_host_from_a_path_to_the_direct_way(spaces: Callable[[], Space]) -> None:
    host, far, guest = spaces(), spaces(), spaces()
    host.run(f"ip link add eth0 type veth peer name eth0 netns {far.pid}; ip link set eth0 up")
    host.run("ip addr add 192.0.2.9/24 dev eth0")
    far.run(f"ip link set eth0 up; ip addr add {ONE}/24 dev eth0; ip addr add {TWO}/24 dev eth0")
    host.call(ensure_bridge)
    host.run(f"ip link add port type veth peer name ethwe netns {guest.pid}; ip link set port master weave up")
    guest.run("ip addr add 10.2.1.1/24 dev ethwe; ip link set ethwe up")
    guest.run("ip neigh add 10.2.1.2 lladdr 02:00:00:00:00:02 dev ethwe")
    host.call(Vxlan(6784).ensure, 1450)
    relays = Relays((Leg(ip_address("248.1.2.3"), ONE, 6800),))
    host.call(expose.expose, dict, guard=Guard(6783, (6784,), "docker0"), relayed=relays)
    host.call(ensure_routes, relays)
    with far.call(udp, f"{ONE}", 6800) as over, far.call(udp, f"{TWO}", 6784) as direct:

        def answered(by: socket.socket) -> int:
            """Send a frame as the far host does; return how many of those that each CPU sends to it come there."""
            by.sendto(FRAME, ("192.0.2.9", by.getsockname()[1]))
            for cpu in cpus:  # each keeps routes of its own
                guest.run(f"taskset -c {cpu} ping -c1 -W0.1 10.2.1.2 || true")
            count = 0
            with suppress(TimeoutError):
                while by.recv(2048):
                    count += 1
            return count

        cpus = os.sched_getaffinity(0)
        assert answered(over) == len(cpus)
        answered(direct)  # none, as long as the kernel keeps the route to the virtual address
        host.call(look_up_anew, {4})
        assert answered(direct) == len(cpus)
        assert answered(over) == len(cpus)


def test_labels_stay_within_the_ports_there_are() -> None:
    assert labels(6784) == range(6785, 7041)
    for port in (2, 6784, 65277, 65278, 65279, 65280, 65534, 65535):
        taken = [port - 1, port, tunnel_port(port), *labels(port)]
        assert len(set(taken)) == len(labels(port)) + 3
        assert 0 < min(taken) <= max(taken) <= 65535
