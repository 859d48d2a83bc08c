from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.net.kernel import Space, cidrs
from weave_http.net import bridge, guest
from weave_http.net.ports import Ports


def _host(spaces: Callable[[], Space], *containers: Space) -> Space:
    """A host with these containers on its bridge."""
    host = spaces()
    host.call(bridge.ensure_bridge, mtu=1400)
    for number, container in enumerate(containers, start=1):
        host.call(guest.plug, container.target(), cidrs(f"10.2.1.{number}/24"))
    return host


def test_a_dead_containers_port_goes_although_somebody_holds_its_namespace(spaces: Callable[[], Space]) -> None:
    dead, alive = spaces(), spaces()
    host, ports = _host(spaces, dead, alive), Ports("/proc")
    assert host.call(ports.remove_dead) == []
    dead.die()
    assert dead.port() in host.links()
    assert host.call(ports.remove_dead) == [dead.port()]
    assert dead.links() == []
    assert alive.links() == ["ethwe"]
    assert host.call(ports.remove_dead) == []


def test_a_namespace_that_another_process_is_in_keeps_its_port(spaces: Callable[[], Space]) -> None:
    container = spaces()
    host, ports = _host(spaces, container), Ports("/proc")
    other = container.call(subprocess.Popen, ["sleep", "1000"])
    try:
        container.die()
        assert host.call(ports.remove_dead) == []
        assert container.links() == ["ethwe"]
    finally:
        other.kill()
        other.wait()
    assert host.call(ports.remove_dead) == [container.port()]


def test_a_port_that_an_earlier_version_named_after_a_process_goes_like_any_other(spaces: Callable[[], Space]) -> None:
    container, watcher = spaces(), Ports("/proc")
    host = spaces()
    host.call(bridge.ensure_bridge, mtu=1400)
    host.run(
        f"ip link add vethwepl{container.pid} type veth peer name ethwe netns {container.pid};"
        f"ip link set vethwepl{container.pid} master weave up"
    )
    assert host.call(watcher.remove_dead) == []
    assert host.run(f"cat /proc/sys/net/ipv6/conf/vethwepl{container.pid}/disable_ipv6") == "1"
    host.call(guest.plug, container.target(), cidrs("10.2.1.1/24"))
    assert host.links() == [f"vethwepl{container.pid}", "weave"], "it is found by its other end"
    container.die()
    assert host.call(watcher.remove_dead) == [f"vethwepl{container.pid}"]


def test_an_engine_may_fill_a_namespace_before_it_starts_a_process_there(spaces: Callable[[], Space]) -> None:
    container = spaces()
    host, ports = _host(spaces, container), Ports("/proc")
    container.die()
    looks = [host.call(ports.remove_dead) for _ in range(5)]
    assert [bool(names) for names in looks] == [False, True, False, False, False]


def test_links_that_only_look_like_ports_stay(spaces: Callable[[], Space]) -> None:
    host, ports = _host(spaces), Ports("/proc")
    host.run("ip link add vethweplx type veth peer name vethwepl4194305; ip link add vethwe4194305 type bridge")
    before = host.links()
    assert host.call(ports.remove_dead) == []
    assert host.links() == before
