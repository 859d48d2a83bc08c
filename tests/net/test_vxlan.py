from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from tests.net.kernel import Space
from weave_http import constants
from weave_http.errors import HostError
from weave_http.net import fdb, teardown, vxlan
from weave_http.net.bridge import ensure_bridge

PORT = 6784


@pytest.fixture
def ready(host: Space) -> Space:
    """A host with the bridge and the VXLAN device on it."""
    host.call(ensure_bridge, mtu=1450)
    host.call(vxlan.ensure_vxlan, constants.BRIDGE, PORT, 1450)
    return host


def _destinations(host: Space) -> set[str]:
    return set(map(str, host.call(fdb.flood_destinations)))


def _details(host: Space) -> dict[str, Any]:
    (link,) = json.loads(host.run(f"ip -d -j link show {constants.VXLAN_DEVICE}"))
    details: dict[str, Any] = link
    return details


def test_a_new_device_learns_and_is_up_on_the_bridge_with_its_mtu(ready: Space) -> None:
    link = _details(ready)
    data = link["linkinfo"]["info_data"]
    assert (data["id"], data["port"], data["learning"], data["ageing"]) == (constants.VNI, PORT, True, 300)
    assert (link["master"], link["mtu"]) == (constants.BRIDGE, 1450)
    assert "UP" in link["flags"]


def test_making_it_twice_is_making_it_once_and_keeps_the_destinations(ready: Space) -> None:
    ready.call(fdb.add_flood, IPv4Address("192.0.2.1"))
    before = ready.run(f"ip -j link show {constants.VXLAN_DEVICE}")
    ready.call(vxlan.ensure_vxlan, constants.BRIDGE, PORT, 1450)
    assert ready.run(f"ip -j link show {constants.VXLAN_DEVICE}") == before
    assert _destinations(ready) == {"192.0.2.1"}


@pytest.mark.parametrize(
    "damage",
    ["ip link set {0} down", "ip link set {0} nomaster", "ip link set {0} mtu 1000", "ip link del {0}"],
    ids=["down", "off the bridge", "other mtu", "deleted"],
)
def test_what_someone_changed_is_put_right(ready: Space, damage: str) -> None:
    ready.run(damage.format(constants.VXLAN_DEVICE))
    ready.call(vxlan.ensure_vxlan, constants.BRIDGE, PORT, 1450)
    link = _details(ready)
    assert (link["master"], link["mtu"], "UP" in link["flags"]) == (constants.BRIDGE, 1450, True)


@pytest.mark.parametrize(
    "other",
    ["type vxlan id 7 dstport 6784", "type vxlan id 6784 dstport 7000", "type bridge"],
    ids=["other network", "other port", "no vxlan at all"],
)
def test_a_device_of_that_name_that_is_another_is_replaced(host: Space, other: str) -> None:
    host.call(ensure_bridge)
    host.run(f"ip link add {constants.VXLAN_DEVICE} {other}")
    host.call(vxlan.ensure_vxlan, constants.BRIDGE, PORT, 1450)
    data = _details(host)["linkinfo"]["info_data"]
    assert (data["id"], data["port"]) == (constants.VNI, PORT)


def test_mtu_follows(ready: Space) -> None:
    ready.call(vxlan.ensure_vxlan, constants.BRIDGE, PORT, 8950)
    assert _details(ready)["mtu"] == 8950


def test_flood_destinations_come_and_go_and_twice_is_once(ready: Space) -> None:
    for ip in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        ready.call(fdb.add_flood, IPv4Address(ip))
    assert _destinations(ready) == {"192.0.2.1", "192.0.2.2"}
    for _ in range(2):
        ready.call(fdb.remove_flood, IPv4Address("192.0.2.1"))
    assert _destinations(ready) == {"192.0.2.2"}


def test_what_was_learnt_behind_a_destination_goes_with_it(ready: Space) -> None:
    ready.call(fdb.add_flood, IPv4Address("192.0.2.1"))
    for mac, ip in (("7a:00:00:00:00:01", "192.0.2.1"), ("7a:00:00:00:00:02", "192.0.2.2")):
        ready.run(f"bridge fdb append {mac} dev {constants.VXLAN_DEVICE} dst {ip} dynamic self")
    ready.call(fdb.remove_flood, IPv4Address("192.0.2.1"))
    left = ready.run(f"bridge fdb show dev {constants.VXLAN_DEVICE}")
    assert "7a:00:00:00:00:01" not in left
    assert "7a:00:00:00:00:02" in left


def test_what_is_learnt_after_a_destination_went_goes_with_the_next_look(ready: Space) -> None:
    backend, a, b = vxlan.Vxlan(PORT), IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
    ready.call(backend.apply, [a, b])
    ready.call(backend.apply, [a])
    for number, ip in ((1, a), (2, b)):
        ready.run(f"bridge fdb add 02:00:00:00:00:0{number} dev {constants.VXLAN_DEVICE} dst {ip} self dynamic")
    assert ready.call(backend.apply, [a]) is False
    assert ready.call(fdb.learnt) == {"02:00:00:00:00:01": a}


def test_a_thousand_destinations_are_listed_whole(ready: Space) -> None:
    wanted = {f"192.0.{number // 250}.{number % 250 + 1}" for number in range(1000)}
    lines = "\n".join(f"fdb append 00:00:00:00:00:00 dev {constants.VXLAN_DEVICE} dst {ip} self" for ip in wanted)
    ready.run(f"bridge -batch - <<END\n{lines}\nEND")
    assert _destinations(ready) == wanted


def test_without_a_device_there_are_no_destinations_and_nothing_to_remove(host: Space) -> None:
    assert _destinations(host) == set()
    host.call(fdb.remove_flood, IPv4Address("192.0.2.1"))
    host.call(vxlan.remove_vxlan)
    with pytest.raises(HostError, match=r"no vxlan-6784 to add the destination 192\.0\.2\.1"):
        host.call(fdb.add_flood, IPv4Address("192.0.2.1"))


def test_removing_leaves_the_bridge(ready: Space) -> None:
    ready.call(vxlan.remove_vxlan)
    ready.call(vxlan.remove_vxlan)
    assert constants.BRIDGE in ready.links()
    assert constants.VXLAN_DEVICE not in ready.links()


def test_no_bridge_is_one_line(host: Space) -> None:
    with pytest.raises(HostError, match="no bridge weave to put vxlan-6784 on"):
        host.call(vxlan.ensure_vxlan, constants.BRIDGE, PORT, 1450)


def test_a_taken_port_is_one_line_and_its_release_heals(host: Space) -> None:
    host.call(ensure_bridge)
    taken = host.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    with taken:
        taken.bind(("0.0.0.0", PORT))  # noqa: S104
        with pytest.raises(HostError, match="UDP port 6784, for data of peers, is taken on this host"):
            host.call(vxlan.ensure_vxlan, constants.BRIDGE, PORT, 1450)
    host.call(vxlan.ensure_vxlan, constants.BRIDGE, PORT, 1450)
    assert "UP" in _details(host)["flags"]


def test_the_device_says_nothing_by_itself(ready: Space) -> None:
    assert not ready.run(f"ip -6 -br addr show dev {constants.VXLAN_DEVICE}")


def test_frames_for_all_reach_every_destination_and_answers_find_their_way(spaces: Callable[[], Space]) -> None:
    lan, *hosts = (spaces() for _ in range(4))
    lan.run("ip link add lan type bridge; ip link set lan up")
    for number, host in enumerate(hosts, 1):
        lan.run(f"ip link add v{number} type veth peer name eth0 netns {host.pid}; ip link set v{number} master lan up")
        host.run(f"ip addr add 192.0.2.{number}/24 dev eth0; ip link set eth0 up")
        host.call(ensure_bridge, mtu=1450)
        host.call(vxlan.ensure_vxlan, constants.BRIDGE, PORT, 1450)
        host.run(f"ip addr add 10.2.1.{number}/24 dev weave")
        for other in {1, 2, 3} - {number}:
            host.call(fdb.add_flood, IPv4Address(f"192.0.2.{other}"))
    for number in (2, 3):
        hosts[0].run(f"ping -q -c1 -W2 10.2.1.{number}; ping -q -c1 -W2 -s 8000 10.2.1.{number}")


@pytest.fixture
def over_both(ready: Space) -> Space:
    """A host with destinations of both families."""
    assert ready.call(vxlan.Vxlan(PORT).apply, {IPv4Address("192.0.2.1"), IPv6Address("fd00::1")})
    return ready


def test_a_device_for_ipv6_is_there_as_long_as_hosts_are_reached_over_it(over_both: Space) -> None:
    backend = vxlan.Vxlan(PORT)
    assert over_both.call(backend.destinations) == {IPv4Address("192.0.2.1"), IPv6Address("fd00::1")}
    for name in (constants.VXLAN_DEVICE, constants.VXLAN_DEVICE_6):
        (link,) = json.loads(over_both.run(f"ip -d -j link show {name}"))
        assert (link["master"], link["mtu"], link["linkinfo"]["info_slave_data"]["isolated"]) == ("weave", 1450, True)
    over_both.call(backend.ensure, 1430)
    assert json.loads(over_both.run(f"ip -j link show {constants.VXLAN_DEVICE_6}"))[0]["mtu"] == 1430
    before = over_both.run("ip -j link show")
    assert not over_both.call(backend.apply, {IPv4Address("192.0.2.1"), IPv6Address("fd00::1")})
    assert over_both.run("ip -j link show") == before, "twice is once"
    assert over_both.call(backend.apply, {IPv4Address("192.0.2.1")})
    assert constants.VXLAN_DEVICE_6 not in over_both.links()
    assert not over_both.call(backend.apply, {IPv4Address("192.0.2.1")})
    over_both.call(backend.apply, {IPv6Address("fd00::1")})
    over_both.call(teardown.leave)
    assert not any(name.startswith("vxlan") for name in over_both.links())


def test_what_keeps_ipv6_from_working_leaves_ipv4_alone(ready: Space) -> None:
    with ready.call(socket.socket, socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.bind(("::", PORT))
        with pytest.raises(HostError, match=f"UDP port {PORT}, for data of peers, is taken"):
            ready.call(vxlan.Vxlan(PORT).apply, {IPv4Address("192.0.2.1"), IPv6Address("fd00::1")})
    assert _destinations(ready) == {"192.0.2.1"}


def test_a_host_that_is_reached_over_the_other_family_from_now_on_is_reached_all_the_time(
    spaces: Callable[[], Space],
) -> None:
    one, two = spaces(), spaces()
    one.run(f"ip link add eth0 type veth peer name eth0 netns {two.pid}")
    addresses = {
        host: (IPv4Address(f"192.0.2.{number}"), IPv6Address(f"fd00::{number}"))
        for number, host in enumerate((one, two), 1)
    }
    backend = vxlan.Vxlan(PORT)
    for host, (four, six) in addresses.items():
        host.run(f"ip addr add {four}/24 dev eth0; ip addr add {six}/64 dev eth0 nodad; ip link set eth0 up")
        host.call(ensure_bridge, mtu=1430)
        host.call(backend.ensure, 1430)
        host.run(f"ip addr add 10.2.1.{four.packed[-1]}/24 dev weave")

    def use(family: int) -> None:
        for host, other in ((one, two), (two, one)):
            host.call(backend.apply, [addresses[other][family]], addresses[other])

    for family in (1, 0):
        use(family)
        one.run("until ping -q -c1 -W1 10.2.1.2; do :; done")
    flow = one.call(
        subprocess.Popen, ["ping", "-q", "-c100", "-i0.005", "-W2", "10.2.1.2"], stdout=subprocess.PIPE, text=True
    )
    while flow.poll() is None:
        for family in (1, 0):
            use(family)
    assert " 100 received" in flow.communicate()[0]
