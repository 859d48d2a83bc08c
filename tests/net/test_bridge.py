from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.net.faults import Fault, failing_at
from tests.net.kernel import Space, cidrs
from weave_http.errors import HostError
from weave_http.net import bridge, teardown, underlay
from weave_http.net.bridge import BridgeState, ensure_bridge
from weave_http.net.netlink import Netlink


def _underlay_mtu() -> int:
    with Netlink() as kernel:
        return underlay.mtu(kernel)


def _details(host: Space) -> dict[str, Any]:
    (link,) = json.loads(host.run("ip -d -j link show weave"))
    details: dict[str, Any] = link
    return details


def test_a_new_bridge_is_up_and_forwards_at_once_without_spanning_tree(host: Space) -> None:
    state = host.call(ensure_bridge)
    link = _details(host)
    assert "UP" in link["flags"]
    assert (link["linkinfo"]["info_data"]["stp_state"], link["linkinfo"]["info_data"]["forward_delay"]) == (0, 0)
    assert (link["address"], link["mtu"]) == (state.mac, state.mtu)


def test_its_mac_is_random_unicast_and_locally_administered(host: Space) -> None:
    macs = {bridge.random_mac() for _ in range(100)}
    assert len(macs) == 100
    assert all(re.fullmatch(r"[0-9a-f][26ae](:[0-9a-f]{2}){5}", mac) for mac in macs)
    assert re.fullmatch(r".[26ae]:.*", host.call(ensure_bridge).mac)


def test_arp_notices_moved_addresses_within_seconds(host: Space) -> None:
    host.call(ensure_bridge)
    host.run("echo 30000 > /proc/sys/net/ipv4/neigh/weave/base_reachable_time_ms")
    host.call(ensure_bridge)
    folder = "/proc/sys/net/ipv4/neigh/weave"
    names = "base_reachable_time_ms delay_first_probe_time ucast_solicit"
    assert host.run(f"cd {folder}; cat {names}").split() == ["5000", "2", "1"]


def test_making_it_twice_is_making_it_once(host: Space) -> None:
    first = host.call(ensure_bridge)
    before = host.run("ip -j link show weave")
    assert host.call(ensure_bridge, mac="7a:00:00:00:00:01") == first
    assert host.run("ip -j link show weave") == before


def test_mac_and_mtu_can_be_given(host: Space) -> None:
    assert host.call(ensure_bridge, mac="7a:00:00:00:00:01", mtu=8950) == BridgeState("7a:00:00:00:00:01", 8950)
    assert host.call(ensure_bridge, mtu=1300).mtu == 1300
    assert host.call(ensure_bridge).mtu == 1300, "without a wish it stays as it is"


@pytest.mark.parametrize("mtu", [0, 67, 65536])
def test_an_impossible_mtu_is_refused_and_nothing_is_made(host: Space, mtu: int) -> None:
    with pytest.raises(HostError, match=rf"MTU {mtu} is not between"):
        host.call(ensure_bridge, mtu=mtu)
    assert host.links() == ["eth0"]


def test_the_mtu_is_that_of_the_default_route_less_the_encapsulation(host: Space) -> None:
    host.run(
        "ip link set eth0 mtu 9000; ip link add eth1 type bridge; ip link set eth1 mtu 1400 up;"
        "ip link add eth2 type bridge; ip link set eth2 mtu 1300 up;"
        "ip route add default dev eth1 metric 200; ip route add default dev eth0 metric 100;"
        "ip route add 10.0.0.0/8 dev eth2"
    )
    assert host.call(ensure_bridge).mtu == 8950


def test_without_a_default_route_the_narrowest_interface_counts_but_not_dockers(host: Space) -> None:
    host.run(
        "ip link set eth0 mtu 4000;"
        "for name in docker0 br-0123456789ab podman1; do"
        " ip link add $name type bridge; ip link set $name mtu 1000 up; done;"
        "ip link add port type veth peer name far; ip link set port master docker0 mtu 900 up;"
        "ip link add idle type bridge; ip link set idle mtu 800"
    )
    assert host.call(_underlay_mtu) == 4000
    host.run("ip link add eth1 type bridge; ip link set eth1 mtu 3000 up")
    assert host.call(_underlay_mtu) == 3000


def test_a_host_with_no_interface_at_all_gets_ethernets(host: Space) -> None:
    host.run("ip link del eth0")
    assert host.call(ensure_bridge).mtu == 1450


def test_the_mtu_stays_when_ports_come_and_go(host: Space) -> None:
    mtu = host.call(ensure_bridge, mtu=8950).mtu
    host.run("ip link add port type veth peer name far; ip link set port mtu 1280 master weave up; ip link del port")
    assert _details(host)["mtu"] == mtu


def test_a_half_made_bridge_is_finished(host: Space) -> None:
    host.run("ip link set eth0 mtu 3050; ip link add weave address 7a:00:00:00:00:01 type bridge")
    assert host.call(ensure_bridge) == BridgeState("7a:00:00:00:00:01", 3000)
    assert "UP" in _details(host)["flags"]


def test_another_device_of_that_name_is_left_alone(host: Space) -> None:
    host.run("ip link add weave type veth peer name far")
    with pytest.raises(HostError, match="interface weave that is no bridge"):
        host.call(ensure_bridge)
    assert host.links() == ["eth0", "far", "weave"]


def test_eight_at_once_make_one_bridge(host: Space) -> None:
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda _: host.call(ensure_bridge), range(8)))
    assert len(set(states)) == 1
    assert host.links() == ["eth0", "weave"]


def test_whatever_request_it_is_interrupted_at_the_next_run_finishes(host: Space) -> None:
    host.run("ip link set eth0 mtu 3050")
    for count in range(1, 20):
        with failing_at(count) as fault, suppress(Fault):
            host.call(ensure_bridge)
        assert host.call(ensure_bridge).mtu == 3000
        assert "UP" in _details(host)["flags"]
        host.call(teardown.destroy)
        if not fault.struck:
            return
    pytest.fail("it never ended")


def test_describe_tells_mac_and_addresses(host: Space) -> None:
    assert host.call(bridge.describe) is None
    state = host.call(ensure_bridge)
    assert host.call(bridge.describe) == (state, [])
    host.run("ip addr add 10.2.1.254/24 dev weave; ip addr add 10.3.1.254/24 dev weave")
    assert host.call(bridge.describe) == (state, cidrs("10.2.1.254/24", "10.3.1.254/24"))


def test_destroy_leaves_nothing_of_ours_and_all_of_the_others(host: Space) -> None:
    host.call(ensure_bridge)
    host.run(
        "ip link add vethwepl1 type veth peer name a; ip link set vethwepl1 master weave;"
        "ip link add vethwepl22 type veth peer name b; ip link add veth0 type veth peer name c;"
        "ip link add vxlan-6784 type vxlan id 6784 dstport 6784; ip route add unreachable 240.0.0.0/5"
    )
    host.call(teardown.destroy)
    assert "unreachable" not in host.run("ip route")
    assert host.links() == ["c", "eth0", "veth0"]
    host.call(teardown.destroy)


def test_a_mark_lasts_as_long_as_the_bridge(host: Space) -> None:
    assert host.call(bridge.marked) == ""
    host.call(bridge.mark, "nobody is there to be marked")
    host.call(ensure_bridge)
    assert host.call(bridge.marked) == bridge.OURS
    host.call(bridge.mark, f"{bridge.OURS} 7")
    host.call(ensure_bridge)
    host.run("ip link set weave down")
    host.call(ensure_bridge)
    assert host.call(bridge.marked) == f"{bridge.OURS} 7"
    host.run("ip link del weave")
    host.call(ensure_bridge)
    assert host.call(bridge.marked) == bridge.OURS


def test_a_bridge_that_an_older_weave_left_gets_the_underlays_mtu(host: Space) -> None:
    host.run("ip link add weave address 7a:00:00:00:00:01 type bridge; ip link set weave mtu 65535 up")
    assert host.call(ensure_bridge) == BridgeState("7a:00:00:00:00:01", 1450)
    assert _details(host)["mtu"] == 1450


def test_a_wish_for_an_mtu_is_over_with_the_next_fresh_start(host: Space) -> None:
    assert host.call(ensure_bridge, mtu=600, fresh=True).mtu == 600
    assert host.call(ensure_bridge).mtu == 600, "who attaches a container has no wish"
    assert host.call(ensure_bridge, fresh=True).mtu == 1450


def test_the_mtu_leaves_room_for_what_the_backend_adds(host: Space) -> None:
    assert host.call(ensure_bridge, overhead=130).mtu == 1370


# -- no IPv6 on the host's side ---------------------------------------------------------------------------


def _ipv6(space: Space, interface: str) -> list[str]:
    names = "disable_ipv6 accept_ra autoconf accept_redirects"
    return space.run(f"cd /proc/sys/net/ipv6/conf/{interface}; cat {names}").split()


def test_the_bridge_has_no_ipv6_also_after_somebody_turned_it_on(host: Space) -> None:
    host.call(ensure_bridge)
    assert (_ipv6(host, "weave"), host.run("ip -6 -br addr show dev weave")) == (["1", "0", "0", "0"], "")
    host.run("for name in all weave; do echo 0 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; done")
    host.call(ensure_bridge)
    assert (_ipv6(host, "weave"), host.run("ip -6 -br addr show dev weave")) == (["1", "0", "0", "0"], "")


def test_a_bridge_whose_mtu_rises_gets_no_ipv6_with_it(host: Space) -> None:
    host.call(ensure_bridge, mtu=600)
    assert "weave" not in host.run("ls /proc/sys/net/ipv6/conf").split()
    host.call(ensure_bridge, mtu=1450)
    assert (_ipv6(host, "weave"), host.run("ip -6 -br addr show dev weave")) == (["1", "0", "0", "0"], "")


def test_a_kernel_without_ipv6_is_fine(host: Space, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from weave_http.net import sysctl

    (tmp_path / "ipv4").symlink_to("/proc/sys/net/ipv4")  # as there: its folder for IPv6 is missing
    monkeypatch.setattr(sysctl, "_ROOT", str(tmp_path))
    assert host.call(ensure_bridge).mtu == 1450
