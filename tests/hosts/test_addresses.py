"""Addresses handed out: Weave's own first steps, subnets, restarts, hosts that die for good or were away for long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_names import DNS
from tests.hosts.test_network import joined
from weave_http.sandbox import Sandbox

pytestmark = pytest.mark.hosts


def address(host: Host, name: str) -> list[str]:
    """The addresses of a container, in CIDR notation."""
    return host.weave("ps", name).split()[2:]


def run(host: Host, name: str, *wanted: str) -> list[str]:
    """Run a container with `weave run`, and return its addresses."""
    words = ("--name", name, "--hostname", f"{name}.weave.local", *DNS, GUEST, "sleep", "3600")
    host.weave("run", *wanted, *words)
    return address(host, name)


def test_containers_get_addresses_reach_each_other_by_name_and_keep_them(trio: list[Host]) -> None:
    one, two, _ = trio
    joined(one, two)
    a1 = run(one, "a1")
    b1 = run(two, "b1")
    assert a1 == ["10.32.0.1/12"]
    assert len(b1) == 1
    assert b1 != a1
    assert b1[0].endswith("/12")
    assert eventually(lambda: one.try_shell("docker exec a1 ping -c1 -W2 b1").returncode == 0, seconds=20)
    # subnets, given addresses, and both
    mixed = run(one, "mixed", "net:default", "net:10.32.2.0/24", "ip:10.32.3.1/24")
    assert len(mixed) == 3
    assert mixed[2] == "10.32.3.1/24"
    assert mixed[1].startswith("10.32.2.")
    refused = two.try_weave("run", "ip:10.32.3.1/24", "--name", "twice", GUEST, "sleep", "9")
    assert refused.returncode == 1
    assert "10.32.3.1 is owned by other peer" in refused.stderr
    # an address survives the restart of the container, and of the router
    one.shell("docker restart -t 0 mixed")
    assert eventually(lambda: address(one, "mixed") == mixed, seconds=20)
    one.weave("stop")
    one.weave("launch", "--resume")
    assert address(one, "mixed") == mixed
    assert run(one, "a2") not in (a1, b1)
    assert "active)" in one.weave("status", "ipam")
    # what is given back rests, so the next one gets another
    one.weave("detach", "a1")
    assert run(one, "a3") != a1
    exposed = one.weave("expose").split()
    assert len(exposed) == 1
    assert one.weave("hide").split() == exposed


def test_the_share_of_a_host_that_died_for_good_comes_back(trio: list[Host]) -> None:
    one, two, three = trio
    joined(one, two, three)
    for number, host in enumerate(trio):
        run(host, f"c{number}")
    name = three.weave("report", "-f", "{{.Router.Name}}").strip()
    assert eventually(lambda: name in one.weave("status", "ipam"), seconds=20)
    three.shell("docker kill weave")
    assert eventually(lambda: "unreachable!" in two.weave("status", "ipam"), seconds=60)
    said = two.weave("rmpeer", name)
    assert said.endswith(f"IPs taken over from {name}\n")
    assert not said.startswith("0 ")
    assert name not in two.weave("status", "ipam")
    assert run(two, "c3")
    assert run(one, "c4")


SNIFF = """
import os, socket, sys
device = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
device.bind(("vxlan-6784", 0))
device.settimeout(0.2)
seen = 0
while not os.path.exists(sys.argv[2]):
    try:
        seen += device.recv(2048)[6:12].hex(":") == sys.argv[1]
    except OSError:
        pass
print(seen)
"""
"""Counts the frames of a MAC that come from other hosts, until there is a file."""


@contextmanager
def sniffed(host: Host, mac: str) -> Iterator[list[str]]:
    """Count the frames of a MAC that come from other hosts meanwhile; the list has the number at the end."""
    seen: list[str] = []
    folder = host.shell("mktemp -d").strip()
    host.shell(f"python3 -c '{SNIFF}' {mac} {folder}/stop > {folder}/seen 2>&1 &")
    yield seen
    host.shell(f"touch {folder}/stop")
    assert eventually(lambda: bool(host.shell(f"cat {folder}/seen")))
    seen.append(host.shell(f"cat {folder}/seen && rm -r {folder}").strip())


def test_a_host_away_for_long_loses_its_addresses_and_no_frame_of_theirs_passes(clean: Sandbox) -> None:
    one, two, three = (Host(clean, name, unix=True) for name in ("host1", "host2", "host3"))
    joined(one, two, three, flags=("--ipalloc-reclaim", "10s"))
    addresses = [run(host, f"c{number}")[0] for number, host in enumerate((one, two, three), 1)]
    _, second, third = (cidr.partition("/")[0] for cidr in addresses)
    name = three.weave("report", "-f", "{{.Router.Name}}").strip()
    mac = three.inside("c3", "cat /sys/class/net/ethwe/address").strip()
    three.shell("docker kill weave")
    with sniffed(two, mac) as seen:
        assert three.pings("c3", second), "its kernel goes on without its router"
    assert seen != ["0"]
    assert eventually(lambda: name not in one.weave("status", "ipam") + two.weave("status", "ipam"), seconds=60)
    with sniffed(two, mac) as seen:
        assert not three.pings("c3", second, count=3, wait=1)
        # somebody else has the address now, and is reached by it while the former owner comes back
        assert run(one, "c4", f"ip:{third}/12") == [f"{third}/12"]
        assert two.pings("c2", third)
        three.shell("docker start weave")
        assert eventually(lambda: not address(three, "c3"), seconds=40)
        assert eventually(lambda: f"{third} was taken from " in three.shell("docker logs weave 2>&1"))
        assert two.pings("c2", third)
    assert seen == ["0"]
    # and it is one of them again
    again = run(three, "c5")[0].partition("/")[0]
    assert eventually(lambda: two.pings("c2", again))
    assert eventually(lambda: one.pings("c1", again))
