from __future__ import annotations

from ipaddress import ip_address, ip_network

from tests.net.kernel import cidrs
from weave_http.net.rules import DATA, INPUT, Guard, chains, data_rules, exposed_networks, guard_of


def _of(name: str, exposed: dict[str, bool], *bridges: str, guard: Guard | None = None) -> tuple[str, ...]:
    values = dict(zip(cidrs(*exposed), exposed.values(), strict=True))
    (chain,) = [chain for chain in chains(values, bridges, guard) if chain.name == name]
    return chain.rules


def test_subnets_that_share_no_address_are_kept_apart_and_nested_ones_are_one() -> None:
    apart = _of("WEAVE-FORWARD", {"10.2.1.254/24": True, "10.2.2.254/24": False, "10.2.1.1/16": True})
    assert [rule for rule in apart if rule.startswith("-s")] == [
        "-s 10.2.1.0/24 -d 10.2.2.0/24 -i weave -o weave -j DROP",
        "-s 10.2.2.0/24 -d 10.2.1.0/24 -i weave -o weave -j DROP",
    ]


def test_a_subnet_masquerades_if_one_of_the_hosts_addresses_in_it_does() -> None:
    assert _of("WEAVE", {"10.2.1.254/24": False, "10.2.1.253/24": True})[-1] == (
        "-s 10.2.1.0/24 ! -d 10.2.1.0/24 -j MASQUERADE"
    )
    assert _of("WEAVE", {"10.2.1.254/24": False}) == ()


def test_the_bridge_itself_is_never_taken_for_one_of_the_engines() -> None:
    forward = _of("WEAVE-FORWARD", {}, "docker0", "weave")
    assert [rule for rule in forward if rule.endswith("-o weave -j DROP")] == [
        "-i docker0 -o weave -j DROP",
        "-o weave -j DROP",
    ]


def test_what_is_exposed_can_be_read_back_from_the_rules() -> None:
    assert exposed_networks(_of("WEAVE-EXPOSE", {"10.2.1.254/24": True, "10.3.0.1/32": False})) == {
        ip_network("10.2.1.0/24"),
        ip_network("10.3.0.1/32"),
    }


def test_what_is_guarded_can_be_read_back_from_the_rules() -> None:
    guard = Guard(7000, (7500, 7600), "docker0")
    rules = _of("WEAVE-INPUT", {}, "docker0", "br0", guard=guard)
    assert guard_of(rules) == guard
    assert [guard_of(rules[:count]) for count in (0, 1, 3)] == [None, None, None]


def test_only_exposed_subnets_reach_the_host() -> None:
    assert _of("WEAVE-INPUT", {"10.2.1.254/24": True}) == (
        "-i weave-n+ -j DROP",
        "-i weave -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
        "-s 10.2.1.0/24 -i weave -j RETURN",
        "-i weave -j DROP",
    )


def test_what_is_routed_gets_neither_into_a_further_network_nor_out() -> None:
    assert _of("WEAVE-FORWARD", {"10.2.1.254/24": True}, "docker0")[-5:-2] == (
        "-i weave-n+ -o weave-n+ -j ACCEPT",
        "-i weave-n+ -j DROP",
        "-o weave-n+ -j DROP",
    )


def test_containers_do_not_reach_the_ports_of_other_hosts_either_but_those_of_each_other() -> None:
    forward = _of("WEAVE-FORWARD", {}, "docker0", guard=Guard(7000, (7500,), "docker0"))
    assert forward[:4] == (
        "-i weave ! -o weave -p tcp -m tcp --dport 7000 -j DROP",
        "-i weave ! -o weave -p udp -m udp --dport 7001 -j DROP",
        "-i docker0 ! -o docker0 -p tcp -m tcp --dport 7000 -j DROP",
        "-i docker0 ! -o docker0 -p udp -m udp --dport 7001 -j DROP",
    )


def test_the_ports_of_the_router_are_closed_to_containers_and_its_api_to_everybody_outside() -> None:
    assert _of("WEAVE-INPUT", {}, "docker0", guard=Guard(7000, (7500,), "docker0"))[:7] == (
        "-d 127.0.0.0/8 ! -i lo -p tcp -m tcp --dport 7500 -j DROP",
        "-i docker0 -p udp -m udp --dport 53 -j ACCEPT",
        "-i docker0 -p tcp -m tcp --dport 53 -j ACCEPT",
        "-i weave -p tcp -m tcp --dport 7000 -j DROP",
        "-i weave -p udp -m udp --dport 7001 -j DROP",
        "-i docker0 -p tcp -m tcp --dport 7000 -j DROP",
        "-i docker0 -p udp -m udp --dport 7001 -j DROP",
    )


def test_frames_are_taken_of_peers_and_out_of_the_tunnel_and_of_no_one_else() -> None:
    two, one = ip_address("192.0.2.2"), ip_address("192.0.2.1")
    assert data_rules([two, one], 6784, tunnel=False) == (
        "-s 192.0.2.1/32 -j RETURN",
        "-s 192.0.2.2/32 -j RETURN",
        "-j DROP",
    )
    six = ip_address("fd00::2")
    assert data_rules([one, six], 6784, tunnel=False) == ("-s 192.0.2.1/32 -j RETURN", "-j DROP")
    assert data_rules([one, six], 6784, tunnel=True, version=6) == ("-s fd00::2/128 -j RETURN", "-j DROP")
    private = data_rules([], 6784, tunnel=True)
    assert private == ("-i weave-wg+ -p udp -m udp --dport 6784 -j ACCEPT", "-i weave-wg+ -j DROP", "-j DROP")
    for data, jumps in ((private, 2), ((), 0), (data_rules([one], 6784, tunnel=False), 1)):
        found = {chain.name: chain for chain in chains({}, [], Guard(6783, (6784,), "docker0"), data=data)}
        assert sum(rule.endswith(f"-j {DATA}") for rule in found[INPUT].rules) == jumps
        assert found[DATA].rules == data
