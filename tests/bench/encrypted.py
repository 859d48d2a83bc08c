"""Encrypted data: weave's path beside a VXLAN made by hand over bare WireGuard, and one that is not encrypted.

All are between the same two hosts, from container to container, past the same firewall; one is loaded at a time. A pair
of which a third host passes on what it can't read is compared with a pair that is reached directly, and with one made
by hand, between which a third host is a router and nothing more: what another host on the way costs, whoever it is.
Processor time is that of all processes of the benchmark: both ends, the programs that encrypt, and the kernel's work.
The kernel's WireGuard encrypts in threads of its own, so there it is the time of the whole machine, which should have
nothing else to do. What the cipher alone takes (`openssl speed`) stands beside it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from statistics import median

from tests.bench.figures import COMPARED, Compared, Table, figure
from tests.bench.stage import MeasuringError, await_true
from tests.net.kernel import Space
from tests.patience import PATIENCE
from tests.router.hosts import RoutedHost, popen
from tests.router.private_lan import PrivateLan, direct, fetched
from weave_http.errors import HostError
from weave_http.net.wireguard import Change, Device, TunnelPeer
from weave_http.net.wireguard_kernel import KernelDevice
from weave_http.net.wireguard_user import UserSpaceDevice
from weave_http.records import dataclass
from weave_http.router.data.tunnel import new_private_key
from weave_http.router.keys.secrets import public_key

_GROUP = "weave-bench-encrypted"
_FIRST_VERSION = Path("/sys/fs/cgroup/cpuacct")
_SECOND_VERSION = Path("/sys/fs/cgroup")
_TIME = re.compile(r"time=([0-9.]+) ms")
_PORT = 51820
_LAST_LINES = 25
_REST = 1.0
"""Seconds after a load, in which programs that encrypt clean up, before a round trip at rest is measured."""
_INSIDE = "10.98.0."
"""How the addresses of hosts begin in the tunnels made by hand."""
_TUNNEL = """\
ip addr add {address}/24 dev hand-wg
ip link set hand-wg mtu {mtu} up
"""
_OVERLAY = """\
ip link add {name} type bridge
ip link set {name} mtu {mtu} up
ip link add vx-{name} mtu {mtu} type vxlan id {port} dstport {port}
ip link set vx-{name} master {name} up
bridge fdb append 00:00:00:00:00:00 dev vx-{name} dst {peer}
ip link add ve-{name} mtu {mtu} type veth peer name eth9 mtu {mtu} netns {pid}
ip link set ve-{name} master {name} up
"""
_GATEWAY = "192.0.2.128"
"""Address on the LAN of what is in between, by hand."""
_ROUTED = """\
ip addr flush dev eth0
ip addr add {address}/32 dev eth0
ip route add {gateway} dev eth0
ip route add 192.0.2.0/24 via {gateway}
"""
_ROUTING = """\
ip addr flush dev eth0
ip addr add {gateway}/24 dev eth0
echo 1 > /proc/sys/net/ipv4/ip_forward
for each in all eth0; do echo 0 > /proc/sys/net/ipv4/conf/$each/send_redirects; done
"""
_FOLLOWED = "iptables-nft -A {chain} -m conntrack --ctstate INVALID -j DROP"
"""Has the kernel look at each flow, as it does on every Docker host."""


@dataclass(frozen=True, slots=True)
class Route:
    """One way from a container to another.

    Args:
        source: the one.
        target: the other.
        address: of the other.
    """

    source: Space
    target: Space
    address: str


@dataclass(frozen=True, slots=True)
class Load:
    """What a load of TCP came to.

    Args:
        rate: in Mbit/s, as the receiver counted them.
        processor: seconds a gigabyte.
    """

    rate: float
    processor: float


def measure(folder: Path, *, quick: bool, kernel: bool = False) -> Iterator[tuple[Table, list[Compared]]]:
    """Compare the paths with Ethernet's MTU and with a large one; yield a table for each.

    Args:
        folder: for the routers' state and logs.
        quick: few rounds.
        kernel: whether the kernel's WireGuard encrypts, and not wireguard-go.
    """
    rounds, seconds = (2, 1) if quick else (5, 3)
    for mtu in (1500, 9000):
        place = folder / str(mtu)
        place.mkdir(parents=True)
        programs = place / "none" if kernel else fetched()
        with nullcontext(_busy) if kernel else _counted() as used, PrivateLan(place, programs) as lan:
            yield _compared(lan, mtu, rounds, seconds, used, kernel=kernel)


def _compared(
    lan: PrivateLan, mtu: int, rounds: int, seconds: int, used: Callable[[], float], *, kernel: bool
) -> tuple[Table, list[Compared]]:
    ours = lan.add(3)
    lan.lan.run(f"ip link set lan mtu {mtu}")
    _set_mtu(lan, ours, mtu)
    for host in ours:
        assert host.guest
        host.space.run("echo 1 > /proc/sys/net/ipv4/ip_forward")
        lan.launch(host, *([ours[0].address] if host is not ours[0] else []))
    with _explained(ours):
        await_true(lambda: all(host.ready for host in ours) and direct(ours), "weave's routers", pause=0.1)
        await_true(lambda: all(host.mtu == mtu - 110 for host in ours), "the MTU", pause=0.1)
    one, two, beyond = ours
    for host, peer in ((one, beyond), (beyond, one)):
        host.space.run(f"iptables-nft -I INPUT -s {peer.address} -p udp -j DROP")
    await_true(lambda: all(_relayed(*pair) for pair in ((one, beyond), (beyond, one))), "a relayed pair", pause=0.1)
    paths = {
        "weave": Route(one.guest, two.guest, two.inside),
        "by hand": _by_hand(lan, [one, two], mtu, kernel=kernel),
        "relayed": Route(one.guest, beyond.guest, beyond.inside),
        "routed": _by_hand(lan, _routed(lan, mtu), mtu, kernel=kernel),
        "plain": _overlay(lan, [one, two], "plain", 4791, mtu - 50, "192.0.2."),
        "IP": Route(one.space, two.space, f"{_INSIDE}{two.number}"),
    }
    if kernel:
        paths["user space"] = _by_hand(lan, _followed(lan, 2, mtu), mtu, kernel=False)
    for path in paths.values():
        one.reap(path.target.call(popen, ["iperf3", "-s"], stdout=subprocess.DEVNULL))
    loads: dict[str, list[Load]] = {name: [] for name in paths}
    trips: dict[str, list[float]] = {name: [] for name in paths}
    ciphers: list[float] = []
    for path in paths.values():
        await_true(partial(_is_there, path), f"iperf3 at {path.address}", pause=0.1)
    for _ in range(rounds):
        # Answers that came too late under load count as lost, and make the MTU less for half a minute.
        await_true(lambda: all(host.mtu == mtu - 110 for host in ours), "the MTU", seconds=60, pause=0.1)
        for name, path in paths.items():
            loads[name].append(_load(path, seconds, used))
            time.sleep(_REST)
            trips[name].append(_round_trip(path))
        ciphers.append(_cipher(mtu - 80))
    rates = {name: [each.rate for each in of] for name, of in loads.items()}
    costs = {name: [1000 * each.processor for each in of] for name, of in loads.items()}
    compared = [
        Compared("TCP throughput", rates["weave"], rates["by hand"], unit="Mbit/s", goal=0.95, at_least=True),
        Compared("processor", costs["weave"], costs["by hand"], unit="ms/GB", goal=1.05),
        Compared("round trip", trips["weave"], trips["by hand"], unit="ms", goal=1.2),
        Compared(
            "over a third host: throughput", rates["relayed"], rates["weave"], unit="Mbit/s", goal=0.95, at_least=True
        ),
        Compared("over a third host: processor", costs["relayed"], costs["weave"], unit="ms/GB", goal=1.1),
        Compared("over a third host: round trip", trips["relayed"], trips["weave"], unit="ms", goal=1.2),
        Compared(
            "… beside one that routes: throughput",
            rates["relayed"],
            rates["routed"],
            unit="Mbit/s",
            goal=0.95,
            at_least=True,
        ),
        Compared("… beside one that routes: processor", costs["relayed"], costs["routed"], unit="ms/GB", goal=1.1),
    ]
    core, times = median(ciphers), median(ciphers) / median(rates["weave"])
    both_ends = [2 * 8e6 / each for each in ciphers]
    beside = [
        Compared("the cipher alone: processor", costs["weave"], both_ends, unit="ms/GB"),
        Compared("not encrypted: throughput", rates["weave"], rates["plain"], unit="Mbit/s"),
        Compared("not encrypted: processor", costs["weave"], costs["plain"], unit="ms/GB"),
        Compared("not encrypted: round trip", trips["weave"], trips["plain"], unit="ms"),
        Compared("IP without VXLAN: throughput", rates["weave"], rates["IP"], unit="Mbit/s"),
        Compared("IP without VXLAN: processor", costs["weave"], costs["IP"], unit="ms/GB"),
    ]
    if kernel:
        beside += [
            Compared("in user space: throughput", rates["weave"], rates["user space"], unit="Mbit/s"),
            Compared("in user space: processor", costs["weave"], costs["user space"], unit="ms/GB"),
            Compared("in user space: round trip", trips["weave"], trips["user space"], unit="ms"),
        ]
    bare = "the kernel's bare WireGuard" if kernel else "a bare wireguard-go of the same version"
    notes = [
        f"MTU of the LAN: {mtu}. Beside it: a VXLAN made by hand over {bare}, with a container, "
        f"veth and bridge like weave's. {rounds} rounds in turns; one connection of TCP, {seconds} s each. "
        "Over a third host: beside weave's direct pair, and beside a pair made by hand, between which a host routes. "
        "A round trip is measured at rest, a second after the load. "
        "The cipher alone: `openssl speed`, ChaCha20-Poly1305, for both ends; by it one core encrypts "
        f"{figure(core, 'Mbit/s')} in packets of {mtu - 80} bytes, {times:.0f} times what the tunnel carries. "
        "Not encrypted: a VXLAN made by hand. IP without VXLAN: from host to host, by the tunnel made by hand."
        + (" In user space: one made by hand over a bare wireguard-go, between two other hosts." if kernel else "")
    ]
    rows = [row.cells() for row in (*compared, *beside)]
    return Table(f"Encrypted in {'the kernel' if kernel else 'user space'}, MTU {mtu}", COMPARED, rows, notes), compared


@contextmanager
def _explained(hosts: list[RoutedHost]) -> Iterator[None]:
    """Say what routers are at when what is waited for does not come."""
    try:
        yield
    except MeasuringError:
        for host in hosts:
            with suppress(HostError):
                print(f"{host.address}: {host.paths}", file=sys.stderr)
            print("".join(host.log.read_text().splitlines(keepends=True)[-_LAST_LINES:]), file=sys.stderr)
        raise


def _relayed(host: RoutedHost, peer: RoutedHost) -> bool:
    state: str = host.paths[f"host{peer.number}"]["State"]
    return state == "relayed"


def _by_hand(lan: PrivateLan, hosts: list[RoutedHost], mtu: int, *, kernel: bool) -> Route:
    keys = {host.number: new_private_key() for host in hosts}
    one, other = hosts
    for host, peer in ((one, other), (other, one)):
        device: Device
        if kernel:
            host.space.run("ip link add hand-wg type wireguard")
            device = KernelDevice("hand-wg")
        else:
            program = [*lan.entering(host), str(fetched() / "wireguard-go"), "hand-wg"]
            host.space.call(subprocess.run, program, check=True, capture_output=True)
            device = UserSpaceDevice(str(lan.sockets(host) / "hand-wg.sock"))
        address = ip_address(f"{_INSIDE}{peer.number}")
        there = TunnelPeer(public_key(keys[peer.number]), address, bytes(32), (ip_address(peer.address), _PORT))
        host.space.call(device.write, Change(private=keys[host.number], port=_PORT, peers=(there,)))
        host.space.run(_TUNNEL.format(address=f"{_INSIDE}{host.number}", mtu=mtu - 60))
    return _overlay(lan, hosts, "hand", 4790, mtu - 110, _INSIDE)


def _routed(lan: PrivateLan, mtu: int) -> list[RoutedHost]:
    """Return two hosts that reach each other over a third one alone, which routes and translates nothing."""
    one, between, other = _followed(lan, 3, mtu)
    between.space.run(_ROUTING.format(gateway=_GATEWAY))
    for host in (one, other):
        host.space.run(_ROUTED.format(address=host.address, gateway=_GATEWAY))
    return [one, other]


def _set_mtu(lan: PrivateLan, hosts: list[RoutedHost], mtu: int) -> None:
    """Have the links of hosts carry packets of so many bytes, at both of their ends."""
    for host in hosts:
        host.space.run(f"ip link set eth0 mtu {mtu}")
        lan.lan.run(f"ip link set v{host.number} mtu {mtu}")


def _followed(lan: PrivateLan, count: int, mtu: int) -> list[RoutedHost]:
    """Return new hosts without weave, whose kernels look at each flow."""
    hosts = lan.add(count)
    _set_mtu(lan, hosts, mtu)
    for host in hosts:
        for chain in ("INPUT", "FORWARD"):
            host.space.run(_FOLLOWED.format(chain=chain))
    return hosts


def _overlay(lan: PrivateLan, hosts: list[RoutedHost], name: str, port: int, mtu: int, prefix: str) -> Route:
    one, other = hosts
    guests = [lan.space(), lan.space()]
    for host, peer, guest in ((one, other, guests[0]), (other, one, guests[1])):
        host.space.run(_OVERLAY.format(name=name, port=port, mtu=mtu, peer=f"{prefix}{peer.number}", pid=guest.pid))
        guest.run(f"ip addr add 10.9.1.{host.number}/24 dev eth9; ip link set eth9 up")
    return Route(guests[0], guests[1], f"10.9.1.{other.number}")


def _is_there(path: Route) -> bool:
    try:
        _load(path, 1, lambda: 0.0)
    except MeasuringError:
        return False
    return True


def _load(path: Route, seconds: int, used: Callable[[], float]) -> Load:
    before = used()
    command = ["iperf3", "-c", path.address, "-t", str(seconds), "-J"]
    try:
        done = path.source.call(
            subprocess.run, command, capture_output=True, text=True, timeout=seconds + 30 * PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MeasuringError(f"iperf3 to {path.address}: no end after {error.timeout:g} s") from error
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise MeasuringError(f"iperf3 to {path.address}: {answer['error']}")
    received = answer["end"]["sum_received"]
    return Load(received["bits_per_second"] / 1e6, (used() - before) / (received["bytes"] / 1e9))


def _round_trip(path: Route) -> float:
    times = [float(each) for each in _TIME.findall(path.source.run(f"ping -i 0.005 -c 200 {path.address}"))]
    return median(times)


def _cipher(size: int) -> float:
    """Return what one core encrypts, in Mbit/s of its own time.

    Args:
        size: bytes of a packet.
    """
    command = ["openssl", "speed", "-mr", "-evp", "chacha20-poly1305", "-seconds", "1", "-bytes", str(size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 * PATIENCE, check=True)
    return float(done.stdout.split(":")[-1]) * 8 / 1e6


def _busy() -> float:
    """Return the processor seconds of the whole machine so far."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _counted() -> Iterator[Callable[[], float]]:
    """Count the processor time of this process and of all that it starts; yields what returns the seconds so far."""
    root, file, unit = (
        (_FIRST_VERSION, "cpuacct.usage", 1e9) if _FIRST_VERSION.exists() else (_SECOND_VERSION, "cpu.stat", 1e6)
    )
    group = root / _GROUP
    group.mkdir(exist_ok=True)
    (group / "cgroup.procs").write_text(str(os.getpid()))

    def used() -> float:
        return int(re.findall(r"\d+", (group / file).read_text())[0]) / unit

    try:
        yield used
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(OSError):
                (root / "cgroup.procs").write_text(pid)
        deadline = time.monotonic() + 5
        while group.exists() and time.monotonic() < deadline:
            with suppress(OSError):
                group.rmdir()
            time.sleep(0.05)


def main() -> int:
    """Print the figures of the kernel's WireGuard, on a machine that has it; return 0."""
    with tempfile.TemporaryDirectory(prefix="weave-bench-") as folder:
        for table, _ in measure(Path(folder), quick="--quick" in sys.argv, kernel=True):
            print(f"\n{table.text()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
