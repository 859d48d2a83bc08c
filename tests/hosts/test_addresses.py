"""Addresses handed out: Weave's own first steps, subnets, restarts, hosts that die for good or were away for long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_commands import Weave
from tests.hosts.test_names import DNS
from tests.hosts.test_network import joined
from tests.hosts.test_survival import LongPing
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


@pytest.mark.long
def test_the_sessions_of_weaves_documentation_end_as_they_do_there(clean: Sandbox) -> None:
    one, two = (Host(clean, name, unix=True) for name in ("host1", "host2"))
    afar, here, there = Weave(one, local=False), Weave(one, local=True), Weave(two, local=True)
    # a range, and within it what those get who name no subnet
    flags = ("--ipalloc-range", "10.2.0.0/16", "--ipalloc-default-subnet", "10.2.3.0/24")
    joined(one, two, flags=flags)
    one.weave("prime")
    one.start("a1", "--network none")
    two.start("a2", "--network none")
    a1, a2 = afar("attach a1").strip(), there("attach a2").strip()
    assert {subnet_of(a1), subnet_of(a2)} == {"10.2.3"}
    assert one.pings("a1", a2)
    # another subnet: those inside reach each other, and nobody of the default one
    one.start("b1", "--network none")
    two.start("b2", "--network none")
    b1, b2 = here("attach net:10.2.2.0/24 b1").strip(), there("attach net:10.2.2.0/24 b2").strip()
    assert {subnet_of(b1), subnet_of(b2)} == {"10.2.2"}
    assert one.pings("b1", b2)
    assert not one.pings("b1", a2, count=1, wait=1)
    # in both, and with an address that somebody chose out of the range
    one.start("c1", "--network none")
    mixed = afar("attach net:default net:10.2.2.0/24 ip:10.9.1.1/24 c1").split()
    assert list(map(subnet_of, mixed)) == ["10.2.3", "10.2.2", "10.9.1"]
    assert two.pings("a2", mixed[0])
    assert two.pings("b2", mixed[1])
    assert here("attach net:default c1").split() == mixed[:1], "who has one there gets no second one"
    # a container that starts again has them again; what one gives back nobody gets at once
    one.shell("docker restart -t 0 c1")
    assert eventually(lambda: [cidr.partition("/")[0] for cidr in address(one, "c1")] == mixed)
    assert afar("detach net:default c1").split() == mixed[:1]
    one.shell("docker rm -f c1")
    one.start("c2", "--network none")
    assert not {*here("attach net:default net:10.2.2.0/24 c2").split()} & {*mixed}
    # the host itself, in one subnet and in the other
    exposed = afar("expose net:default net:10.2.2.0/24").split()
    for ip in (a1, b1):
        one.shell(f"ping -q -c 1 -W 5 {ip}")
    assert here("hide net:10.2.2.0/24").split() == exposed[1:]
    assert afar("hide").split() == exposed[:1]
    # what can't be had, and why
    afar.refuses("attach net:10.3.0.0/24 c2", "10.3.0.0/24 is not within 10.2.0.0/16")
    here.refuses("attach net:10.2.2.0/31 c2", "10.2.2.0/31 is too small to hand out addresses of")
    afar.refuses(f"attach ip:{a2}/24 c2", f"{a2} is owned by other peer")


def subnet_of(ip: str) -> str:
    """Return the first three numbers of an address."""
    return ip.rpartition(".")[0]


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


@pytest.mark.long
@pytest.mark.not_podman(reason="its networks have no such plugins")
def test_a_host_away_for_long_loses_its_addresses_and_no_frame_of_theirs_passes(clean: Sandbox) -> None:
    one, two, three = (Host(clean, name, unix=True) for name in ("host1", "host2", "host3"))
    joined(one, two, three, flags=("--ipalloc-reclaim", "10s"))
    addresses = [run(host, f"c{number}")[0] for number, host in enumerate((one, two, three), 1)]
    _, second, third = (cidr.partition("/")[0] for cidr in addresses)
    exposed = three.weave("expose").strip()
    three.start("e3", "--network weave")
    docker_gave = address(three, "e3")[0]
    name = three.weave("report", "-f", "{{.Router.Name}}").strip()
    mac = three.inside("c3", "cat /sys/class/net/ethwe/address").strip()
    between_others = LongPing(one, second, "c1")
    three.shell("docker kill weave")
    with sniffed(two, mac) as seen:
        assert three.pings("c3", second), "its kernel goes on without its router"
    assert seen != ["0"]
    assert eventually(lambda: name not in one.weave("status", "ipam") + two.weave("status", "ipam"), seconds=60)
    with sniffed(two, mac) as seen:
        assert not three.pings("c3", second, count=3, wait=1)
        # others have its addresses now, and are reached by them while the former owners come back
        theirs = [f"{third}/12", f"{exposed}/12", docker_gave]
        assert sorted(run(one, "c4", *(f"ip:{cidr}" for cidr in theirs))) == sorted(theirs)
        assert two.pings("c2", third)
        three.shell("docker start weave")
        assert eventually(lambda: not address(three, "c3"), seconds=40)
        assert eventually(lambda: f"{third} was taken from " in three.shell("docker logs weave 2>&1"))
        assert eventually(lambda: exposed not in three.shell("ip addr show dev weave"))
        # what Docker gave, Docker alone can take away; until then the host is apart
        assert eventually(lambda: "docker network disconnect" in three.shell("docker logs weave 2>&1"))
        assert two.pings("c2", third)
        assert not three.pings("e3", second, count=1, wait=1)
        three.shell("docker network disconnect weave e3")
    assert seen == ["0"]
    assert between_others.lost() == 0
    # and it is one of them again
    three.shell("docker rm -f e3")
    again = run(three, "c5")[0].partition("/")[0]
    assert eventually(lambda: two.pings("c2", again))
    assert eventually(lambda: one.pings("c1", again))
