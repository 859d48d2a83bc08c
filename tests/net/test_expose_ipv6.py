"""The host on the network by IPv6: who reaches it, and what is beyond."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.net.kernel import Space, cidrs
from weave_http.net import bridge, expose, firewall, guest
from weave_http.net.iptables import read


def _reaches(space: Space, address: str) -> bool:
    return space.run(f"ping -6 -q -c1 -W1 {address} >/dev/null && echo yes || true") == "yes"


@pytest.fixture
def exposed(host: Space, spaces: Callable[[], Space]) -> tuple[Space, Space, Space]:
    """A host that is exposed to the first container's subnet, and two containers that route everything to it."""
    inside, outside = spaces(), spaces()
    host.run("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; ip link add docker0 type bridge; ip link set docker0 up")
    host.call(bridge.ensure_bridge)
    host.call(guest.plug, inside.target(), cidrs("fd00:2::1/64"))
    host.call(guest.plug, outside.target(), cidrs("fd00:3::1/64"))
    host.call(expose.expose, lambda: dict.fromkeys(cidrs("10.2.1.9/24", "fd00:2::9/64"), True))
    host.run("ip -6 route add fd00:3::/64 dev weave")
    inside.run("ip -6 route add default via fd00:2::9")
    mac = host.run("ip -br link show weave").split()[2]
    # It would not be told: the host takes no question about neighbours of another subnet from it.
    outside.run(f"ip -6 route add fd00:2::/64 dev ethwe; ip -6 neigh add fd00:2::9 lladdr {mac} dev ethwe")
    return host, inside, outside


def test_only_containers_of_an_exposed_subnet_reach_the_host_by_ipv6(exposed: tuple[Space, Space, Space]) -> None:
    host, inside, outside = exposed
    assert _reaches(inside, "fd00:2::9")
    assert _reaches(host, "fd00:2::1")
    assert not _reaches(outside, "fd00:2::9")
    assert "fe80" not in host.run("ip -6 addr show dev weave")
    host.run("ip6tables-nft -F WEAVE-INPUT")
    assert _reaches(outside, "fd00:2::9"), "it is the rules that keep it out"
    host.call(firewall.ensure)
    assert not _reaches(outside, "fd00:2::9")


def test_an_exposed_subnet_gets_out_by_the_hosts_address_of_ipv6(
    exposed: tuple[Space, Space, Space], spaces: Callable[[], Space]
) -> None:
    host, inside, _ = exposed
    lan = spaces()
    host.run(f"ip link add eth1 type veth peer name eth0 netns {lan.pid}; ip link set eth1 up")
    host.run("ip -6 addr add 2001:db8::1/64 dev eth1 nodad")
    lan.run("ip link set eth0 up; ip -6 addr add 2001:db8::2/64 dev eth0 nodad")
    assert _reaches(inside, "2001:db8::2"), "the LAN has no way back but to the host's address"
    lan.run("ip -6 route add fd00:2::/64 via 2001:db8::1")
    assert _reaches(lan, "fd00:2::1")
    host.call(expose.hide, cidrs("fd00:2::9/64"))
    assert not _reaches(lan, "fd00:2::1")
    assert host.run("cat /proc/sys/net/ipv6/conf/weave/disable_ipv6") == "1"
    assert host.call(firewall.exposed_addresses) == dict.fromkeys(cidrs("10.2.1.9/24"), True)


@pytest.mark.parametrize("program", ["ip6tables-nft", "ip6tables-legacy"])
def test_the_chains_of_ipv6_are_in_each_rule_set_that_is_in_use(host: Space, program: str) -> None:
    host.run(f"{program} -P FORWARD DROP")
    host.call(bridge.ensure_bridge)
    host.call(firewall.ensure)
    (found,) = [each for each in host.call(read, 6) if each.program == program]
    assert found.rules("filter", "FORWARD")[0] == "-j WEAVE-FORWARD"
    assert "-i weave -o weave -j ACCEPT" in found.rules("filter", "WEAVE-FORWARD")
    assert host.call(firewall.pending, "docker0") == {}
    host.call(firewall.remove)
    assert all(not each.has_chain("filter", "WEAVE-FORWARD") for each in host.call(read, 6))
