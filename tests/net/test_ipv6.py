"""IPv6 that a container speaks reaches no host, and leads nobody astray."""

from __future__ import annotations

import socket
import struct
import subprocess
from collections.abc import Callable
from ipaddress import IPv6Address

import pytest

from tests.net.kernel import Space, cidrs
from weave_http import constants
from weave_http.net import bridge, fdb, guest, ingress, vxlan

_GREATEST_HOPS = 255
_ADVERTISEMENT = 134
_SECONDS = 10


@pytest.fixture
def pair(spaces: Callable[[], Space]) -> tuple[Space, Space]:
    """Two hosts on one LAN, each with the bridge and the VXLAN device, and each sending to the other."""
    lan, one, two = spaces(), spaces(), spaces()
    lan.run("ip link add lan type bridge; ip link set lan up")
    for number, host in enumerate((one, two), start=1):
        lan.run(f"ip link add v{number} type veth peer name eth0 netns {host.pid}; ip link set v{number} master lan up")
        host.run(f"ip addr add 192.0.2.{number}/24 dev eth0; ip link set eth0 up")
        host.call(bridge.ensure_bridge)
        host.call(vxlan.ensure_vxlan, constants.BRIDGE, 6784, 1450)
        host.call(fdb.add_flood, cidrs(f"192.0.2.{3 - number}/24")[0].ip)
    return one, two


def _joined(host: Space, container: Space, cidr: str) -> Space:
    container.run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad")
    host.call(guest.plug, container.target(), cidrs(cidr))
    return container


def _advertise() -> None:
    """Say to everybody, from a container: I am the default router."""
    flags_and_lifetime = struct.pack("!BBH", 64, 0, 1800)
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8::")
    message = struct.pack("!BBH", _ADVERTISEMENT, 0, 0) + flags_and_lifetime + struct.pack("!II", 0, 0) + prefix
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sender:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _GREATEST_HOPS)
        index = socket.if_nametoindex("ethwe")
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        for _ in range(3):
            sender.sendto(message, ("ff02::1", 0, 0, index))


def _routes(space: Space) -> str:
    return space.run("ip -6 route show default; ip -6 addr show scope global")


def test_a_router_advertisement_from_a_container_leads_neither_hosts_nor_containers_astray(
    pair: tuple[Space, Space], spaces: Callable[[], Space]
) -> None:
    one, two = pair
    rogue, near, far = (spaces() for _ in range(3))
    _joined(one, rogue, "10.2.1.1/24")
    _joined(one, near, "10.2.1.2/24")
    _joined(two, far, "10.2.1.3/24")
    # One that is on the network by other means than ours, which shows that the message is believed and arrives there.
    naive = spaces()
    naive.run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad")
    two.run(f"ip link add v9 type veth peer name ethwe netns {naive.pid}; ip link set v9 master weave up")
    naive.run("ip link set ethwe up; sleep 0.1")
    rogue.call(_advertise)
    naive.run("sleep 0.2")
    assert _routes(naive) == "", "the host does not take it from the container"
    one.call(ingress.remove)
    for _ in range(20):
        rogue.call(_advertise)
        if "default via fe80::" in _routes(naive):
            break
        naive.run("sleep 0.1")
    assert "default via fe80::" in _routes(naive)
    assert "2001:db8::" in _routes(naive)
    for space in (one, two, near, far):
        assert _routes(space) == ""


def _link_local(mac: str) -> IPv6Address:
    """Return the address that a device makes of its MAC."""
    octets = bytes.fromhex(mac.replace(":", ""))
    return IPv6Address(b"\xfe\x80" + b"\0" * 6 + bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:])


def _reaches(space: Space, address: str) -> bool:
    done = space.call(
        subprocess.run, ["ping", "-6", "-q", "-c2", "-i0.2", "-W1", address], capture_output=True, timeout=_SECONDS
    )
    return done.returncode == 0


def _listen(space: Space) -> socket.socket:
    def open_one() -> socket.socket:
        listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        listener.bind(("::", 8080))
        listener.listen()
        return listener

    return space.call(open_one)


def _connects(space: Space, address: str) -> bool:
    def connect() -> bool:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as client:
            client.settimeout(0.5)
            return client.connect_ex((address, 8080, 0, socket.if_nametoindex("ethwe"))) == 0

    return space.call(connect)


def test_a_container_reaches_no_service_of_any_host_by_link_local_addresses(
    pair: tuple[Space, Space], spaces: Callable[[], Space]
) -> None:
    one, two = pair
    c1, c2 = _joined(one, spaces(), "10.2.1.1/24"), _joined(one, spaces(), "10.2.1.2/24")
    listeners = [_listen(one), _listen(two)]
    try:
        devices = [
            str(_link_local(mac))
            for host in pair
            for mac in host.run("ip -br link show | awk '/weave|vxlan|vethwe/ {print $3}'").split()
        ]
        assert len(devices) == 6
        assert not any(_connects(c1, address) for address in devices)
        assert not any(_reaches(c1, f"{address}%ethwe") for address in devices)
        inside = _link_local(_mac(c2))
        assert _reaches(c1, f"{inside}%ethwe"), "containers still reach each other so"
        # What would be without: it is the setting that closes it.
        one.run(
            "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; echo 0 > /proc/sys/net/ipv6/conf/weave/accept_dad"
        )
        one.run("echo 0 > /proc/sys/net/ipv6/conf/weave/disable_ipv6; sleep 0.2")
        own = one.run("ip -6 -br addr show dev weave").split()[2].partition("/")[0]
        assert _connects(c1, own)
        one.call(bridge.ensure_bridge)
        assert not _connects(c1, own)
    finally:
        for listener in listeners:
            listener.close()


def _mac(space: Space) -> str:
    return space.run("ip -br link show ethwe").split()[2]


def test_a_port_whose_mtu_rises_gets_no_ipv6_with_it(host: Space, spaces: Callable[[], Space]) -> None:
    host.call(bridge.ensure_bridge, mtu=600)
    c1 = _joined(host, spaces(), "10.2.1.1/24")
    host.call(bridge.ensure_bridge, mtu=1450)
    _joined(host, c1, "10.2.1.1/24")
    assert host.run(f"cat /proc/sys/net/ipv6/conf/{c1.port()}/disable_ipv6") == "1"
    assert host.run(f"ip -6 -br addr show dev {c1.port()}") == ""
    assert c1.run("cat /proc/sys/net/ipv6/conf/ethwe/accept_ra") == "0"


def test_nothing_of_ours_on_a_host_has_an_address_of_ipv6(
    pair: tuple[Space, Space], spaces: Callable[[], Space]
) -> None:
    one, _ = pair
    c1 = _joined(one, spaces(), "10.2.1.1/24")
    for interface in ("weave", constants.VXLAN_DEVICE, c1.port()):
        settings = one.run(
            f"cd /proc/sys/net/ipv6/conf/{interface}; cat disable_ipv6 accept_ra autoconf accept_redirects"
        ).split()
        assert settings == ["1", "0", "0", "0"], interface
        assert one.run(f"ip -6 -br addr show dev {interface}") == ""
    inside = c1.run("cd /proc/sys/net/ipv6/conf/ethwe; cat disable_ipv6 accept_ra autoconf accept_redirects").split()
    assert inside == ["0", "0", "0", "0"]
