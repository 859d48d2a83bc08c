from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.net.faults import Fault, failing_at
from tests.net.kernel import Space, cidrs
from tests.net.yard import Yard, reaches
from weave_http.addresses import Cidr
from weave_http.errors import HostError
from weave_http.net import firewall
from weave_http.net.bridge import ensure_bridge
from weave_http.net.expose import expose, hide

A, B, C = cidrs("10.2.1.254/24", "10.2.1.253/24", "10.2.2.254/24")


def _nat(host: Space) -> list[str]:
    return [line for line in host.run("iptables-nft-save").splitlines() if line.startswith("-A WEAVE ")]


def _addresses(host: Space) -> list[Cidr]:
    return cidrs(*host.run("ip -br -4 addr show dev weave").split()[2:])


def _put(host: Space, masquerade: bool = True, *addresses: Cidr) -> None:
    host.call(expose, lambda: dict.fromkeys(addresses, masquerade))


@pytest.fixture
def bridged(host: Space) -> Space:
    host.call(ensure_bridge)
    return host


def test_an_address_comes_with_the_rules_of_its_subnet(bridged: Space) -> None:
    _put(bridged, True, A)
    assert _addresses(bridged) == [A]
    assert _nat(bridged) == [
        "-A WEAVE -s 10.2.1.0/24 -d 224.0.0.0/4 -j RETURN",
        "-A WEAVE -s 10.2.1.0/24 -d 255.255.255.255/32 -j RETURN",
        "-A WEAVE ! -s 10.2.1.0/24 -d 10.2.1.0/24 -j MASQUERADE",
        "-A WEAVE -s 10.2.1.0/24 ! -d 10.2.1.0/24 -j MASQUERADE",
    ]
    assert bridged.call(firewall.exposed_addresses) == {A: True}
    assert "10.2.1.255" in bridged.run("ip addr show dev weave")


def test_twice_is_once_and_another_address_is_another_one(bridged: Space) -> None:
    for addresses in ((A,), (A,), (A, *cidrs("10.2.1.25/24")), cidrs("110.2.1.254/24")):
        _put(bridged, True, *addresses)
    assert _addresses(bridged) == [A, *cidrs("110.2.1.254/24", "10.2.1.25/24")]
    assert len(_nat(bridged)) == 8


def test_without_masquerading_there_is_no_rule_for_it(bridged: Space) -> None:
    _put(bridged, False, A)
    assert _nat(bridged) == []
    assert bridged.call(firewall.exposed_addresses) == {A: False}
    _put(bridged, True, A)
    assert len(_nat(bridged)) == 4
    _put(bridged, False, A)
    assert _nat(bridged) == []


def test_hiding_leaves_the_rules_of_a_subnet_that_the_host_is_still_in(bridged: Space) -> None:
    _put(bridged, True, A, B, C)
    bridged.call(hide, [A])
    assert set(_addresses(bridged)) == {B, C}, "the first address of a subnet must not take the others with it"
    assert len(_nat(bridged)) == 8
    bridged.call(hide, [B, A, *cidrs("10.9.9.9/24")])
    assert _addresses(bridged) == [C]
    assert len(_nat(bridged)) == 4
    bridged.call(hide, [C])
    rules = bridged.run("iptables-nft-save")
    assert ("WEAVE-EXPOSE" in rules, ":WEAVE " in rules, "WEAVE-FORWARD" in rules) == (False, False, True)


def test_hiding_takes_an_address_that_somebody_else_put_there(bridged: Space) -> None:
    bridged.run(f"ip addr add {A} dev weave")
    assert bridged.call(firewall.exposed_addresses) == {}
    bridged.call(hide, [A])
    assert _addresses(bridged) == []


def test_hiding_without_a_bridge_is_nothing(host: Space) -> None:
    host.call(hide, [A])
    assert host.links() == ["eth0"]


def test_attaching_keeps_what_is_exposed(bridged: Space) -> None:
    _put(bridged, True, A)
    _put(bridged, False, C)
    before = bridged.run("iptables-nft-save").splitlines()[1:]
    bridged.call(firewall.ensure)
    after = bridged.run("iptables-nft-save").splitlines()[1:]
    assert [line for line in after if line[0] == "-"] == [line for line in before if line[0] == "-"]


def test_an_address_that_the_kernel_does_not_take_leaves_nothing(bridged: Space) -> None:
    _put(bridged, True, A)
    with pytest.raises(HostError, match=r"can't add 10\.2\.2\.254/99 to weave"):
        bridged.call(_bad)
    assert _addresses(bridged) == [A]
    assert bridged.call(firewall.exposed_addresses) == {A: True}
    assert len(_nat(bridged)) == 4


def _bad() -> None:
    from unittest.mock import patch

    from weave_http.net import links
    from weave_http.net.netlink import NetlinkError

    def refuse(*_: object) -> bool:
        raise NetlinkError("add 10.2.2.254/99 to weave", 22)

    with patch.object(links, "add_address", refuse):
        expose(lambda: {C: True, B: True})


@pytest.mark.parametrize("after", [False, True])
def test_interrupted_anywhere_the_next_one_makes_it_right(spaces: Callable[[], Space], after: bool) -> None:
    for count in range(1, 20):
        host = spaces()
        host.call(ensure_bridge)
        with failing_at(count, after=after) as fault, suppress(Fault):
            _put(host, True, A, C)
        _put(host, True, A)
        assert A in _addresses(host)
        assert host.call(firewall.exposed_addresses)[A]
        host.call(hide, [A, C])
        assert (_addresses(host), _nat(host)) == ([], [])
        if not fault.struck:
            break
    assert not fault.struck


# -- what packets do ---------------------------------------------------------------------------------------


@pytest.fixture
def yard(host: Space, spaces: Callable[[], Space]) -> Yard:
    return Yard(host, spaces)


@pytest.mark.parametrize("policy", ["DROP", "ACCEPT"])
def test_nothing_gets_in_through_an_address_that_somebody_just_put_there(yard: Yard, policy: str) -> None:
    yard.host.run(f"ip addr add {A} dev weave; iptables-nft -P FORWARD {policy}")
    assert reaches(yard.host, "10.2.1.1")
    assert not any(reaches(space, "10.2.1.1") for space in (yard.docker, yard.lan))
    if policy == "DROP":
        assert not reaches(yard.inside, "192.0.2.9")


def test_an_exposed_subnet_is_reached_and_gets_out_and_no_other_does(yard: Yard) -> None:
    _put(yard.host, True, A)
    assert reaches(yard.host, "10.2.1.1"), "the host reaches the network"
    assert reaches(yard.inside, "192.0.2.9"), "the network gets out, with the host's address"
    assert reaches(yard.lan, "10.2.1.1"), "a machine that routes through the host gets in"
    assert not reaches(yard.docker, "10.2.1.1"), "a container of Docker's alone does not"
    assert not reaches(yard.other, "192.0.2.9"), "another subnet does not get out"
    assert not any(reaches(space, "10.2.2.1") for space in (yard.host, yard.lan, yard.docker))
    yard.host.call(hide, [A])
    assert not any(reaches(space, "10.2.1.1") for space in (yard.host, yard.lan, yard.docker))
    assert not reaches(yard.inside, "192.0.2.9")


def test_two_exposed_subnets_do_not_reach_each_other_through_the_host(yard: Yard) -> None:
    _put(yard.host, True, A, C)
    assert reaches(yard.other, "192.0.2.9")
    assert not reaches(yard.inside, "10.2.2.1")
    assert not reaches(yard.other, "10.2.1.1")


def test_containers_of_docker_stay_apart_also_when_docker_puts_its_rules_in_front(yard: Yard) -> None:
    _put(yard.host, True, A)
    yard.host.run("iptables-nft -I FORWARD -i docker0 ! -o docker0 -j ACCEPT")
    assert reaches(yard.docker, "10.2.1.1"), "until it is looked after"
    _put(yard.host, True, A)
    assert not reaches(yard.docker, "10.2.1.1")


def test_the_network_reaches_of_dockers_containers_what_is_published_and_no_more(yard: Yard) -> None:
    _put(yard.host, True, A)
    assert not reaches(yard.inside, "172.17.0.2")
    yard.host.run("iptables-nft -A DOCKER -d 172.17.0.2/32 -o docker0 -p icmp -j ACCEPT")
    assert reaches(yard.inside, "172.17.0.2")


def test_without_masquerading_the_containers_own_address_is_seen(yard: Yard) -> None:
    _put(yard.host, False, A)
    assert reaches(yard.inside, "192.0.2.9"), "the LAN routes back through the host"
    yard.lan.run("ip route del default")
    assert not reaches(yard.inside, "192.0.2.9")
    _put(yard.host, True, A)
    assert reaches(yard.inside, "192.0.2.9")
