"""What crosses the network: weave's path beside a VXLAN made by hand between the same two hosts.

The hand-made path has all that weave's has: a container, a veth, a bridge, the firewall's rule for it, a VXLAN device
with a flood entry, the same MTU. Only VNI, UDP port and names differ. One path is loaded at a time.
"""

from __future__ import annotations

import json
import re
from functools import partial
from statistics import median

from tests.bench.figures import COMPARED, Compared, Table, alternate
from tests.bench.stage import MeasuringError, await_true, pid_of
from tests.hosts.host import Host
from weave_http import constants

PORT = 5201
_BY_HAND = """\
set -e
ip link add hand type bridge
ip link set hand mtu {mtu} up
ip link add vx-hand type vxlan id 4242 dstport 4790
ip link set vx-hand mtu {mtu} master hand up
bridge fdb append 00:00:00:00:00:00 dev vx-hand dst {peer}
ip link add ve-hand mtu {mtu} type veth peer name eth9 mtu {mtu} netns {pid}
ip link set ve-hand master hand up
iptables -I FORWARD -i hand -o hand -j ACCEPT
nsenter -t {pid} -n ip addr add {address}/24 dev eth9
nsenter -t {pid} -n ip link set eth9 up
"""
_TIME = re.compile(r"time=([0-9.]+) ms")


def make_by_hand(host: Host, peer: Host, address: str) -> None:
    """Start a container `hand` and connect it to another host's by a VXLAN made by hand.

    Args:
        host: where.
        peer: the other host.
        address: IPv4 of the container, in a /24.
    """
    host.start("hand", "--network", "none")
    mtu = host.shell(f"cat /sys/class/net/{constants.BRIDGE}/mtu").strip()
    host.shell(_BY_HAND.format(mtu=mtu, peer=peer.address, pid=pid_of(host, "hand"), address=address))


def serve(host: Host, container: str, address: str) -> None:
    """Start iperf3's server in a container's network; it ends with its host."""
    enter = f"nsenter -t {pid_of(host, container)} -n"
    host.shell(f"{enter} iperf3 -s -D -p {PORT}")
    listening = f"{enter} ss -Hltn 'sport = :{PORT}'"
    await_true(lambda: bool(host.shell(listening)), f"iperf3 at {address}", pause=0.05)


def throughput(host: Host, pid: str, address: str, seconds: int) -> float:
    """Return Mbit/s of one TCP connection from a container to an address, as the receiver counted them."""
    line = f"nsenter -t {pid} -n iperf3 -c {address} -p {PORT} -t {seconds} -J"
    answer = json.loads(host.shell(line))
    if "error" in answer:
        raise MeasuringError(f"iperf3 to {address}: {answer['error']}")
    return float(answer["end"]["sum_received"]["bits_per_second"]) / 1e6


def round_trip(host: Host, pid: str, address: str, count: int) -> float:
    """Return the median round trip, in ms, of so many pings, 2 ms apart."""
    output = host.shell(f"nsenter -t {pid} -n ping -i 0.002 -c {count} {address}")
    times = [float(time) for time in _TIME.findall(output)]
    if len(times) < count * 0.99:
        raise MeasuringError(f"only {len(times)} of {count} pings to {address} were answered")
    return median(times)


def measure(one: Host, two: Host, *, rounds: int, seconds: int, pings: int) -> tuple[Table, list[Compared]]:
    """Compare both paths from the first host's container `box` (10.2.1.1) to the second's (10.2.1.2).

    Args:
        one: first host, with weave.
        two: second host, with weave.
        rounds: how often each path is measured, in turns.
        seconds: of each throughput measurement.
        pings: of each round-trip measurement.
    """
    make_by_hand(one, two, "10.9.1.1")
    make_by_hand(two, one, "10.9.1.2")
    paths = {"box": "10.2.1.2", "hand": "10.9.1.2"}
    sources = {name: pid_of(one, name) for name in paths}
    for name, address in paths.items():
        serve(two, name, address)
        round_trip(one, sources[name], address, 50)  # neighbours and bridges learn
        throughput(one, sources[name], address, 1)
    each = [(sources[name], address) for name, address in paths.items()]
    ours, theirs = alternate([partial(throughput, one, *path, seconds) for path in each], rounds)
    our_trips, their_trips = alternate([partial(round_trip, one, *path, pings) for path in each], rounds)
    compared = [
        Compared("TCP throughput", ours, theirs, unit="Mbit/s", goal=0.9, at_least=True),
        Compared("round trip", our_trips, their_trips, unit="ms", goal=1.2),
    ]
    notes = [
        "Beside it: a kernel VXLAN made by hand with `ip link` between the same hosts, with a container, veth, bridge, "
        f"firewall rule and MTU like weave's. {rounds} rounds in turns; iperf3, one connection, {seconds} s each; "
        f"median of {pings} pings each."
    ]
    return Table(
        "Container to container, across two hosts", COMPARED, [row.cells() for row in compared], notes
    ), compared
