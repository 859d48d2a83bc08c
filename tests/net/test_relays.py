"""Frames over other hosts: that a kernel takes the rules as they are, and others keep them."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest

from tests.net.kernel import Space
from weave_http.net import expose, firewall, iptables
from weave_http.net.bridge import ensure_bridge
from weave_http.net.relays import CHAINS, Forward, Leg, Relays, ensure_route, labels, tunnel_port
from weave_http.net.rules import DATA, Guard, data_rules

pytestmark = pytest.mark.kernel

ONE, TWO = ip_address("192.0.2.1"), ip_address("192.0.2.2")
RELAYS = Relays(
    (Leg(ip_address("248.1.2.3"), ONE, 6800), Leg(ip_address("248.1.2.4"), ONE, 6802, tunnelled=True)),
    (Forward(ONE, 6801, TWO), Forward(TWO, 6801, ONE)),
)


def chains(space: Space) -> dict[str, list[str]]:
    rule_set = firewall.choose(space.call(iptables.read))
    return {name: rule_set.rules("nat", name) or rule_set.rules("filter", name) for name in CHAINS}


def test_the_rules_are_there_as_written_and_stay_until_they_are_not_wanted(spaces: Callable[[], Space]) -> None:
    host = spaces()
    guard = Guard(6783, (6784,), "docker0")

    def converge(relays: Relays | None) -> bool:
        return host.call(expose.expose, dict, guard=guard, relayed=relays).changed

    host.call(ensure_bridge)
    assert converge(RELAYS)
    assert not converge(RELAYS), "as the kernel prints them"
    before = chains(host)
    assert all(before.values())
    assert not converge(None)
    host.call(firewall.ensure)
    assert chains(host) == before, "an executor knows nothing of paths, and leaves them alone"
    assert converge(Relays())
    assert not any(chains(host).values())
    assert converge(RELAYS)
    host.call(firewall.remove)
    assert "WEAVE" not in host.run("iptables-nft-save")


def test_an_executor_leaves_alone_whose_frames_are_taken(spaces: Callable[[], Space]) -> None:
    host = spaces()
    host.call(ensure_bridge)
    guard, data = Guard(6783, (6784,), "docker0"), data_rules([ONE], 6784, tunnel=True)
    assert host.call(expose.expose, dict, guard=guard, data=data).changed
    assert not host.call(expose.expose, dict, guard=guard, data=data).changed, "as the kernel prints them"
    assert not host.call(expose.expose, dict).changed
    assert tuple(firewall.choose(host.call(iptables.read)).rules("filter", DATA)) == data


def test_the_route_is_gone_with_the_bridge(spaces: Callable[[], Space]) -> None:
    host = spaces()
    host.call(ensure_bridge)
    for _ in range(2):
        host.call(ensure_route)
    assert "248.0.0.0/5 dev weave" in host.run("ip route")
    host.run("ip link del weave")
    assert "248" not in host.run("ip route")


def test_labels_stay_within_the_ports_there_are() -> None:
    assert labels(6784) == range(6785, 7041)
    for port in (2, 6784, 65277, 65278, 65279, 65280, 65534, 65535):
        taken = [port - 1, port, tunnel_port(port), *labels(port)]
        assert len(set(taken)) == len(labels(port)) + 3
        assert 0 < min(taken) <= max(taken) <= 65535
