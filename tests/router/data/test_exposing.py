"""What is exposed survives the router, the rules' flushing, and what was done while there was no router."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

from tests.net.kernel import Space
from tests.router.hosts import RoutedHost, until
from weave_http.addresses import parse_cidr
from weave_http.host.router_client import RouterClient, RouterError
from weave_http.net import expose
from weave_http.net.bridge import ensure_bridge
from weave_http.router.control import describe
from weave_http.router.store import Store

A, B = "10.2.1.254/24", "10.2.2.254/24"


@pytest.fixture
def routed(tmp_path: Path) -> Iterator[RoutedHost]:
    with ExitStack() as stack:
        lan = stack.enter_context(Space())
        lan.run("ip link add lan type bridge; ip link set lan up")
        host = RoutedHost(1, lan, stack, tmp_path)
        try:
            yield host
        finally:
            if host.router is not None:
                host.end()


def _launch(host: RoutedHost) -> None:
    host.launch()
    until(lambda: host.ready)


def _addresses(host: RoutedHost) -> list[str]:
    return host.space.run("ip -br -4 addr show dev weave").split()[2:]


def _rules(host: RoutedHost) -> list[str]:
    return [line for line in host.space.run("iptables-nft-save").splitlines() if "WEAVE" in line]


def _kept(host: RoutedHost) -> dict[str, Any]:
    return describe.exposed(Store(host.folder).state.exposed)


def test_it_is_there_at_once_and_again_after_restart_reboot_and_flush(routed: RoutedHost) -> None:
    _launch(routed)
    routed.ask(RouterClient.expose, [A, B])
    routed.space.call(lambda: RouterClient().expose([parse_cidr(B)], masquerade=False, name="h1.weave.local"))
    assert _addresses(routed) == [A, B]
    before = _rules(routed)
    assert sum(rule.startswith("-A WEAVE ") for rule in before) == 4
    assert _kept(routed) == {
        A: {"masquerade": True, "names": []},
        B: {"masquerade": False, "names": ["h1.weave.local"]},
    }
    routed.end()
    assert (_addresses(routed), _rules(routed)) == ([A, B], before), "the network goes on without a router"
    routed.space.run("ip link del weave; ip link del vxlan-6784 || true; iptables-nft -F; iptables-nft -t nat -F")
    _launch(routed)
    assert (_addresses(routed), _rules(routed)) == ([A, B], before)
    routed.space.run("iptables-nft -F; iptables-nft -X; iptables-nft -t nat -F; iptables-nft -t nat -X")
    seconds = until(lambda: _rules(routed) == before, within=10)
    print(f"rules are back {seconds:.1f} s after a flush")
    routed.space.run(f"ip addr del {A} dev weave")
    until(lambda: sorted(_addresses(routed)) == [A, B], within=10)


def test_what_is_hidden_stays_hidden(routed: RoutedHost) -> None:
    _launch(routed)
    routed.ask(RouterClient.expose, [A, B])
    routed.ask(RouterClient.hide, [A, "10.9.9.9/24"])
    assert (_addresses(routed), list(_kept(routed))) == ([B], [B])
    routed.end()
    _launch(routed)
    assert _addresses(routed) == [B]


def test_what_was_done_while_no_router_ran_holds(routed: RoutedHost) -> None:
    _launch(routed)
    routed.ask(RouterClient.expose, [A])
    routed.end()
    routed.space.call(expose.hide, [ip_interface(A)])
    routed.space.call(lambda: expose.expose(lambda: {ip_interface(B): False}))
    _launch(routed)
    until(lambda: list(_kept(routed)) == [B])
    assert (_addresses(routed), _kept(routed)[B]["masquerade"]) == ([B], False)


def test_a_bridge_that_somebody_made_anew_does_not_mean_that_all_was_hidden(routed: RoutedHost) -> None:
    _launch(routed)
    routed.ask(RouterClient.expose, [A])
    routed.end()
    routed.space.run("ip link del weave")
    routed.space.call(ensure_bridge)
    _launch(routed)
    assert _addresses(routed) == [A]


def test_what_can_not_be_done_is_not_remembered(routed: RoutedHost) -> None:
    _launch(routed)
    routed.ask(RouterClient.expose, [A])
    routed.space.run("ip link del weave; ip link add weave type ifb")
    with pytest.raises(RouterError, match="there is an interface weave that is no bridge; remove it"):
        routed.ask(RouterClient.expose, [B])
    assert list(_kept(routed)) == [A]
    routed.space.run("ip link del weave")
    until(lambda: _addresses(routed) == [A] if "weave" in routed.space.links() else False, within=10)


def test_containers_do_not_reach_the_routers_ports(routed: RoutedHost) -> None:
    _launch(routed)
    routed.ask(RouterClient.expose, ["10.2.1.254/24"])
    guest = routed.guest
    probe = "import socket; socket.create_connection(({!r}, 6783), timeout=1).close()"
    with pytest.raises(AssertionError, match="timed out"):
        guest.run(f'python3 -c "{probe.format("10.2.1.254")}"')
    routed.space.run(f'python3 -c "{probe.format("10.2.1.254")}"')
