"""What a container, a neighbour on the LAN and a user of the host reach, tried from there.

docs/firewall.md says so in a table, each line with the test that tries it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.net.kernel import Space, cidrs
from tests.net.yard import Yard, hears, reaches
from weave_http.net.expose import expose
from weave_http.net.rules import Guard

PROJECT = Path(__file__).parents[2]
PEERS, DATA, OTHER, API, METRICS = 6783, 6784, 7777, 6784, 6782
HOST, NEIGHBOUR = "192.0.2.1", "192.0.2.9"
EXPOSED = "10.2.1.254"


@pytest.fixture
def yard(host: Space, spaces: Callable[[], Space]) -> Yard:
    """As it is while a router runs."""
    yard = Yard(host, spaces)
    for name in ("all", "default", "weave"):
        host.run(f"echo 0 > /proc/sys/net/ipv4/conf/{name}/rp_filter")
    _look(yard)
    return yard


def _look(yard: Yard, *exposed: str) -> None:
    yard.host.call(expose, lambda: dict.fromkeys(cidrs(*exposed), True), guard=Guard(PEERS, (API, METRICS), "docker0"))


def test_containers_of_one_subnet_reach_each_other_and_no_other_subnet(yard: Yard, spaces: Callable[[], Space]) -> None:
    near = yard.plugged(spaces(), "weave", "10.2.1.2/24", EXPOSED)
    assert reaches(yard.inside, "10.2.1.2")
    assert hears(near, "10.2.1.2", PEERS, yard.inside, "tcp"), "on any port, those of the router's too"
    assert not reaches(yard.inside, "10.2.2.1")


def test_subnets_are_one_ethernet(yard: Yard) -> None:
    yard.inside.run("ip addr add 10.2.2.9/24 dev c0")
    assert reaches(yard.inside, "10.2.2.1"), "who may give himself an address reaches its subnet"


def test_a_container_reaches_the_host_only_if_its_subnet_is_exposed(yard: Yard) -> None:
    # It may well know the host's addresses, and say that they are at the end of its cable: the kernel answers for all.
    yard.inside.run(f"ip route add {HOST} dev c0; ip route add 172.17.0.1 dev c0")
    for address in (HOST, "172.17.0.1"):
        assert not hears(yard.host, address, OTHER, yard.inside), "not even in one direction"
    assert not hears(yard.host, HOST, OTHER, yard.inside, "tcp")
    _look(yard, f"{EXPOSED}/24")
    assert hears(yard.host, EXPOSED, OTHER, yard.inside, "tcp")
    assert hears(yard.host, HOST, OTHER, yard.inside)
    assert not hears(yard.host, EXPOSED, OTHER, yard.other), "another subnet's container does not"


def test_an_address_that_somebody_gave_the_bridge_by_hand_opens_nothing(yard: Yard) -> None:
    yard.host.run(f"ip addr add {EXPOSED}/24 dev weave")
    assert not hears(yard.host, EXPOSED, OTHER, yard.inside, "tcp")
    assert hears(yard.inside, "10.2.1.1", OTHER, yard.host, "tcp"), "the host itself gets out, and its answers in"


@pytest.mark.parametrize("exposed", [(), (f"{EXPOSED}/24",)], ids=["hidden", "exposed"])
def test_no_container_reaches_the_ports_of_any_router_whatever_its_bridge_is_called(
    yard: Yard, exposed: tuple[str, ...]
) -> None:
    _look(yard, *exposed)
    for container, gateway in ((yard.docker, "172.17.0.1"), (yard.mine, "172.30.0.1"), (yard.inside, EXPOSED)):
        for address in (gateway, HOST):
            assert not hears(yard.host, address, PEERS, container, "tcp"), (gateway, address)
            assert not hears(yard.host, address, DATA, container), (gateway, address)
        # With its host's address it would be a peer to another host.
        assert not hears(yard.lan, NEIGHBOUR, PEERS, container, "tcp"), gateway
        assert not hears(yard.lan, NEIGHBOUR, DATA, container), gateway
        if container is not yard.inside or exposed:
            assert hears(yard.lan, NEIGHBOUR, OTHER, container, "tcp"), "elsewhere it gets as ever"


def test_containers_of_the_engines_networks_use_the_routers_ports_among_themselves(
    yard: Yard, spaces: Callable[[], Space]
) -> None:
    second = yard.plugged(spaces(), "docker0", "172.17.0.3/16", "172.17.0.1")
    assert hears(second, "172.17.0.3", PEERS, yard.docker, "tcp")


def test_containers_of_the_engines_networks_reach_no_container_on_the_network(yard: Yard) -> None:
    _look(yard, f"{EXPOSED}/24")
    for container in (yard.docker, yard.mine):
        assert not reaches(container, "10.2.1.1")
        assert not hears(yard.inside, "10.2.1.1", OTHER, container)


def test_a_neighbour_on_the_lan_reaches_the_routers_ports_but_not_its_api(yard: Yard) -> None:
    assert hears(yard.host, HOST, PEERS, yard.lan, "tcp")
    assert hears(yard.host, HOST, DATA, yard.lan)
    yard.host.run("echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet")
    yard.lan.run("echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ip route add 127.0.0.9 via 192.0.2.1")
    assert hears(yard.host, "127.0.0.9", OTHER, yard.lan), "as far as the host's own settings go"
    assert not hears(yard.host, "127.0.0.9", API, yard.lan, "tcp")
    assert not hears(yard.host, "127.0.0.9", METRICS, yard.lan, "tcp")


def test_a_neighbour_on_the_lan_reaches_containers_only_of_exposed_subnets(yard: Yard) -> None:
    assert not reaches(yard.lan, "10.2.1.1")
    _look(yard, f"{EXPOSED}/24")
    assert reaches(yard.lan, "10.2.1.1")
    assert not reaches(yard.lan, "10.2.2.1")


def test_a_neighbour_on_the_lan_reaches_no_container_by_ipv6(yard: Yard) -> None:
    yard.host.run("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; ip addr add 2001:db8::1/64 dev eth0 nodad")
    yard.lan.run("ip addr add 2001:db8::9/64 dev c0 nodad; ip route add fd00::/64 via 2001:db8::1")
    yard.inside.run("ip addr add fd00::1/64 dev c0 nodad; ip route add default via fe80::1 dev c0")
    assert reaches(yard.lan, "2001:db8::1")
    yard.host.run("ip route add fd00::/64 dev weave || true")
    assert not reaches(yard.lan, "fd00::1")


def test_every_user_of_the_host_reaches_the_api_and_what_is_exposed(yard: Yard) -> None:
    program = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.5)"
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", program]

    def connects(at: Space, address: str, port: int) -> bool:
        script = (
            f"import socket, time; s = socket.create_server(('0.0.0.0', {port})); print(flush=True); time.sleep(20)"
        )
        server = at.call(subprocess.Popen, [sys.executable, "-c", script], stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            server.stdout.readline()
            done = yard.host.call(
                subprocess.run,
                [*nobody, address, str(port)],
                capture_output=True,
                check=False,
                timeout=10,
            )
            return done.returncode == 0
        finally:
            server.kill()
            server.communicate()

    assert connects(yard.host, "127.0.0.1", API)
    assert not connects(yard.inside, "10.2.1.1", OTHER)
    _look(yard, f"{EXPOSED}/24")
    assert connects(yard.inside, "10.2.1.1", OTHER)


def test_every_line_of_the_document_names_a_test_that_there_is() -> None:
    text = (PROJECT / "docs" / "firewall.md").read_text()
    section = text.partition("## Who reaches what")[2].partition("\n## ")[0]
    lines = [
        line for line in section.splitlines() if line.startswith("| ") and not line.startswith(("| from", "| ---"))
    ]
    assert len(lines) > 12
    sources = "".join(
        path.read_text() for folder in ("net", "hosts") for path in (PROJECT / "tests" / folder).glob("*.py")
    )
    for line in lines:
        named = re.findall(r"`(test_\w+)`", line)
        assert named, line
        assert all(f"def {name}(" in sources for name in named), line
