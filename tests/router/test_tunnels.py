"""Encrypted data between whole routers, as processes in namespaces, with wireguard-go: this kernel has no WireGuard."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.kernel import Space
from tests.patience import PATIENCE
from tests.router.hosts import SECONDS, RoutedHost, states, until
from tests.router.private_lan import PrivateLan, direct, fetched, meshed
from tests.router.stream import Stream
from weave_http.addresses import parse_peer_address
from weave_http.host.router_client import RouterClient
from weave_http.net.relays import labels, tunnel_port
from weave_http.net.tunnel import address_of
from weave_http.net.wireguard import PAD
from weave_http.operations import passwords
from weave_http.records import dataclass, field

pytestmark = [pytest.mark.kernel, pytest.mark.programs]

FULL_6 = 1358
"""The network's MTU as soon as one pair of hosts has IPv6 between them."""
FULL = 1390 - 28
"""Bytes that a ping carries in the largest packet."""
PATHS = {tunnel_port(6784), *labels(6784)}
"""UDP ports of what goes over other hosts."""
ROTATING = float(os.environ.get("WEAVE_TEST_ROTATING", "0"))
"""Seconds from one session of WireGuard to a later one while keys change: one takes 120. See `make test-secret`."""
SECRETS = 3
"""How many secrets a tunnel has before the password changes."""


@pytest.fixture(scope="session")
def programs() -> Path:
    return fetched()


@pytest.fixture
def lan(tmp_path: Path, programs: Path) -> Iterator[PrivateLan]:
    with PrivateLan(tmp_path, programs) as lan:
        yield lan


@dataclass
class Keys:
    """What two hosts' tunnel went through.

    Attributes:
        secrets: that were mixed into sessions.
        sessions: when one began, in seconds since 1970.
        passwords: of the network, so far.
    """

    secrets: set[bytes] = field(default_factory=set)
    sessions: set[float] = field(default_factory=set)
    passwords: int = 1


def rotated(lan: PrivateLan, at: RoutedHost, other: RoutedHost, keys: Keys) -> bool:
    """Look at a tunnel; tell whether all that changes has done so, and change the password when it is time for that."""
    address = address_of(at.paths[f"host{other.number}"]["Peer"])
    (seen,) = (each for each in lan.tunnel(at).peers.values() if address in each.addresses)
    keys.secrets.add(seen.secret)
    keys.sessions.add(seen.handshake)
    if len(keys.secrets) > keys.passwords * SECRETS:
        at.ask(RouterClient.change_password, f"password {keys.passwords}", 3600)
        keys.passwords += 1
    return keys.passwords > 2 and max(keys.sessions) - min(keys.sessions) >= ROTATING


def test_all_data_is_encrypted_and_goes_on_while_all_keys_change_and_a_router_restarts(lan: PrivateLan) -> None:
    hosts = one, two, three = meshed(lan, 3, changing=1)
    encrypted = " established encrypted user-space fastdp "
    until(lambda: one.ask(RouterClient.status, "connections").count(encrypted) == 2)
    report = one.ask(RouterClient.report)
    assert (report["Router"]["Encryption"], report["Overlay"]["Encryption"]) == (True, "user-space")
    assert {each["Encryption"] for each in report["Router"]["Connections"]} == {"user-space"}
    assert one.mtu == 1390
    with lan.watched(macs(hosts)) as seen:
        assert one.pings(two, FULL)
        assert two.pings(three, FULL)
        pings = [one.keep_pinging(two), three.keep_pinging(one), two.keep_pinging(three)]
        streams = [Stream(one, three), Stream(three, two)]
        keys = Keys()
        took = until(lambda: rotated(lan, one, three, keys), within=60 + 1.5 * ROTATING)
        lost = [ping.lost() for ping in pings]
        print(f"{len(keys.secrets)} secrets, {len(keys.sessions)} sessions, {keys.passwords} passwords, {took:.0f} s")
        assert lost == [0, 0, 0], "whatever key changes, no ping is lost"
        ping = one.keep_pinging(three)
        one.end(signal.SIGKILL)
        lan.launch(one, changing=1)
        until(lambda: one.ready and one.connected == 2)
        # A way that a busy machine made look bad before has to prove itself for up to a minute.
        until(lambda: direct(hosts), within=3 * SECONDS)
        assert ping.lost() == 0, "the program that encrypts goes on without the router"
        for stream in streams:
            arrived = stream.end()
            print(f"{arrived.sent / 1e6:.0f} MB, stood still for {arrived.longest:.2f} s")
            assert arrived.whole
            assert arrived.sent > 1 << 20
            assert arrived.longest < 4 * PATIENCE, "nor does a stream wait for a session to be tried again"
    assert seen.udp == {(6783, 6783)}, "of UDP there is nothing but WireGuard"
    assert not seen.found, "nor does a frame of a container cross the LAN"


def test_the_mtu_follows_what_passes_between_hosts_with_tunnels_both_ways(lan: PrivateLan) -> None:
    one, two = meshed(lan, 2)
    large = "-p udp -m length --length 1450: -j DROP"
    one.space.run(f"iptables-nft -I INPUT {large}")
    until(lambda: 1280 < one.mtu == two.mtu < 1390, within=3 * SECONDS)
    one.space.run(f"iptables-nft -D INPUT {large}")
    until(lambda: one.mtu == two.mtu == 1390, within=3 * SECONDS)
    assert one.pings(two, FULL)


def test_hosts_that_meet_over_ipv6_have_its_mtu_and_no_packet_is_sent_in_pieces(lan: PrivateLan) -> None:
    one, two = lan.add(2)
    for host in (one, two):
        host.use(4, 6)
        assert host.guest
    lan.launch(one)
    lan.launch(two, f"[{one.address_6}]")
    until(lambda: one.ready and two.ready and direct([one, two]), within=90)
    until(lambda: one.mtu == two.mtu == FULL_6)
    assert one.paths["host2"]["Reason"] == "", "that IPv6 takes more is no fault"
    # Whatever the length, as WireGuard pads it: none has more than the LAN takes.
    for length in range(FULL_6 - 28 - 2 * PAD, FULL_6 - 27):
        assert one.pings(two, length)
    assert "Ip6FragCreates                  \t0\n" in one.space.run("cat /proc/net/snmp6")
    two.ask(RouterClient.connect, [parse_peer_address(one.address)])
    two.space.run("ip -6 addr flush dev eth0")
    until(lambda: one.mtu == two.mtu == 1390)
    assert one.pings(two, FULL)


def test_of_two_families_a_tunnel_in_user_space_uses_one_and_says_so_of_the_other(lan: PrivateLan) -> None:
    hosts = four, both, six = lan.add(3)
    for host, versions in zip(hosts, [(4,), (4, 6), (6,)], strict=True):
        host.use(*versions)
        assert host.guest
    lan.launch(both)
    lan.launch(four, both.address)
    lan.launch(six, f"[{both.address_6}]")
    until(lambda: all(host.ready for host in hosts))
    until(lambda: states(four).get("host2") == "direct" and states(six).get("host2") == "unreachable", within=90)
    why = "it is met over IPv6, and WireGuard in user space {} uses IPv4 alone, as for most peers"
    until(lambda: why.format("here") in both.paths["host3"]["Reason"])
    until(lambda: why.format("there") in six.paths["host2"]["Reason"])
    until(lambda: four.mtu == both.mtu == 1390)
    ping = four.keep_pinging(both)
    assert four.pings(both, FULL)
    assert ping.lost() == 0
    four.ask(RouterClient.leave)
    until(lambda: states(both).get("host3") == states(six).get("host2") == "direct")
    until(lambda: both.pings(six, FULL_6 - 28))


def vxlan_frame() -> bytes:
    """Return what a VXLAN packet carries: a frame to all, of an ethertype of our own."""
    return bytes.fromhex("08000000001a8000" + "ffffffffffff" + "02000000beef" + "88b5") + b"from a stranger".ljust(46)


def hears(at: RoutedHost, send: Space, target: str, *, prepare: str = "true") -> bool:
    """Tell whether a container gets a frame that somebody sends to the port for data of its host."""
    send.run(prepare)
    with (
        at.guest.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0) as ear,
        send.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        ear.bind(("ethwe", 0x88B5))
        ear.settimeout(0.5)
        for _ in range(3):
            mouth.sendto(vxlan_frame(), (target, 6784))
        try:
            return b"from a stranger" in ear.recv(2048)
        except TimeoutError:
            return False


def test_a_strangers_frames_do_not_arrive_whether_there_is_a_password_or_not(lan: PrivateLan) -> None:
    one, two, open_one, open_two, stranger = lan.add(5)  # two networks on one LAN, and nobody's host
    for host in (one, two, open_one, open_two):
        assert host.guest
    lan.launch(one)
    lan.launch(two, one.address)
    open_one.launch()
    open_two.launch(open_one.address)
    until(lambda: all(host.ready for host in (one, two, open_one, open_two)))
    until(lambda: direct([one, two]) and direct([open_one, open_two]))
    assert not hears(one, stranger.space, one.address)
    assert not hears(one, two.space, one.address), "a peer's do not, either, beside the tunnel"
    assert not hears(open_one, stranger.space, open_one.address)
    assert hears(open_one, open_two.space, open_one.address), "what is sent is a frame that a peer could send"
    name = one.ask(RouterClient.report)["Router"]["Name"]
    route = f"ip route replace 240.0.0.0/5 via {one.address}"
    assert not hears(one, stranger.space, str(address_of(name)), prepare=route), "nor to its address in the tunnel"


def test_without_a_tunnel_no_frame_goes_out_and_status_says_why(lan: PrivateLan, tmp_path: Path) -> None:
    one, two = lan.add(2)
    assert one.guest
    assert two.guest
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    lan.launch(one)
    before, lan.programs = lan.programs, nothing
    lan.launch(two, one.address)
    lan.programs = before
    until(lambda: one.ready and two.ready)
    until(lambda: one.connected == two.connected == 1)
    with lan.watched() as seen:
        until(lambda: "this kernel has no WireGuard" in two.ask(RouterClient.status, "connections"))
        until(lambda: "it has no tunnel: see `weave status` there" in one.ask(RouterClient.status, "connections"))
        assert "no program wireguard-go" in two.ask(RouterClient.status)
        assert not one.pings(two)
        assert not two.pings(one)
    assert not seen.udp, "no UDP at all"
    assert (one.destinations, two.destinations) == (set(), set())
    assert one.ask(RouterClient.report)["DataPasses"] is False


def test_data_goes_in_the_clear_only_between_hosts_that_both_say_so(lan: PrivateLan) -> None:
    hosts = one, two, three = lan.add(3)
    for host in hosts:
        assert host.guest
        host.folder.mkdir()
        (host.folder / passwords.FILE).write_bytes(passwords.packed("the password of all three"))
    lan.launch(one, "--trusted-subnets", "192.0.2.0/24")
    lan.launch(two, "--trusted-subnets", "192.0.2.0/24", one.address)
    lan.launch(three, one.address, two.address)
    until(lambda: all(host.ready for host in hosts))
    until(lambda: direct(hosts), within=90)
    with lan.watched(macs(hosts)) as seen:
        until(lambda: one.pings(three) and three.pings(two) and one.pings(two))
    assert seen.found == set(macs([one, two]))
    said = one.ask(RouterClient.status, "connections")
    assert " established unencrypted fastdp " in said
    assert " established encrypted user-space fastdp " in said


def forwarding(host: RoutedHost) -> None:
    """Have a host pass packets on as a Docker host does: for those only whom a rule allows it."""
    host.space.run("echo 1 > /proc/sys/net/ipv4/ip_forward; iptables-nft -P FORWARD DROP")


def cut(at: RoutedHost, source: str, *, heal: bool = False) -> None:
    """Have a host take no UDP from an address, or take it again."""
    at.space.run(f"iptables-nft -{'D' if heal else 'I'} INPUT -s {source} -p udp -j DROP")


def via(host: RoutedHost, other: RoutedHost) -> list[str]:
    """Return the hosts over which a host reaches another one that it does not reach directly."""
    path = host.paths.get(f"host{other.number}", {})
    return list(path["Via"]) if path.get("State") == "relayed" else []


def macs(hosts: list[RoutedHost]) -> list[bytes]:
    """Return the MAC addresses of the hosts' containers."""
    return [bytes.fromhex(host.guest.run("ip -br link show ethwe").split()[2].replace(":", "")) for host in hosts]


@pytest.mark.long
def test_encrypted_data_goes_over_a_third_host_that_sees_none_of_it_and_back(lan: PrivateLan) -> None:
    hosts = one, two, three = meshed(lan, 3)
    for host in hosts:
        forwarding(host)
    with lan.watched(macs(hosts)) as seen:
        stream = Stream(one, two)
        cut(one, two.address)
        cut(two, one.address)
        took = until(lambda: via(one, two) == via(two, one) == ["host3"])
        print(f"over a third host after {took:.1f} s")
        until(lambda: one.pings(two, FULL) and two.pings(one, FULL))
        assert "UDP port 6783 " in one.paths["host2"]["Reason"]
        ping = one.keep_pinging(two)
        for host in (one, three):
            host.end(signal.SIGKILL)
        lan.launch(one, two.address)
        lan.launch(three, one.address, two.address)
        until(lambda: one.ready and three.ready and via(one, two) == via(two, one) == ["host3"])
        assert ping.lost() == 0, "kernels, and what encrypts, go on without their routers"
        ping = one.keep_pinging(two)
        cut(one, two.address, heal=True)
        cut(two, one.address, heal=True)
        until(lambda: direct(hosts))
        assert ping.lost() == 0
        assert stream.end().whole, "what was under way when the path was cut came later"
        until(lambda: one.pings(two, FULL))
    assert seen.ports - PATHS == {6783}
    assert not seen.found


def test_a_host_behind_a_nat_that_only_dials_out_is_reached_both_ways(lan: PrivateLan) -> None:
    one, two, three = lan.add(3)
    for host in (one, three):
        assert host.guest
        forwarding(host)
    gate = lan.space()
    gate.run("echo 1 > /proc/sys/net/ipv4/ip_forward")
    lan.lan.run(f"ip link add vgate type veth peer name eth0 netns {gate.pid}; ip link set vgate master lan up")
    lan.lan.run("ip link set v2 nomaster; ip link set v2 netns " + str(gate.pid))
    gate.run("ip addr add 192.0.2.77/24 dev eth0; ip link set eth0 up")
    gate.run("ip addr add 10.50.0.1/24 dev v2; ip link set v2 up")
    two.space.run("ip addr flush dev eth0; ip addr add 10.50.0.2/24 dev eth0; ip route add default via 10.50.0.1")
    gate.run("iptables-nft -t nat -A POSTROUTING -o eth0 -j MASQUERADE --random")
    gate.run("iptables-nft -A FORWARD -i eth0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    gate.run("iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -i v2 -j ACCEPT")
    assert two.guest
    lan.launch(one)
    lan.launch(three, one.address)
    lan.launch(two, one.address, three.address)
    until(lambda: one.ready and two.ready and three.ready)
    until(lambda: direct([one, two, three]))
    until(lambda: one.pings(two) and two.pings(one))
    with lan.watched() as seen:
        assert one.pings(two, FULL)
    assert seen.ports > {6783}, "it comes from whatever port the NAT gave it"
    cut(one, "192.0.2.77")
    until(lambda: via(one, two) == via(two, one) == ["host3"])
    until(lambda: one.pings(two, FULL) and two.pings(one, FULL))
