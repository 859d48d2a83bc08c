"""The addresses in tunnels: packets go there through a tunnel or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.net.kernel import Space
from weave_http.errors import HostError
from weave_http.net import tunnel
from weave_http.net.tunnel import DIRECT, RELAYED, address_of

pytestmark = pytest.mark.kernel
ME, PEER = "02:00:00:00:00:01", "02:00:00:00:00:02"


@pytest.fixture
def host() -> Iterator[Space]:
    """A host with a default route, which leads to wherever nothing else does."""
    with Space() as space:
        space.run("ip link add lan type bridge; ip addr add 192.0.2.1/24 dev lan; ip link set lan up")
        space.run("ip route add default via 192.0.2.254")
        yield space


def ensure() -> None:
    """Have a tunnel made by a program that makes none."""

    def start(name: str) -> str:
        raise HostError("no program")

    with pytest.raises(HostError, match="no program"):
        tunnel.ensure(DIRECT, address_of(ME), 1440, start)


@pytest.mark.parametrize("interface", [DIRECT, RELAYED], ids=lambda each: each.name)
def test_without_a_tunnel_packets_to_its_addresses_do_not_leave_the_host(
    host: Space, interface: tunnel.Interface
) -> None:
    there = address_of(PEER, interface)
    way = f"ip route get {there} 2>&1 || true"
    assert "via 192.0.2.254" in host.run(way), "what would be sent there would be on the LAN"
    for _ in range(2):
        host.call(ensure)
        assert "No route to host" in host.run(way)
    host.call(tunnel.remove, interface)
    assert "No route to host" in host.run(way)
    for _ in range(2):
        host.call(tunnel.remove)
        assert "via 192.0.2.254" in host.run(way)
