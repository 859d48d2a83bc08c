from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from weave_http.errors import HostError
from weave_http.router.addresses.gossip import AddressGossip
from weave_http.router.addresses.options import AddressOptions
from weave_http.router.addresses.service import AddressService
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.neighbours import View
from weave_http.router.plugin.ipam import Ipam
from weave_http.router.store import Store

ME = PeerName("02:00:00:00:00:01")
RANGES = ip_network("10.32.0.0/16"), ip_network("fd00:32::/48")
MAC = "com.docker.network.endpoint.macaddress"
GATEWAY = {"RequestAddressType": "com.docker.network.gateway"}


def used(folder: Path, work: Callable[[Ipam, AddressService], Awaitable[None]]) -> None:
    """Have something done with the IPAM driver of a peer that is alone."""

    async def run() -> None:
        gossip = AddressGossip(ME, 1)
        gossip.settle(View(frozenset(), frozenset({ME}), {ME: frozenset()}), 0.0)
        options = AddressOptions(RANGES, RANGES, 1)
        service = AddressService(ME, options, gossip, Store(folder), changed=lambda: None, nickname=lambda peer: "")
        running = asyncio.create_task(service.run())
        try:
            await work(Ipam(service), service)
        finally:
            running.cancel()

    asyncio.run(run())


async def ask(ipam: Ipam, mac: str, given: str = "", pool: str = "10.32.0.0/16") -> str:
    body: dict[str, Any] = {"PoolID": pool, "Address": given, "Options": {MAC: mac}}
    return str((await ipam.request_address(body))["Address"])


def test_a_pool_is_its_own_id_and_its_range_is_kept_to(tmp_path: Path) -> None:
    async def work(ipam: Ipam, service: AddressService) -> None:
        found = await ipam.request_pool({"Pool": "10.32.0.0/16", "SubPool": "10.32.4.0/24", "V6": False})
        assert found["Pool"] == "10.32.0.0/16"
        address = await ask(ipam, "02:42:00:00:00:01", pool=found["PoolID"])
        assert address == "10.32.4.1/16"
        assert (await ipam.request_pool({}))["Pool"] == "10.32.255.0/24"

    used(tmp_path, work)


def test_a_gateway_is_reserved_for_who_asks_for_it_by_name(tmp_path: Path) -> None:
    async def work(ipam: Ipam, service: AddressService) -> None:
        gateway = {"PoolID": "10.32.4.0/24", "Address": "10.32.4.1", "Options": GATEWAY}
        assert (await ipam.request_address(gateway))["Address"] == "10.32.4.1/24"
        service.allocator.reserved = lambda: (ip_network("10.32.4.1/32"),)
        assert await ask(ipam, "02:42:00:00:00:01", pool="10.32.4.0/24") == "10.32.4.2/24"
        assert await ask(ipam, "02:42:00:00:00:02", "10.32.4.1", "10.32.4.0/24") == "10.32.4.1/24"

    used(tmp_path, work)


def test_subnets_of_further_networks_are_left_alone_as_long_as_others_have_room(tmp_path: Path) -> None:
    async def work(ipam: Ipam, service: AddressService) -> None:
        service.allocator.avoided = lambda: (ip_network("10.32.0.0/30"), ip_network("10.32.0.4/31"))
        assert await ask(ipam, "02:42:00:00:00:01") == "10.32.0.6/16"
        assert await ask(ipam, "02:42:00:00:00:02", pool="10.32.0.0/30") == "10.32.0.1/30"
        assert await ask(ipam, "02:42:00:00:00:03", pool="10.32.0.0/16 10.32.0.0/29") == "10.32.0.2/16"

    used(tmp_path, work)


def test_an_endpoint_has_an_address_of_each_version_of_ip(tmp_path: Path) -> None:
    async def work(ipam: Ipam, service: AddressService) -> None:
        mac = "02:42:00:00:00:01"
        found = await ipam.request_pool({"Pool": "fd00:32:0:1::/64", "SubPool": "fd00:32:0:1::100/120", "V6": True})
        assert found["Data"] == {"com.docker.network.gateway": "fd00:32:0:1::/64"}
        assert (await ipam.request_pool({"V6": True}))["Pool"] == "fd00:32:0:ffff::/64"
        four, six = await ask(ipam, mac), await ask(ipam, mac, pool=found["PoolID"])
        assert (four, six) == ("10.32.0.1/16", "fd00:32:0:1::101/64")
        assert await ask(ipam, "02:42:00:00:00:02", "fd00:32:0:1::9", "fd00:32:0:1::/64") == "fd00:32:0:1::9/64"
        await ipam.release_address({"Address": "fd00:32:0:1::101"})
        assert [str(cidr.ip) for cidr in service.allocator.holdings.of(f"weave:docker:{mac}")] == ["10.32.0.1"]

    used(tmp_path, work)


def test_an_address_is_the_endpoints_until_it_is_released(tmp_path: Path) -> None:
    async def work(ipam: Ipam, service: AddressService) -> None:
        first = await ask(ipam, "02:42:00:00:00:01")
        assert await ask(ipam, "02:42:00:00:00:01", first.partition("/")[0]) == first
        with pytest.raises(HostError, match="already owned"):
            await ask(ipam, "02:42:00:00:00:02", first.partition("/")[0])
        assert await ask(ipam, "02:42:00:00:00:02") != first
        assert ipam.in_use
        await ipam.release_address({"Address": first.partition("/")[0]})
        assert await ask(ipam, "02:42:00:00:00:03", first.partition("/")[0]) == first

    used(tmp_path, work)


def test_what_no_endpoint_has_comes_back_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(ipam: Ipam, service: AddressService) -> None:
        kept, lost = "02:42:00:00:00:01", "02:42:00:00:00:02"
        await ask(ipam, kept)
        gone = await ask(ipam, lost)
        assert await ipam.keep_only({kept}) == []  # the engine may be about to make it
        monkeypatch.setattr("weave_http.router.plugin.ipam.GRACE", 0.0)
        assert await ipam.keep_only({kept}) == [gone.partition("/")[0]]

    used(tmp_path, work)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"V6": True, "Pool": "10.32.1.0/24"}, "10.32.1.0/24 is not within fd00:32::/48"),
        ({"V6": True, "Pool": "fd00:33::/64"}, "fd00:33::/64 is not within fd00:32::/48"),
        ({"Pool": "fd00:32::/64"}, "fd00:32::/64 is not within 10.32.0.0/16"),
        ({"Pool": "10.9.0.0/24"}, "10.9.0.0/24 is not within 10.32.0.0/16"),
        ({"Pool": "10.32.0.0/22", "SubPool": "10.32.4.0/24"}, "is not within the subnet"),
        ({"Pool": 3}, "invalid Pool 3"),
        ({"Pool": "x"}, "invalid subnet 'x'"),
    ],
)
def test_pools_that_there_can_be_none_of_are_refused(tmp_path: Path, body: dict[str, Any], why: str) -> None:
    async def work(ipam: Ipam, service: AddressService) -> None:
        with pytest.raises(HostError, match=why):
            await ipam.request_pool(body)

    used(tmp_path, work)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"PoolID": "10.32.0.0/16", "Address": "10.33.0.1", "Options": {MAC: "x"}}, "not within the subnet"),
        ({"PoolID": "10.32.0.0/16", "Address": "none", "Options": {MAC: "x"}}, "none"),
        ({"PoolID": ["x"]}, "invalid PoolID"),
        ({"PoolID": "10.32.0.0/16", "Options": 5}, "invalid Options"),
        (
            {
                "PoolID": "10.32.0.0/16",
                "Address": "10.33.0.1",
                "Options": {"RequestAddressType": "com.docker.network.gateway"},
            },
            "the gateway 10.33.0.1 is not within the subnet",
        ),
        ({"PoolID": "10.32.0.0/16", "Address": "10.32.0.1"}, "leave out --aux-address"),
    ],
)
def test_addresses_that_there_can_be_none_of_are_refused(tmp_path: Path, body: dict[str, Any], why: str) -> None:
    async def work(ipam: Ipam, service: AddressService) -> None:
        with pytest.raises(HostError, match=why):
            await ipam.request_address(body)

    used(tmp_path, work)


def test_without_a_range_of_ipv6_there_are_no_addresses_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(ipam: Ipam, service: AddressService) -> None:
        with pytest.raises(
            HostError, match="no addresses of IPv6 are handed out; launch all hosts with a range of both"
        ):
            await ipam.request_pool({"V6": True})

    monkeypatch.setattr(f"{__name__}.RANGES", RANGES[:1])
    used(tmp_path, work)


def test_without_a_range_there_are_no_addresses() -> None:
    with pytest.raises(HostError, match="empty --ipalloc-range"):
        asyncio.run(Ipam(None).request_pool({}))
