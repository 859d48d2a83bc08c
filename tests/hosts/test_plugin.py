"""Docker's own `docker network` and `docker run --net weave`: the network of `weave attach`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from signal import SIGKILL, SIGTERM

import pytest

from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_firewall import answered, pid_of
from tests.hosts.test_names import DNS
from tests.hosts.test_network import AGAIN, joined, meshed
from tests.patience import PATIENCE
from weave_http.net import ingress
from weave_http.sandbox import Sandbox

pytestmark = pytest.mark.not_podman(reason="its networks have no such plugins")
ENDS = "sh -c 'trap \"exit 0\" TERM; while :; do sleep 1; done'"
"""A program that ends when it is told to; otherwise an engine waits ten seconds for it."""
BACK = 10.0
"""Seconds after which containers are on the network again once the engine is up."""
WAITS = "Unable to locate plugin", "Unable to connect to plugin"
"""What an engine that waits for a plugin writes into its log, each time."""


@pytest.fixture(scope="module")
def launched(kept: Sandbox) -> Iterator[tuple[Host, Host]]:
    """Two hosts with routers, for all tests of this file but one; containers are off their networks before they go."""
    one, two = (Host(kept, name, unix=True) for name in ("host1", "host2"))
    joined(one, two)
    yield one, two
    for host in (one, two):
        ended(host)


def ended(host: Host) -> None:
    """Take containers off the networks of a host, and then these from it."""
    no_containers(host)
    host.weave("reset")


def no_containers(host: Host) -> None:
    host.shell("docker ps -aq --filter label=test | xargs -r docker rm -f >/dev/null")


@pytest.fixture
def plugged(launched: tuple[Host, Host]) -> Iterator[tuple[Host, Host]]:
    """Those hosts, once they are connected again; before and after they have the network `weave` alone, empty."""
    for host in launched:
        assert eventually(lambda host=host: meshed(host, 1), seconds=AGAIN)  # type: ignore[misc]
    yield launched
    for host in launched:
        no_containers(host)
    for name in networks(launched[0]) - {"weave"}:
        launched[0].shell(f"docker network rm {name}")
    for host in launched:
        assert eventually(lambda host=host: networks(host) <= {"weave"})  # type: ignore[misc]


RANGES = ("--ipalloc-range", "10.32.0.0/16,fd00:32::/48")
PARTS = ("--ipalloc-default-subnet", "10.32.0.0/17,fd00:32::/64")
"""Parts of the ranges, so that a container can be on `weave` and on a further network."""


@pytest.fixture
def both(launched: tuple[Host, Host]) -> Iterator[tuple[Host, Host]]:
    """The two hosts, with addresses of both versions of IP meanwhile."""
    for host in launched:
        ended(host)
    joined(*launched, flags=(*RANGES, *PARTS))
    yield launched
    for host in launched:
        ended(host)
    joined(*launched)


def run(host: Host, name: str, *options: str, net: str = "weave") -> str:
    """Run a container on a network, and return its address there."""
    host.start(name, "--label test", f"--net {net}", *options, command=ENDS)
    return address(host, name, net)


def address(host: Host, name: str, net: str = "weave", *, field: str = "IPAddress") -> str:
    """Return a container's address on a network, as the engine says it."""
    form = f'{{{{(index .NetworkSettings.Networks "{net}").{field}}}}}'
    return host.shell(f"docker inspect -f '{form}' {name}").strip()


def test_containers_of_docker_and_of_attach_are_on_one_network(plugged: tuple[Host, Host]) -> None:
    one, two = plugged
    here = run(one, "box", "--network-alias web", *DNS)
    there = run(two, "peer", "--ip 10.40.0.9", *DNS)
    two.start("plain", "--label test")
    attached = two.weave("attach", "plain").strip()
    assert there == "10.40.0.9"
    assert len({here, there, attached}) == 3
    assert [line.split()[2].partition("/")[0] for line in two.weave("ps", "peer", "plain").splitlines()] == [
        there,
        attached,
    ]
    assert one.pings("box", there)
    assert one.pings("box", attached)
    assert two.pings("plain", here)
    assert two.pings("plain", there)
    # one DNS: names and aliases of all hosts
    assert eventually(lambda: two.try_shell("docker exec peer ping -c 1 -W 2 web").returncode == 0)
    assert eventually(lambda: one.try_shell("docker exec box ping -c 1 -W 2 peer.weave.local").returncode == 0)
    # no address twice, whoever has it
    taken = two.try_shell(f"docker run --rm --label test --net weave --ip {attached} {GUEST} true")
    assert f"weave: {attached} is already owned" in taken.stderr
    elsewhere = one.try_shell(f"docker run --rm --label test --net weave --ip {there} {GUEST} true")
    assert "weave: 10.40.0.9 is owned by other peer" in elsewhere.stderr
    refused = two.try_weave("attach", f"{there}/12", "plain")
    assert "10.40.0.9 is already owned" in refused.stderr
    # a container comes and goes while it runs, and its names with it
    one.shell("docker network disconnect weave box")
    assert not one.pings("box", there, count=1, wait=1)
    assert eventually(lambda: "web" not in two.weave("status", "dns"))
    one.shell("docker network connect --alias again weave box")
    assert one.pings("box", there)
    assert eventually(lambda: "again" in two.weave("status", "dns"))
    six = one.try_shell("docker network create -d weave --ipam-driver weavemesh --ipv6 --subnet fd00:7::/64 six")
    assert "weave: no addresses of IPv6 are handed out; launch all hosts with a range of both" in six.stderr
    assert six.returncode != 0
    assert six.stderr.count("\n") == 1
    other = one.try_shell("docker network create -d weave other")
    assert "weave: each engine would hand out the addresses" in other.stderr
    assert other.returncode != 0


def create(host: Host, name: str, *options: str) -> None:
    """Make a further network by Docker's own command."""
    host.shell(f"docker network create -d weave --ipam-driver weavemesh {' '.join(options)} {name}")


WAYS_OUT = ("--gateway 10.32.201.254", "--gateway fd00:32:0:8::fe")


def networks(host: Host) -> set[str]:
    """Return the names of the Docker networks of ours that a host has."""
    return set(host.shell("docker network ls --filter driver=weave --format '{{.Name}}'").split())


def received(host: Host, container: str) -> str:
    """Return how many packets came to a container's interface so far."""
    return host.inside(container, "cat /sys/class/net/ethwe0/statistics/rx_packets")


def test_an_endpoint_is_held_to_its_address_again_after_the_rules_were_flushed(plugged: tuple[Host, Host]) -> None:
    one, two = plugged
    one.weave("stop")
    one.weave("launch", "--enforce", two.address)
    here, there = run(one, "box"), run(two, "peer")
    assert eventually(lambda: answered(one, "box", here, there))
    one.shell(f"nsenter -t {pid_of(one, 'box')} -n ip addr add 10.40.0.77/12 dev ethwe0")
    assert not answered(one, "box", "10.40.0.77", there)
    one.in_its_network(ingress.remove)
    assert eventually(lambda: "what it sends is not looked at" in one.shell("docker logs --tail 5 weave 2>&1"))
    assert eventually(lambda: not answered(one, "box", "10.40.0.77", there))
    assert answered(one, "box", here, there)
    one.weave("stop")
    one.weave("launch", two.address)


def test_further_networks_are_on_all_hosts_and_apart_in_the_kernel(plugged: tuple[Host, Host]) -> None:
    one, two = plugged
    create(one, "red", "--subnet 10.40.1.0/24 --ip-range 10.40.1.128/25")
    create(two, "blue", "--subnet 10.40.1.0/24 --internal")
    create(two, "green")
    create(two, "yellow", "--subnet 10.40.3.0/24 --gateway 10.40.3.254")
    everywhere = {"weave", "red", "blue", "green", "yellow"}
    assert eventually(lambda: all(networks(host) == everywhere for host in plugged))
    assert eventually(lambda: one.weave("status", "networks") == two.weave("status", "networks"))
    assert eventually(lambda: one.weave("status", "networks").count(" on host1, host2\n") == 4)
    # the same network on both hosts, another one in the same subnet, and not a frame between them
    here = run(one, "box", *DNS, net="red")
    there = run(two, "peer", *DNS, net="red")
    other = run(two, "stranger", "--ip 10.40.1.9", net="blue")
    assert (here[:8], there[:8], other) == ("10.40.1.", "10.40.1.", "10.40.1.9")
    assert min(int(each.rpartition(".")[2]) for each in (here, there)) >= 128
    assert one.pings("box", there)
    before = received(two, "stranger")
    assert not one.pings("box", other, count=1, wait=1)
    assert not two.pings("peer", other, count=1, wait=1)
    assert received(two, "stranger") == before
    taken = one.try_shell(f"docker run --rm --label test --net red --ip {there} {GUEST} true")
    assert f"weave: {there} is owned by other peer" in taken.stderr
    routed = one.shell(f"docker run --rm --label test --net yellow {GUEST} ip route")
    assert "default via 10.40.3.254 " in routed
    assert "default" not in two.inside("stranger", "ip route")
    # one DNS; which network is meant can be said
    assert eventually(lambda: one.try_shell("docker exec box ping -c 1 -W 2 peer.red.weave.local").returncode == 0)
    # a container is on a second network while it runs
    far = run(two, "far", net="green")
    assert not one.pings("box", far, count=1, wait=1)
    one.shell("docker network connect green box")
    assert one.pings("box", far)
    assert one.pings("box", there)
    one.shell("docker network disconnect green box")
    assert not one.pings("box", far, count=1, wait=1)
    # a router that starts again interrupts nothing
    one.kill_router()
    assert one.pings("box", there)
    shown: dict[str, str] = {}

    def alike() -> bool:
        shown.update({host.name: host.try_weave("status", "networks").stdout for host in plugged})
        return len({*shown.values()}) == 1

    # A router that went away several times in a minute is dialled again after up to a minute.
    assert eventually(alike, seconds=90), shown
    assert one.pings("box", there)


@pytest.mark.long
def test_networks_of_both_versions_of_ip_hand_out_reach_and_name_both(both: tuple[Host, Host]) -> None:
    one, two = both

    def six(host: Host, name: str, net: str = "weave") -> str:
        return address(host, name, net, field="GlobalIPv6Address")

    def reach(host: Host, name: str, target: str, *, count: int = 2) -> bool:
        return host.pings(name, f"-6 {target}", count=count)

    form = "'{{.EnableIPv6}}{{range .IPAM.Config}} {{.Subnet}}{{end}}'"
    assert one.shell(f"docker network inspect -f {form} weave") == "true 10.32.0.0/17 fd00:32::/64\n"
    run(one, "box", *DNS)
    there = run(two, "peer", "--ip6 fd00:32::9")
    two.start("plain", "--label test")
    attached = two.weave("attach", "plain").split()
    assert six(two, "peer") == "fd00:32::9"
    assert two.weave("ps", "peer").split()[2:] == [f"{there}/17", "fd00:32::9/64"]
    for target in ("fd00:32::9", attached[1]):
        assert reach(one, "box", target)
    assert eventually(lambda: reach(one, "box", "peer.weave.local", count=1))
    assert two.inside("peer", "cat /proc/sys/net/ipv6/conf/ethwe0/accept_ra") == "0\n"
    for taken in (six(one, "box"), attached[1]):
        refused = two.try_shell(f"docker run --rm --label test --net weave --ip6 {taken} {GUEST} true")
        assert f"weave: {taken} is " in refused.stderr
        assert refused.returncode != 0
    # further networks: with subnets, with gateways, and with what the router chooses
    create(one, "red", "--ipv6 --subnet 10.32.200.0/24 --subnet fd00:32:0:7::/64 --ip-range fd00:32:0:7::700/120")
    create(two, "yellow", "--ipv6 --subnet 10.32.201.0/24 --subnet fd00:32:0:8::/64", *WAYS_OUT)
    create(two, "green", "--ipv6")
    assert eventually(lambda: all(networks(host) == {"weave", "red", "yellow", "green"} for host in both))
    for line in (
        " 10.32.200.0/24, fd00:32:0:7::/64, ip-range fd00:32:0:7::700/120 on host1, host2\n",
        " 10.32.255.0/24, fd00:32:0:ffff::/64 on host1, host2\n",
    ):  # the engine says that it is there a moment before it is said that it is there
        assert eventually(lambda line=line: line in one.weave("status", "networks")), line  # type: ignore[misc]
    for net, prefix in (("red", "fd00:32:0:7::7"), ("green", "fd00:32:0:ffff::")):
        far = run(two, f"far-{net}", net=net)
        assert six(two, f"far-{net}", net).startswith(prefix)
        assert not reach(one, "box", six(two, f"far-{net}", net), count=1)
        # beside `weave`, whose subnet is a part of the range
        one.shell(f"docker network connect {net} box")
        assert reach(one, "box", six(two, f"far-{net}", net))
        assert one.pings("box", far)
        assert reach(one, "box", "fd00:32::9")
        assert eventually(lambda net=net: reach(one, "box", f"far-{net}.{net}.weave.local", count=1))  # type: ignore[misc]
    assert reach(two, "far-red", six(one, "box", "red"))
    routes = one.shell(f"docker run --rm --label test --net yellow {GUEST} sh -c 'ip route; ip -6 route'")
    assert "default via 10.32.201.254 " in routes
    assert "default via fd00:32:0:8::fe " in routes
    # what a container had comes back with both of its addresses, and goes with it
    one.kill_router()
    assert reach(one, "box", "fd00:32::9")
    two.shell("docker restart -t 0 far-red peer")
    assert eventually(lambda: reach(one, "box", "fd00:32::9", count=1))
    assert six(two, "far-red", "red").startswith("fd00:32:0:7::7")
    two.shell("docker rm -f far-red far-green peer >/dev/null")
    assert eventually(lambda: "far-red" not in one.weave("status", "dns"))
    assert run(two, "next", "--ip6 fd00:32::9")
    outside = one.try_shell("docker network create -d weave --ipam-driver weavemesh --ipv6 --subnet fd00:9::/64 six")
    assert "weave: fd00:9::/64 is not within fd00:32::/48, out of which addresses are handed out" in outside.stderr


def test_a_network_that_is_removed_goes_from_all_hosts_that_do_not_use_it(plugged: tuple[Host, Host]) -> None:
    one, two = plugged
    create(one, "red", "--subnet 10.40.1.0/24")
    assert eventually(lambda: "red" in networks(two))
    run(two, "peer", net="red")
    two.shell("docker stop -t 0 peer")
    one.weave("reset")  # takes it from nobody
    one.weave("launch", two.address)
    assert eventually(lambda: "red" in networks(one))
    one.shell("docker network rm red")
    why = "removed on another host; this one stays as long as containers are on it: peer"
    assert eventually(lambda: why in two.weave("status", "networks"))
    two.shell("docker start peer")
    assert "red" not in networks(one)
    two.shell("docker rm -f peer")
    assert eventually(lambda: "red" not in networks(two))
    assert eventually(lambda: two.weave("status", "networks") == "")
    assert "weave-n" not in two.shell("ip -o link")


def waits(host: Host) -> int:
    """Return how often a host's engine has waited for a plugin."""
    log = (host.sandbox.state_dir / "hosts" / host.name / "dockerd.log").read_text()
    return sum(map(log.count, WAITS))


def soon(up: float, took: float) -> bool:
    """Tell whether it is soon enough after an engine was up; where that itself took long, everything does.

    Args:
        up: when it was, as `time.monotonic` says it.
        took: seconds that its start took.
    """
    return time.monotonic() - up < max(BACK, 3 * took) * PATIENCE


def test_containers_are_back_after_a_restart_of_the_engine_or_the_host(plugged: tuple[Host, Host]) -> None:
    one, two = plugged
    run(one, "box", "--restart always")
    there = run(two, "peer")
    sandbox = one.sandbox
    before = waits(one)
    for signum in (SIGTERM, SIGKILL, None):
        if signum:
            sandbox.engine_stop(one.name, signum)
        stopped = time.monotonic()
        if signum:
            sandbox.engine_start(one.name)
        else:
            sandbox.reboot(one.name)
        up = time.monotonic()
        assert eventually(lambda: one.pings("box", there, count=1, wait=1), seconds=60)
        assert soon(up, up - stopped)
        # An engine waits for a plugin fifteen seconds at least, at its end as at its start.
        assert waits(one) == before


@pytest.fixture
def live_restore(plugged: tuple[Host, Host]) -> Iterator[tuple[Host, Host]]:
    """The two hosts; the first one's engine leaves containers alone when it ends."""
    one, two = plugged
    file = "/etc/docker/daemon.json"

    def have(state: str) -> None:
        one.shell(f"sed -i '1s/.*/{{ \"live-restore\": {state},/' {file}; kill -HUP $(cat /run/docker.pid)")
        assert eventually(lambda: one.shell("docker info -f '{{.LiveRestoreEnabled}}'") == f"{state}\n")

    have("true")
    yield one, two
    have("false")  # it stays so when the line is missing
    one.shell(f"sed -i '1s/.*/{{/' {file}")


def test_containers_that_live_on_without_the_engine_keep_the_network(live_restore: tuple[Host, Host]) -> None:
    one, two = live_restore
    create(one, "red", "--subnet 10.40.1.0/24")
    assert eventually(lambda: "red" in networks(two))
    far = {net: run(two, f"far-{net}", net=net) for net in ("weave", "red")}
    here = {net: run(one, f"box-{net}", net=net) for net in far}
    pids = {net: one.shell(f"docker inspect -f '{{{{.State.Pid}}}}' box-{net}").strip() for net in far}

    def ping() -> bool:
        lines = [f"nsenter -t {pids[net]} -n ping -q -c 1 -W 2 {far[net]}" for net in far]
        return all(" 0% packet loss" in one.try_shell(line).stdout for line in lines)

    assert eventually(ping)
    new = {}
    before = waits(one)
    for signum in (SIGTERM, SIGKILL):
        one.sandbox.engine_stop(one.name, signum)
        assert ping()
        began = time.monotonic()
        one.sandbox.engine_start(one.name)
        up = time.monotonic()
        for net in far:
            name = f"{signum.name.lower()}-{net}"
            new[name] = run(one, name, net=net)
            assert eventually(lambda name=name, to=far[net]: one.pings(name, to, count=1, wait=1))  # type: ignore[misc]
        assert soon(up, up - began)
        assert waits(one) == before
        assert ping()
        assert {net: address(one, f"box-{net}", net) for net in far} == here
    assert len({*new.values(), *here.values(), *far.values()}) == 8


def test_containers_stay_connected_without_a_router_and_reset_says_who(plugged: tuple[Host, Host]) -> None:
    one, two = plugged
    here, there = run(one, "box"), run(two, "peer")
    one.kill_router()
    # The engine waits for a router that restarts, and what was made before is known to the new one.
    run(one, "beside")
    assert one.pings("beside", there)
    one.weave("stop")
    assert one.pings("beside", here)
    done = one.try_weave("reset")
    assert done.returncode == 0
    assert "WARNING: the Docker network weave stays, these containers are on it: beside, box;" in done.stderr
    # Without a router the engine would wait for the driver, for each container several times.
    one.weave("launch")
    one.shell("docker rm -f box beside >/dev/null")
    one.weave("reset")
    assert one.shell("docker network ls -q --filter driver=weave") == ""
    files = "ls /etc/docker/plugins /run/docker/plugins/weave.sock 2>/dev/null || true"
    assert one.shell(files) == ""
    one.weave("launch", "--plugin=false")
    assert one.shell(files) == ""
    one.weave("stop")
    one.weave("launch", two.address)
