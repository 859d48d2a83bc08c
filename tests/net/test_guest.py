from __future__ import annotations

import errno
import itertools
import random
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv6Interface

import pytest

from tests.net.faults import Fault, failing_at
from tests.net.kernel import Space, cidrs
from weave_http.addresses import Cidr
from weave_http.errors import HostError
from weave_http.net import bridge, guest, teardown
from weave_http.net.guest import Change, Target
from weave_http.net.netlink import NetlinkError

A, B, C = cidrs("10.2.1.1/24", "10.2.1.2/24", "10.3.1.1/16")


@pytest.fixture
def joined(host: Space) -> Space:
    """A host that has its bridge."""
    host.call(bridge.ensure_bridge, mtu=1400)
    return host


@pytest.fixture
def c1(spaces: Callable[[], Space]) -> Space:
    return spaces()


def _ports(host: Space) -> list[str]:
    lines = host.run("ip -br link show master weave").splitlines()
    return sorted(line.split()[0].partition("@")[0] for line in lines)


def _plugged(host: Space, container: Space) -> bool:
    return container.links() == ["ethwe"] and _ports(host) == [container.port()]


def test_a_container_gets_ethwe_on_the_bridge_with_the_addresses_in_order(joined: Space, c1: Space) -> None:
    change = joined.call(guest.plug, c1.target(), [B, C, A])
    assert change == Change((B, C, A), tuple(c1.cidrs()))
    assert sorted(c1.cidrs()) == sorted([A, B, C])
    assert c1.cidrs()[:2] == [B, C], "the kernel lists the second address of a subnet last"
    assert _plugged(joined, c1)
    assert "UP" in c1.run("ip -br link show ethwe")
    assert "mtu 1400" in c1.run("ip link show ethwe")
    assert "mtu 1400" in joined.run(f"ip link show {c1.port()}")
    assert "224.0.0.0/4 dev ethwe" in c1.run("ip route")
    folder = "/proc/sys/net/ipv4/neigh/ethwe"
    names = "base_reachable_time_ms delay_first_probe_time ucast_solicit"
    assert c1.run(f"cd {folder}; cat {names}").split() == ["5000", "2", "1"]


def test_two_containers_reach_each_other_at_once(joined: Space, c1: Space, spaces: Callable[[], Space]) -> None:
    c2 = spaces()
    joined.call(guest.plug, c1.target(), [A])
    joined.call(guest.plug, c2.target(), [B])
    c1.run("ping -c 1 -W 1 10.2.1.2")
    c2.run("ping -c 1 -W 1 -s 1372 -M do 10.2.1.1")


def test_plugging_twice_is_plugging_once(joined: Space, c1: Space) -> None:
    joined.call(guest.plug, c1.target(), [A, B])
    c1.await_carrier()
    before = c1.run("ip addr; ip route"), joined.run("ip link")
    assert joined.call(guest.plug, c1.target(), [A, B]) == Change((), (A, B))
    assert (c1.run("ip addr; ip route"), joined.run("ip link")) == before


def test_an_address_given_twice_is_added_once(joined: Space, c1: Space) -> None:
    assert joined.call(guest.plug, c1.target(), [A, A]) == Change((A,), (A,))


def test_an_address_that_another_one_contains_is_not_taken_for_it(joined: Space, c1: Space) -> None:
    joined.call(guest.plug, c1.target(), cidrs("110.2.1.1/24", "10.2.1.1/25"))
    assert joined.call(guest.plug, c1.target(), [A]).changed == (A,)


def test_unplugging_takes_only_what_was_named(joined: Space, c1: Space) -> None:
    joined.call(guest.plug, c1.target(), [A, B, C])
    assert joined.call(guest.unplug, c1.target(), [A, *cidrs("10.9.9.9/24")]).changed == (A,)
    assert sorted(c1.cidrs()) == sorted([B, C]), "a subnet's other addresses stay, also when its first one goes"
    assert joined.call(guest.unplug, c1.target(), [A]) == Change((), tuple(c1.cidrs()))


def test_with_the_last_address_goes_the_interface(joined: Space, c1: Space) -> None:
    joined.call(guest.plug, c1.target(), [A, B])
    assert joined.call(guest.unplug, c1.target(), [B, A]).addresses == ()
    assert c1.links() == []
    assert joined.links() == ["eth0", "weave"]


def test_a_container_that_was_never_attached_cannot_be_detached(joined: Space, c1: Space) -> None:
    with pytest.raises(HostError, match=r"for container c1: it has no interface ethwe$"):
        joined.call(guest.unplug, c1.target(), [A])


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_attaching_and_detaching_ends_with_what_is_left(joined: Space, c1: Space, seed: int) -> None:
    chance = random.Random(seed)
    every = [A, B, C, *cidrs("10.2.1.3/24", "10.3.1.2/16", "10.2.1.1/25")]
    expected: set[Cidr] = set()
    for _ in range(25):
        some = chance.sample(every, chance.randint(1, 4))
        if chance.random() < 0.5:
            joined.call(guest.plug, c1.target(), some)
            expected |= set(some)
        elif expected:
            joined.call(guest.unplug, c1.target(), some)
            expected -= set(some)
        assert set(c1.cidrs() if expected else []) == expected
        assert c1.links() == (["ethwe"] if expected else [])


def test_describe_tells_mac_and_addresses(joined: Space, c1: Space) -> None:
    assert guest.describe(c1.target()) is None
    joined.call(guest.plug, c1.target(), [A, C])
    mac = c1.run("cat /proc/thread-self/net/dev >&2; ip -br link show ethwe").split()[2]
    assert guest.describe(c1.target()) == (mac, [A, C])
    assert guest.describe(Target(4_194_304, "gone")) is None


# -- what a killed run, or somebody else, left ---------------------------------------------------------


@pytest.mark.parametrize(
    "left",
    [
        "ip link set {veth} down",
        "ip link set {veth} nomaster",
        "ip link set {veth} mtu 1280",
        "ip link set {veth} name vethwepl7",
    ],
)
def test_a_half_made_host_end_is_finished(joined: Space, c1: Space, left: str) -> None:
    joined.call(guest.plug, c1.target(), [A])
    joined.run(left.format(veth=f"{c1.port()}"))
    joined.call(guest.plug, c1.target(), [A])
    (port,) = _ports(joined)
    assert "UP" in joined.run(f"ip -br link show {port}")
    assert "mtu 1400" in joined.run(f"ip link show {port}")


@pytest.mark.parametrize(
    "left",
    [
        "ip link set ethwe down",
        "ip addr flush dev ethwe",
        "ip route del 224.0.0.0/4",
        "ip link set ethwe mtu 1280",
    ],
)
def test_a_half_made_container_end_is_finished(joined: Space, c1: Space, left: str) -> None:
    joined.call(guest.plug, c1.target(), [A])
    c1.run(left)
    joined.call(guest.plug, c1.target(), [A])
    assert c1.cidrs() == [A]
    assert "UP" in c1.run("ip -br link show ethwe")
    assert "mtu 1400" in c1.run("ip link show ethwe")
    assert "224.0.0.0/4 dev ethwe" in c1.run("ip route")


def test_the_host_end_of_a_dead_container_with_that_process_id_makes_room(joined: Space, c1: Space) -> None:
    joined.run(f"ip link add {c1.port()} type veth peer name stale")
    joined.call(guest.plug, c1.target(), [A])
    assert _plugged(joined, c1)
    assert "stale" not in joined.links()


def test_a_route_for_multicast_that_is_there_stays(joined: Space, c1: Space) -> None:
    c1.run("ip route add 224.0.0.0/4 dev lo")
    joined.call(guest.plug, c1.target(), [A])
    assert "224.0.0.0/4 dev lo" in c1.run("ip route")


def test_an_ethwe_of_somebody_else_is_left_alone(joined: Space, c1: Space) -> None:
    c1.run("ip link add ethwe type veth peer name other")
    with pytest.raises(HostError, match=r"c1: its interface ethwe is not of weave's making"):
        joined.call(guest.plug, c1.target(), [A])
    assert (c1.links(), c1.addresses()) == (["ethwe", "other"], [])


def test_containers_that_share_a_namespace_share_the_interface(joined: Space, c1: Space) -> None:
    joined.call(guest.plug, c1.target(), [A])
    sidecar = c1.call(subprocess.Popen, ["sleep", "1000"])
    try:
        assert joined.call(guest.plug, Target(sidecar.pid, "sidecar"), [B]).addresses == (A, B)
        assert _plugged(joined, c1)
    finally:
        sidecar.kill()
        sidecar.wait()


# -- failures -----------------------------------------------------------------------------------------


def test_a_container_on_the_hosts_network_is_refused_and_nothing_is_made(joined: Space) -> None:
    with pytest.raises(HostError, match=r"container c1 uses the host's network"):
        joined.call(guest.plug, joined.target(), [A])
    with pytest.raises(HostError, match=r"container c1 uses the host's network"):
        joined.call(guest.check_joinable, joined.target())
    assert joined.links() == ["eth0", "weave"]


def test_a_container_that_is_gone_has_died(joined: Space) -> None:
    with pytest.raises(HostError, match=r"^container c9 died$"):
        joined.call(guest.plug, Target(4_194_304, "c9"), [A])


def test_a_container_that_dies_meanwhile_has_died_and_leaves_nothing(joined: Space, c1: Space) -> None:
    def die() -> BaseException:
        c1.die()
        return NetlinkError("add", errno.ENODEV)

    with failing_at(4, error=die), pytest.raises(HostError, match=r"^container c1 died$"):
        joined.call(guest.plug, c1.target(), [A])
    assert joined.links() == ["eth0", "weave"]


def test_what_a_program_waits_for_comes_after_all_else(joined: Space, c1: Space) -> None:
    seen: list[tuple[list[Cidr], str]] = []

    def prepare(addresses: Sequence[Cidr]) -> None:
        seen.append((list(addresses), c1.run("ip route")))
        raise HostError("disk full")

    with pytest.raises(HostError, match=r"\Adisk full\Z"):
        joined.call(guest.plug, c1.target(), [A, B], prepare=prepare)
    assert (c1.links(), joined.links()) == ([], ["eth0", "weave"])
    ((addresses, routes),) = seen
    assert addresses == [A, B]
    assert "10.2.1.0/24 dev ethwe" in routes
    assert "224.0.0.0/4" not in routes


def test_a_missing_bridge_is_named(host: Space, c1: Space) -> None:
    with pytest.raises(HostError, match="for container c1: bridge weave is missing"):
        host.call(guest.plug, c1.target(), [A])


def test_the_kernels_reason_is_in_the_message_and_nothing_is_left(joined: Space, c1: Space) -> None:
    refused = IPv6Interface("ff05::1/64")
    c1.run("ip link add other type bridge; ip link set other up; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
    with pytest.raises(HostError, match=r"for container c1: can't add ff05::1/64 to ethwe: \w+"):
        joined.call(guest.plug, c1.target(), [A, refused])
    assert c1.links() == ["other"]
    assert joined.links() == ["eth0", "weave"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_plugging_that_is_interrupted_anywhere_is_undone(joined: Space, c1: Space, after: bool) -> None:
    for count in itertools.count(1):
        with failing_at(count, after=after) as fault:
            try:
                joined.call(guest.plug, c1.target(), [A, B])
            except Fault:
                assert (c1.links(), joined.links()) == ([], ["eth0", "weave"]), f"request {count}"
        if not fault.struck:
            break
    assert c1.cidrs() == [A, B]
    assert count > 8


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_one_more_address_that_is_interrupted_anywhere_is_undone(joined: Space, c1: Space, after: bool) -> None:
    joined.call(guest.plug, c1.target(), [A])
    c1.await_carrier()
    before = c1.run("ip -4 addr; ip route")
    for count in itertools.count(1):
        with failing_at(count, after=after) as fault:
            try:
                joined.call(guest.plug, c1.target(), [B, C])
            except Fault:
                assert c1.run("ip -4 addr; ip route") == before, f"request {count}"
        if not fault.struck:
            break
    assert sorted(c1.cidrs()) == sorted([A, B, C])


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_unplugging_that_is_interrupted_anywhere_is_undone(joined: Space, c1: Space, after: bool) -> None:
    joined.call(guest.plug, c1.target(), [A, B, C])
    before = sorted(c1.cidrs())
    for count in itertools.count(1):
        with failing_at(count, after=after) as fault:
            try:
                joined.call(guest.unplug, c1.target(), [A, C])
            except Fault:
                assert sorted(c1.cidrs()) == before, f"request {count}"
        if not fault.struck:
            break
    assert c1.cidrs() == [B]


def test_a_full_bridge_is_said_in_words(joined: Space, c1: Space) -> None:
    lines = "\n".join(
        f"link add a{number} master weave type veth peer name b{number}\nlink set b{number} master weave"
        for number in range(511)
    )
    joined.run("ip link add c0 master weave type veth peer name c1")
    joined.call(
        subprocess.run, ["ip", "-batch", "-"], input=lines, text=True, check=True, timeout=120, capture_output=True
    )
    with pytest.raises(HostError, match="c1: the bridge has 1,023 ports already, and Linux gives a bridge no more"):
        joined.call(guest.plug, c1.target(), [A])
    assert c1.links() == []
    joined.run("ip link del a1")
    joined.call(guest.plug, c1.target(), [A])
    assert c1.cidrs() == [A]


# -- at once --------------------------------------------------------------------------------------------


def test_eight_runs_at_once_for_one_container_give_it_all_addresses(joined: Space, c1: Space) -> None:
    addresses = cidrs(*(f"10.2.1.{number}/24" for number in range(1, 9)))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda cidr: joined.call(guest.plug, c1.target(), [cidr]), addresses))
    assert sorted(c1.cidrs()) == addresses
    assert _plugged(joined, c1)


def test_many_containers_at_once_each_get_theirs(joined: Space, spaces: Callable[[], Space]) -> None:
    containers = [spaces() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda pair: joined.call(guest.plug, pair[1].target(), cidrs(f"10.2.1.{pair[0] + 1}/24")),
                enumerate(containers),
            )
        )
    assert _ports(joined) == sorted(each.port() for each in containers)
    assert [each.addresses() for each in containers] == [[f"10.2.1.{number}/24"] for number in range(1, 9)]


def test_destroying_the_bridge_while_containers_are_plugged_leaves_no_veth(
    joined: Space, spaces: Callable[[], Space]
) -> None:
    containers = [spaces() for _ in range(6)]

    def plug(space: Space) -> str:
        try:
            joined.call(guest.plug, space.target(), [A])
        except HostError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(7) as pool:
        running = [pool.submit(plug, each) for each in containers]
        pool.submit(joined.call, teardown.destroy).result()
        outcomes = {each.result() for each in running}
    assert outcomes <= {"", "failure during network configuration for container c1: bridge weave is missing"}
    assert joined.links() == ["eth0"]


def test_nobody_changes_a_container_while_its_addresses_are_told(joined: Space, c1: Space) -> None:
    joined.call(guest.plug, c1.target(), [A])
    with ThreadPoolExecutor(1) as pool:
        with guest.settled(c1.target(), []) as now:
            later = pool.submit(joined.call, guest.plug, c1.target(), [B])
            with pytest.raises(TimeoutError):
                later.result(0.3)
            assert list(now) == [A]
        later.result(10)
    assert c1.cidrs() == [A, B]


def test_of_a_container_that_is_gone_what_was_last_known_is_told(spaces: Callable[[], Space]) -> None:
    gone = spaces()
    with guest.settled(gone.target(), [A]) as now:
        assert list(now) == []
    target = gone.target()
    gone.die()
    with guest.settled(target, [A]) as now:
        assert list(now) == [A]
