"""What it costs that a container is held to its addresses, beside a container that is not.

`python -m tests.bench.enforced` measures that alone, which needs root but no Docker: two containers of one host are
namespaces, so that nothing but the bridge and the rules lies between them. Small packets tell what a frame costs, and
TCP what a gigabyte does, at both ends; both are processor time, which other work on the machine changes little.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from tests.bench.figures import COMPARED, Compared, Table, alternate
from tests.bench.stage import await_true
from tests.net.kernel import Space, cidrs
from weave_http.net import bridge, guest, ingress

GOAL = 1.25
"""How much more processor time enforcing may take."""
_ADDRESSES = ("10.2.1.1", "fd00:2::1"), ("10.2.1.2", "fd00:2::2")
_PAYLOAD = bytes(18)
"""Of the smallest frames."""
_DISCARD, _IPERF = 9, 5201
_PAUSE = 0.2
GIGABYTE = 10**9


def measure(*, quick: bool) -> tuple[Table, list[Compared]]:
    """Send from one container to another, in turns with and without `weave launch --enforce`."""
    rounds, packets, size = (3, 20_000, 10**8) if quick else (15, 200_000, GIGABYTE)
    with ExitStack() as stack:
        host, sender, receiver = (stack.enter_context(Space()) for _ in range(3))
        host.run("ip link add eth0 type veth peer name lan; ip link set eth0 up")
        host.call(bridge.ensure_bridge)
        for family in (socket.AF_INET, socket.AF_INET6):
            stack.enter_context(receiver.call(_bound, family))

        def held(enforced: bool, measure: Callable[[], float]) -> float:
            host.call(bridge.mark, " ".join([bridge.OURS, "1", *([ingress.ENFORCE] if enforced else [])]))
            for space, (four, six) in zip((sender, receiver), _ADDRESSES, strict=True):
                host.call(guest.plug, space.target(), cidrs(f"{four}/24", f"{six}/64"))
            time.sleep(_PAUSE)
            return measure()

        held(False, partial(sender.call, _packet, _ADDRESSES[1][0], packets))  # neighbours and bridges learn
        server = receiver.call(subprocess.Popen, ["iperf3", "-s", "-p", str(_IPERF)], stdout=subprocess.DEVNULL)
        stack.callback(server.wait)
        stack.callback(server.kill)
        await_true(lambda: bool(receiver.run(f"ss -Hltn 'sport = :{_IPERF}'")), "iperf3", pause=0.05)
        figures = {
            "IPv4, one small packet": (partial(sender.call, _packet, _ADDRESSES[1][0], packets), "ns"),
            "IPv6, one small packet": (partial(sender.call, _packet, _ADDRESSES[1][1], packets), "ns"),
            "TCP, one GB": (partial(sender.call, _gigabyte, _ADDRESSES[1][0], size), "ms"),
        }
        compared = []
        for what, (figure, unit) in figures.items():
            with_it, without = alternate([partial(held, on, figure) for on in (True, False)], rounds)
            compared.append(Compared(what, with_it, without, unit=unit, goal=GOAL))
    rates = ", ".join(f"{1e6 / min(row.theirs):,.0f} → {1e6 / min(row.ours):,.0f}" for row in compared[:2])
    notes = [
        "Processor time beside a host without `--enforce`: of packets the sender's, from its call to the receiver's "
        f"socket, of TCP that of both ends; {rounds} rounds in turns of {packets:,} packets, or {size / GIGABYTE:g} GB "
        "by iperf3, which the kernel passes on in pieces of up to 64 KiB. So one processor sends at most this many "
        f"thousand packets a second: {rates} (IPv4, IPv6)."
    ]
    return Table("Held to its addresses", COMPARED, [row.cells() for row in compared], notes), compared


def _bound(family: socket.AddressFamily) -> socket.socket:
    """Return a socket that takes packets and has no room for them: nothing but their way here costs anything."""
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    receiver.bind(("", _DISCARD))
    return receiver


def _packet(address: str, count: int) -> float:
    """Return the nanoseconds of processor time that a packet to an address takes, up to the other end."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.connect((address, _DISCARD))
        send, began = sender.send, time.thread_time_ns()
        for _ in range(count):
            send(_PAYLOAD)
        return (time.thread_time_ns() - began) / count


def _gigabyte(address: str, size: int) -> float:
    """Return the milliseconds of processor time that both ends of iperf3 take for a GB, by so many bytes of it."""
    command = ["iperf3", "-c", address, "-p", str(_IPERF), "-n", str(size), "-J"]
    end = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["end"]
    share = end["cpu_utilization_percent"]
    used = (share["host_total"] + share["remote_total"]) / 100 * end["sum_sent"]["seconds"]
    return float(used * 1000 / (end["sum_sent"]["bytes"] / GIGABYTE))


def main(quick: bool) -> int:
    """Measure and print; return the exit code."""
    table, compared = measure(quick=quick)
    print(table.text())
    return 0 if all(row.met for row in compared) else 1


if __name__ == "__main__":
    if os.geteuid():
        sys.exit("bench: needs root, for network namespaces")
    sys.exit(main("--quick" in sys.argv[1:]))
