"""On a Debian kernel that may not load its WireGuard, wireguard-go encrypts, and what goes into it goes in joined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.router.private_lan import PrivateLan, fetched, meshed
from tests.router.test_offload import JOINED, streamed
from tests.router.test_tunnels import FULL
from weave_http.constants import TUNNEL_DEVICE
from weave_http.host.router_client import RouterClient


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[PrivateLan]:
    """Routers in namespaces that find wireguard-go."""
    with PrivateLan(tmp_path, fetched()) as lan:
        yield lan


def test_a_stream_goes_into_the_tunnel_in_large_pieces(lan: PrivateLan) -> None:
    one, two = meshed(lan, 2)
    assert one.ask(RouterClient.report)["Overlay"]["Encryption"] == "user-space"
    assert one.pings(two, FULL)
    assert streamed(one, two, TUNNEL_DEVICE) > JOINED
    assert streamed(two, one, TUNNEL_DEVICE) > JOINED
