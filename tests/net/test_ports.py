from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.net.kernel import Space
from weave_http.net import bridge, guest, ports


def _host(spaces: Callable[[], Space], *containers: Space) -> Space:
    """A host with these containers on its bridge."""
    host = spaces()
    host.call(bridge.ensure_bridge, mtu=1400)
    for number, container in enumerate(containers, start=1):
        host.call(guest.plug, container.target(), [f"10.2.1.{number}/24"])
    return host


def test_a_dead_containers_port_goes_although_somebody_holds_its_namespace(spaces: Callable[[], Space]) -> None:
    dead, alive = spaces(), spaces()
    host = _host(spaces, dead, alive)
    assert host.call(ports.remove_dead, "/proc") == []
    dead.die()
    assert f"vethwepl{dead.pid}" in host.links()
    assert host.call(ports.remove_dead, "/proc") == [f"vethwepl{dead.pid}"]
    assert dead.links() == []
    assert alive.links() == ["ethwe"]
    assert host.call(ports.remove_dead, "/proc") == []


def test_a_namespace_that_another_process_is_in_keeps_its_port(spaces: Callable[[], Space]) -> None:
    container = spaces()
    host = _host(spaces, container)
    other = container.call(subprocess.Popen, ["sleep", "1000"])
    try:
        container.die()
        assert host.call(ports.remove_dead, "/proc") == []
        assert container.links() == ["ethwe"]
    finally:
        other.kill()
        other.wait()
    assert host.call(ports.remove_dead, "/proc") == [f"vethwepl{container.pid}"]


def test_links_that_only_look_like_ports_stay(spaces: Callable[[], Space]) -> None:
    host = _host(spaces)
    host.run("ip link add vethweplx type veth peer name vethwepl4194305; ip link add vethwe4194305 type bridge")
    before = host.links()
    assert host.call(ports.remove_dead, "/proc") == []
    assert host.links() == before
