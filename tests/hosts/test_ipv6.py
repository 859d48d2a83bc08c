"""Both versions of IP on the network: handed out, given, named, exposed, hidden, and kept over restarts."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network

import pytest

from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_addresses import address, run

pytestmark = pytest.mark.hosts

RANGES = "10.32.0.0/16,fd00:32::/64"


def pings(host: Host, container: str, target: str) -> bool:
    """Whether a container gets an answer by IPv6."""
    return host.try_shell(f"docker exec {container} ping -6 -c1 -W2 {target}").returncode == 0


def test_containers_of_two_hosts_have_both_versions_of_ip(trio: list[Host]) -> None:
    one, two = trio[:2]
    one.weave("launch", "--ipalloc-range", RANGES)
    two.weave("launch", "--ipalloc-range", RANGES, one.address)
    a4, a6 = run(one, "a1")
    b4, b6 = run(two, "b1")
    for four, six in ((a4, a6), (b4, b6)):
        assert ip_interface(four).network == ip_network("10.32.0.0/16")
        assert ip_interface(six).network == ip_network("fd00:32::/64")
    if not two.has_podman:
        setting = "/proc/sys/net/ipv6/conf/eth0/disable_ipv6"
        assert two.shell(f"docker exec b1 cat {setting}").strip() == "1", "Docker's default"
    assert eventually(lambda: pings(one, "a1", "b1"), seconds=20), "by its AAAA record"
    assert pings(one, "a1", a6.partition("/")[0]), "itself"
    assert one.weave("dns-lookup", "b1").split() == [b4.partition("/")[0], b6.partition("/")[0]]
    # the first packet needs no second one: nothing waits for duplicate address detection
    two.shell(f"docker run -d --name plain {GUEST} sleep 3600")
    two.weave("attach", "fd00:2::2/64", "ip:10.2.1.2/24", "net:fd00:32::/64", "plain")
    one.weave("attach", "fd00:2::1/64", "a1")
    assert pings(one, "a1", "fd00:2::2")
    assert address(two, "plain")[:2] == ["10.2.1.2/24", "fd00:2::2/64"]
    # the host itself, by both; a subnet that it is not in does not reach it
    assert two.weave("expose", "fd00:2::9/64").strip() == "fd00:2::9"
    assert two.shell("ping -6 -c1 -W2 fd00:2::1")
    assert pings(one, "a1", "fd00:2::9")
    for size in ("64", "1000", one.shell("cat /sys/class/net/weave/mtu").strip()):
        said = one.weave("ping", "-c", "1", "-s", size, "fd00:2::2")
        assert f"(fd00:2::2) over the network, {size} bytes" in said
        assert f"({two.name}) {two.address} " in said, said
    assert "on this host" in two.weave("ping", "-c", "1", "fd00:2::2")
    assert one.try_weave("ping", "-c", "1", "fd00:2::77").returncode == 1
    # all of it stays over restarts of containers, of the router and of the engine's chains
    two.shell("docker restart -t 0 plain b1")
    assert eventually(lambda: (len(address(two, "plain")), address(two, "b1")) == (3, [b4, b6]), seconds=20)
    assert eventually(lambda: pings(one, "a1", "fd00:2::2"), seconds=20)
    two.weave("stop")
    two.weave("launch", "--ipalloc-range", RANGES, one.address)
    assert address(two, "weave:expose") == ["fd00:2::9/64"]
    assert eventually(lambda: pings(one, "a1", "fd00:2::9"), seconds=20)
    assert two.weave("hide", "fd00:2::9/64").strip() == "fd00:2::9"
    assert address(two, "weave:expose") == []
    assert two.shell("cat /proc/sys/net/ipv6/conf/weave/disable_ipv6").strip() == "1"
    assert two.weave("detach", "fd00:2::2/64", "plain").strip() == "fd00:2::2"
    assert one.weave("status", "ipam").count("256 IPs") == 4, "both versions of both hosts"
    assert "fd00:32::/64" in one.weave("status")
