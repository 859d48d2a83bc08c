from __future__ import annotations

import pytest

from tests.net.kernel import Space, cidrs
from weave_http.addresses import Cidr, Network
from weave_http.net.routes import overlaps


def _found(hits: dict[Cidr, Network]) -> dict[str, str]:
    return {str(cidr): str(network) for cidr, network in hits.items()}


@pytest.mark.parametrize(
    ("cidr", "found"),
    [
        ("10.7.1.1/24", {"10.7.1.1/24": "10.7.0.0/16"}),
        ("10.0.0.1/13", {"10.0.0.1/13": "10.7.0.0/16"}),
        ("10.8.1.1/24", {}),
        ("192.0.2.77/32", {"192.0.2.77/32": "192.0.2.0/24"}),
        ("10.9.1.1/24", {"10.9.1.1/24": "10.9.1.7/32"}),
    ],
)
def test_the_narrowest_route_that_overlaps_is_named(host: Space, cidr: str, found: dict[str, str]) -> None:
    host.run(
        "ip addr add 192.0.2.1/24 dev eth0; ip route add default via 192.0.2.254; ip route add 10.7.0.0/16 dev eth0;"
        "ip route add 10.9.1.7 dev eth0; ip route add 10.8.0.0/16 dev eth0 table 77"
    )
    assert _found(host.call(overlaps, cidrs(cidr))) == found


def test_routes_through_the_bridge_are_our_own(host: Space) -> None:
    host.run("ip link add weave type bridge; ip link set weave up; ip addr add 10.2.1.254/24 dev weave")
    assert _found(host.call(overlaps, cidrs("10.2.1.1/24"))) == {}
    assert _found(host.call(overlaps, cidrs("10.2.1.1/24"), "other")) == {"10.2.1.1/24": "10.2.1.0/24"}
