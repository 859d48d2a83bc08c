"""Queries a second, beside dnsmasq on the same host."""

from __future__ import annotations

from functools import partial

from tests.bench.figures import COMPARED, Compared, Table, alternate
from tests.bench.stage import MeasuringError
from tests.hosts.host import Host

SERVER = "172.17.0.1"
PORT = 5300
"""Where dnsmasq listens, which is there only while it is measured."""
NAME = "bench.weave.local"
ADDRESS = "10.2.1.53"
GOAL = 0.25
"""A Python program beside one in C: what matters is that containers never wait for it."""
LOAD = """
import socket, sys, time
host, port, name, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
query = bytes.fromhex("000101000001000000000000") + labels + bytes.fromhex("0000010001")
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(1)
sock.connect((host, port))
for _ in range(32):
    sock.send(query)
answers, end = 0, time.monotonic() + seconds
while time.monotonic() < end:
    for _ in range(64):
        if sock.recv(512)[7] != 1:
            raise SystemExit("an answer without an address")
        sock.send(query)
    answers += 64
print(answers / seconds)
"""
"""Keeps 32 queries under way."""


def rate(host: Host, port: int, seconds: float) -> float:
    """Return how many queries a second are answered on a port, with as many under way as `LOAD` has."""
    done = host.sandbox.run(host.name, ["python3", "-c", LOAD, SERVER, str(port), NAME, str(seconds)])
    if done.returncode:
        raise MeasuringError(f"queries to port {port}: {done.stderr.decode().strip()[-200:]}")
    return float(done.stdout)


def measure(host: Host, *, rounds: int, seconds: float) -> tuple[Table, list[Compared]]:
    """Compare how fast the router and dnsmasq answer one name, each alone with one client.

    Args:
        host: with weave.
        rounds: how often each is measured, in turns.
        seconds: of each measurement.
    """
    host.weave("dns-add", ADDRESS, "-h", NAME)
    options = f"--no-resolv --no-hosts --host-record={NAME},{ADDRESS} --listen-address={SERVER} --bind-interfaces"
    host.shell(f"dnsmasq --user=root --pid-file=/tmp/bench-dnsmasq.pid --port={PORT} {options}")
    try:
        servers = [partial(rate, host, port, seconds) for port in (53, PORT)]
        alternate(servers, 1)
        ours, theirs = alternate(servers, rounds)
    finally:
        host.shell("kill $(cat /tmp/bench-dnsmasq.pid)")
        host.weave("dns-remove", ADDRESS, "-h", NAME)
    compared = [Compared("name server", ours, theirs, unit="queries/s", goal=GOAL, at_least=True)]
    notes = [
        f"Beside it: dnsmasq, on the same host, with the same name. One client keeps 32 queries under way; {rounds} "
        f"rounds in turns of {seconds:g} s. The client, in Python, may be what limits dnsmasq."
    ]
    return Table("Names", COMPARED, [row.cells() for row in compared], notes), compared
