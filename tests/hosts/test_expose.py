"""`weave expose`: the host on the network, its subnet's way out, and nobody else's way in."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.hosts.conftest import NAMES, swept, without_containers
from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_network import AGAIN, joined, meshed
from weave_http.sandbox import Sandbox

EXPOSED = "10.2.1.254/24"


def host_pings(host: Host, address: str) -> bool:
    """Tell whether the host itself gets an answer."""
    return " 0% packet loss" in host.try_shell(f"ping -q -c 1 -W 1 {address}").stdout


def exposed(host: Host) -> list[str]:
    """Return the host's addresses on the network, as `weave ps` shows them."""
    return host.weave("ps", "weave:expose").split()[2:]


def rules(host: Host) -> list[str]:
    """Return all of our rules, in either rule set."""
    saved = host.shell("iptables-nft-save 2>/dev/null; iptables-legacy-save 2>/dev/null || true")
    return [line for line in saved.splitlines() if line.startswith("-A") and "WEAVE" in line]


def remembered(host: Host) -> dict[str, Any]:
    """Return what the router says is exposed."""
    answer: dict[str, Any] = json.loads(host.shell("curl -s http://127.0.0.1:6784/expose"))
    return answer


@pytest.fixture(scope="module")
def meshed_trio(kept: Sandbox) -> list[Host]:
    """Three hosts, two of them with Weave, for the tests that change nothing of that."""
    hosts = [Host(kept, name) for name in NAMES]
    joined(*hosts[:2])
    return hosts


@pytest.fixture
def trio(meshed_trio: list[Host]) -> Iterator[list[Host]]:
    """Those hosts; what a test exposes is hidden, and its containers are gone afterwards."""
    yield meshed_trio
    one = meshed_trio[0]
    if mine := exposed(one):
        one.weave("hide", *mine)
    without_containers(*meshed_trio)


def test_a_host_reaches_containers_everywhere_and_hides_again(trio: list[Host]) -> None:
    one, two, _ = trio
    two.weave("run", "10.2.1.2/24", "--name", "far", GUEST, "sleep", "3600")
    assert not host_pings(one, "10.2.1.2")
    for _ in range(2):
        done = one.try_weave("expose", EXPOSED, "10.2.7.254/24")
        assert (done.returncode, done.stdout, done.stderr) == (0, "10.2.1.254 10.2.7.254\n", "")
    assert re.fullmatch(r"weave:expose [0-9a-f:]{17} 10.2.1.254/24 10.2.7.254/24\n", one.weave("ps", "weave:expose"))
    assert host_pings(one, "10.2.1.2")
    assert two.pings("far", "10.2.1.254")
    assert one.weave("hide", "10.2.7.254/24") == "10.2.7.254\n"
    assert exposed(one) == [EXPOSED]
    assert one.weave("hide", EXPOSED) == "10.2.1.254\n"
    assert not host_pings(one, "10.2.1.2")
    assert not any("10.2." in rule for rule in rules(one))


def test_an_exposed_subnet_gets_out_and_the_rest_stays_apart(trio: list[Host]) -> None:
    one, two, three = trio
    for host, name, cidr in ((one, "near", "10.2.1.1/24"), (two, "far", "10.2.1.2/24"), (one, "other", "10.2.2.1/24")):
        host.start(name, "--network none")
        host.weave("attach", cidr, name)
    one.start("plain")  # for a container that needs it Podman has the host forward packets
    one.weave("expose", EXPOSED)
    for host, name, gateway in ((one, "near", "10.2.1.254"), (two, "far", "10.2.1.254"), (one, "other", "10.2.2.254")):
        pid = host.shell(f"docker inspect -f '{{{{.State.Pid}}}}' {name}").strip()
        host.shell(f"nsenter -t {pid} -n ip route add default via {gateway} dev ethwe onlink")
    assert one.pings("near", three.address), "out, with the host's address"
    assert two.pings("far", three.address), "a container of another host, by this one's address"
    assert not one.pings("other", three.address, count=1, wait=1), "another subnet does not"
    three.shell(f"ip route add 10.2.1.0/24 via {one.address}; ip route add 10.2.2.0/24 via {one.address}")
    try:
        assert host_pings(three, "10.2.1.1"), "who routes through the host gets in"
        assert host_pings(three, "10.2.1.2")
        assert not host_pings(three, "10.2.2.1")
    finally:
        three.shell("ip route del 10.2.1.0/24; ip route del 10.2.2.0/24")
    # Docker's own containers are kept out, on whatever network of the engine's; also right after dockerd came up.
    one.shell("docker network create lonely >/dev/null")
    try:
        one.start("custom", "--network lonely")
        bridges = set(one.shell("ip -o link show type bridge | awk -F ': ' '{print $2}'").split()) - {"weave"}
        assert len(bridges - {"docker_gwbridge"}) == 2, "that is there where a plugin had networks"
        kept_out = {f"-A WEAVE-FORWARD -i {bridge} -o weave -j DROP" for bridge in bridges}
        assert eventually(lambda: kept_out <= set(rules(one)), seconds=10)
        for name in ("plain", "custom"):
            assert one.pings(name, three.address), "they do get out as ever"
            for address in ("10.2.1.1", "10.2.1.2"):
                assert not one.pings(name, address, count=1, wait=1), (name, address)
            for port in (6783, 6784):
                done = one.try_shell(f"docker exec {name} nc -w 1 10.2.1.254 {port} </dev/null")
                assert done.returncode != 0, (name, port)
    finally:
        one.shell("docker rm -f custom; docker network rm lonely")


def test_it_survives_the_router_the_engine_the_firewall_and_the_host(trio: list[Host]) -> None:
    one, two, _ = trio
    two.weave("run", "10.2.1.2/24", "--name", "far", GUEST, "sleep", "3600")
    addresses = ["10.2.1.1/24", "10.2.3.1/16", "10.2.1.11/24"]  # in the kernel's order: second ones of a subnet last
    one.weave("run", *addresses, "--name", "near", "--restart", "always", GUEST, "sleep", "3600")
    one.weave("run", "10.2.1.3/24", "--name", "once", GUEST, "sleep", "3600")
    one.weave("expose", EXPOSED)
    one.weave("expose", "--without-masquerade", "10.2.8.254/24")
    ours = rules(one)

    def well() -> bool:
        return (
            exposed(one) == [EXPOSED, "10.2.8.254/24"]
            and rules(one) == ours
            and one.weave("ps", "near").split()[2:] == addresses
            and host_pings(one, "10.2.1.2")
            and two.pings("far", "10.2.1.1", count=1, wait=1)
        )

    assert well()
    before = one.router_pid()
    one.kill_router()
    assert eventually(lambda: one.router_pid() not in ("0", before), seconds=30)
    assert eventually(well, seconds=20)
    for flush in ("iptables -F; iptables -X", "iptables -t nat -F WEAVE", "iptables -D FORWARD -j WEAVE-FORWARD"):
        one.shell(f"{flush} || true")
        began = time.monotonic()
        assert eventually(lambda: rules(one) == ours, seconds=10), flush
        print(f"after '{flush}' the rules were back in {time.monotonic() - began:.1f} s")
    one.sandbox.engine_restart(one.name)
    assert eventually(lambda: meshed(one, 1), seconds=AGAIN)
    assert eventually(well, seconds=30)
    one.sandbox.reboot(one.name)
    assert eventually(lambda: meshed(one, 1), seconds=AGAIN)
    assert eventually(well, seconds=60), (exposed(one), one.weave("ps"))
    assert remembered(one)["10.2.8.254/24"]["masquerade"] is False
    # One without a restart policy is down after a reboot; it comes back as it was when it is started.
    one.shell("docker start once")
    assert eventually(lambda: one.weave("ps", "once").split()[2:] == ["10.2.1.3/24"])
    one.weave("hide", EXPOSED)
    one.shell("docker restart -t 1 weave >/dev/null")
    assert eventually(lambda: meshed(one, 1), seconds=AGAIN)
    assert exposed(one) == ["10.2.8.254/24"]


def test_without_a_router_it_works_and_a_later_router_keeps_it(host: Host) -> None:
    assert swept(host.sandbox, host.name) == {}, "the others of this file have one"
    assert host.weave("expose", EXPOSED) == "10.2.1.254\n"
    assert exposed(host) == [EXPOSED]
    host.weave("launch")
    assert eventually(lambda: list(remembered(host)) == [EXPOSED])
    host.weave("stop")
    host.weave("hide", EXPOSED)
    host.weave("launch")
    assert (exposed(host), remembered(host)) == ([], {})


def test_words_and_addresses_that_make_no_sense_are_one_line(host: Host) -> None:
    for words in (["expose"], ["expose", "10.2.1.1/33"], ["expose", EXPOSED, "-h"], ["hide", "x"], ["hide"]):
        done = host.try_weave(*words)
        assert (done.returncode, done.stdout) != (0, ""), words
        assert done.stderr.strip(), words
    taken = host.shell("ip -4 -o addr show dev eth0 | awk '{print $4}'").strip()
    done = host.try_weave("expose", re.sub(r"\d+/", "77/", taken))
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith("WARNING: ")
