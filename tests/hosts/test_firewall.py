"""Who reaches what on real hosts: docs/firewall.md says so, and names these tests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_network import joined

ADVERTISEMENT = """
import socket, struct, sys
head = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8::")
sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
index = socket.if_nametoindex("ethwe")
sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
for _ in range(5):
    sender.sendto(head + prefix, ("ff02::1", 0, 0, index))
"""


def pid_of(host: Host, container: str) -> str:
    return host.shell(f"docker inspect -f '{{{{.State.Pid}}}}' {container}").strip()


def connects(host: Host, container: str, address: str, port: int) -> bool:
    """Tell whether a container gets a TCP connection."""
    line = f"nsenter -t {pid_of(host, container)} -n timeout 1 bash -c ': </dev/tcp/{address}/{port}'"
    return host.try_shell(line).returncode == 0


def injected(host: Host, container: str, at: Host, address: str) -> bool:
    """Tell whether a frame that a container, or the host itself, wraps into VXLAN for a host is taken there."""
    inject(host, container, address)
    return learned(at)


def learned(host: Host) -> bool:
    """Tell whether a frame that somebody injects is taken within a second."""
    return eventually(lambda: "7a:00:00:00:00:66" in host.shell("bridge fdb show br weave"), seconds=1.0)


def inject(host: Host, container: str, address: str) -> None:
    """Have a container, or the host itself, wrap a frame into VXLAN and send it to an address.

    It is a gratuitous ARP request from a MAC that nobody has, which the bridge then learns.
    """
    inside = f"nsenter -t {pid_of(host, container)} -n " if container else ""
    frame = (
        "ff" * 6 + "7a0000000066" + "0806" + "0001080006040001" + "7a0000000066" + "0a020142" + "00" * 6 + "0a020142"
    )
    packet = "08000000" + f"{6784:06x}" + "00" + frame
    sender = (
        f"{inside}python3 -c 'import socket;"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        f'[s.sendto(bytes.fromhex("{packet}"), ("{address}", 6784)) for _ in range(3)]\''
    )
    host.shell(sender)


@pytest.mark.not_podman(reason="a network's bridge is named by another option")
def test_containers_behind_a_bridge_of_any_name_are_no_peers(trio: list[Host]) -> None:
    one, two, three = trio
    joined(one, two)
    one.weave("run", "10.2.1.1/24", "--name", "inside", GUEST, "sleep", "3600")
    two.weave("run", "10.2.1.2/24", "--name", "far", GUEST, "sleep", "3600")
    one.weave("expose", "10.2.1.254/24")
    one.start("plain")
    one.shell("docker network create -o com.docker.network.bridge.name=mine own >/dev/null")
    try:
        one.start("custom", "--network own")
        gateway = one.shell("ip -4 -o addr show dev mine | awk '{print $4}'").strip().partition("/")[0]
        assert eventually(lambda: "-i mine -o weave -j DROP" in one.shell("iptables -S WEAVE-FORWARD"), seconds=10)
        three.shell("timeout 30 python3 -m http.server 8000 >/dev/null 2>&1 &")
        assert eventually(lambda: connects(one, "custom", three.address, 8000)), "elsewhere it gets as ever"
        for name, own in (("plain", "172.17.0.1"), ("custom", gateway), ("inside", "10.2.1.254")):
            addresses = (own, one.address, two.address)
            with ThreadPoolExecutor() as pool:
                reached = list(pool.map(lambda to, name=name: connects(one, name, to, 6783), addresses))
                assert not any(reached), (name, addresses, reached)
                list(pool.map(lambda to, name=name: inject(one, name, to), addresses))
                assert not any(pool.map(learned, (one, two))), name
        for name in ("plain", "custom"):
            for address in ("10.2.1.1", "10.2.1.2"):
                assert not one.pings(name, address, count=1, wait=1), (name, address)
        assert one.pings("inside", "10.2.1.2")
        assert not injected(three, "", two, two.address), "who is on the LAN is no peer yet"
        assert injected(one, "", two, two.address), "a peer may: that is what it is to be one"
    finally:
        one.shell("docker rm -f custom; docker network rm own")


def answered(host: Host, container: str, source: str, address: str) -> bool:
    """Tell whether a ping from an address that a container has, given to it or not, is answered."""
    line = f"nsenter -t {pid_of(host, container)} -n ping -q -c 2 -i 0.2 -W 1 -I {source} {address}"
    return " 0% packet loss" in host.try_shell(line).stdout


def test_an_address_that_a_container_gave_itself_never_becomes_its_own(trio: list[Host]) -> None:
    one, two, _ = trio
    joined(one, two, flags=("--enforce",))
    two.weave("run", "10.2.1.2/24", "10.2.3.2/24", "--name", "far", GUEST, "sleep", "3600")
    one.weave("run", "10.2.1.1/24", "--name", "rogue", GUEST, "sleep", "3600")
    assert eventually(lambda: answered(one, "rogue", "10.2.1.1", "10.2.1.2"))
    one.shell(f"nsenter -t {pid_of(one, 'rogue')} -n ip addr add 10.2.1.9/24 dev ethwe")
    assert not answered(one, "rogue", "10.2.1.9", "10.2.1.2")
    # neither by a command that works on the container, nor by a router that finds it there
    one.weave("attach", "10.2.3.1/24", "rogue")
    assert answered(one, "rogue", "10.2.3.1", "10.2.3.2")
    assert not answered(one, "rogue", "10.2.1.9", "10.2.1.2")
    one.weave("detach", "10.2.3.1/24", "rogue")
    one.weave("stop")
    one.weave("attach", "10.2.3.1/24", "rogue")
    one.weave("launch", "--enforce", two.address)
    assert eventually(lambda: answered(one, "rogue", "10.2.3.1", "10.2.3.2")), "given while there was no router"
    assert not answered(one, "rogue", "10.2.1.9", "10.2.1.2")
    one.shell("docker restart -t 0 rogue")
    assert eventually(lambda: one.weave("ps", "rogue").split()[2:] == ["10.2.1.1/24", "10.2.3.1/24"])


def test_no_router_advertisement_of_a_container_is_believed(trio: list[Host]) -> None:
    one, two, _ = trio
    joined(one, two)
    one.weave("run", "10.2.1.1/24", "--name", "rogue", GUEST, "sleep", "3600")
    one.weave("run", "10.2.1.2/24", "--name", "near", GUEST, "sleep", "3600")
    two.weave("run", "10.2.1.3/24", "--name", "far", GUEST, "sleep", "3600")
    before = [host.shell("ip -6 route; ip -6 addr show scope global") for host in (one, two)]
    # The engine gives containers no IPv6; but who may send raw frames needs none, and others may turn it on.
    for host, name in ((one, "rogue"), (one, "near"), (two, "far")):
        host.shell(f"nsenter -t {pid_of(host, name)} -n sysctl -qw net.ipv6.conf.ethwe.disable_ipv6=0")
    rogue = pid_of(one, "rogue")
    assert eventually(lambda: "tentative" not in one.shell(f"nsenter -t {rogue} -n ip -6 addr show dev ethwe"))
    one.shell(f"nsenter -t {rogue} -n python3 - <<'END'\n{ADVERTISEMENT}\nEND")
    for host, name in ((one, "near"), (two, "far")):
        inside = host.shell(f"nsenter -t {pid_of(host, name)} -n ip -6 route show default")
        assert "ethwe" not in inside, name
    assert [host.shell("ip -6 route; ip -6 addr show scope global") for host in (one, two)] == before
    for host in (one, two):
        ours = host.shell("ls /proc/sys/net/ipv6/conf | grep -E '^(weave|vxlan-6784|vethwe.*)$'").split()
        assert len(ours) >= 3
        for interface in ours:
            settings = host.shell(f"cd /proc/sys/net/ipv6/conf/{interface}; cat disable_ipv6 accept_ra")
            assert settings.split() == ["1", "0"], interface


def test_the_underlays_mtu_is_back_after_a_launch_that_wished_for_none(host: Host) -> None:
    host.weave("launch", WEAVE_MTU="600")
    host.weave("run", "10.2.1.1/24", "--name", "box", GUEST, "sleep", "3600")
    assert "mtu 600 " in host.shell("ip link show weave")
    host.weave("stop")
    host.weave("launch")
    assert "mtu 1450 " in host.shell("ip link show weave")
    assert eventually(lambda: "mtu 1450 " in host.inside("box", "ip link show ethwe")), "containers follow"
    assert host.shell("ls /proc/sys/net/ipv6/conf | grep -c '^weave$'").strip() == "1"
    assert host.shell("cat /proc/sys/net/ipv6/conf/weave/disable_ipv6").strip() == "1"


def test_what_weave_2_8_1_left_does_not_stop_anything_and_is_gone_after_a_reset(host: Host) -> None:
    host.shell(
        "ip link add weave type bridge; ip link set weave mtu 65535 up;"
        "iptables -N WEAVE-EXPOSE; iptables -A FORWARD -o weave -j WEAVE-EXPOSE; iptables -A FORWARD -o weave -j DROP;"
        "iptables -N WEAVE-NPC; iptables -A FORWARD -o weave -m comment --comment 'a note' -j WEAVE-NPC;"
        "iptables -A FORWARD -o weave -m state --state NEW -j NFLOG --nflog-group 86;"
        "iptables -t mangle -N WEAVE-IPSEC-IN; iptables -t mangle -A INPUT -j WEAVE-IPSEC-IN"
    )
    host.weave("launch")
    assert "mtu 1450 " in host.shell("ip link show weave")
    host.weave("run", "10.2.1.1/24", "--name", "box", GUEST, "sleep", "3600")
    saved = host.shell("iptables-save")
    assert not any(word in saved for word in ("NPC", "IPSEC", "NFLOG", "-A FORWARD -o weave"))
    host.weave("reset")
    assert host.left_overs() == ""
