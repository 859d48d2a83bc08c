"""The host's own addresses, as the kernel has them."""

import pytest

from tests.net.kernel import Space
from weave_http.addresses import parse_ip
from weave_http.net.address_events import own_addresses

pytestmark = pytest.mark.kernel


def test_all_addresses_are_found_but_for_link_local_ones_of_ipv6() -> None:
    with Space() as host:
        host.run(
            "ip link set lo up; ip link add one type bridge; ip link set one up;"
            "ip addr add 192.0.2.1/24 dev one; ip addr add 169.254.1.1/16 dev one;"
            "ip addr add 198.51.100.1 peer 198.51.100.2/32 dev one;"
            "ip addr add fd00::1/64 dev one nodad; ip addr add fd00:1::1 peer fd00:1::2/128 dev one nodad;"
            "ip addr add fe80::9/64 dev one nodad"
        )
        own = ("127.0.0.1", "::1", "192.0.2.1", "169.254.1.1", "198.51.100.1", "fd00::1", "fd00:1::1")
        assert host.call(own_addresses) == {*map(parse_ip, own)}
