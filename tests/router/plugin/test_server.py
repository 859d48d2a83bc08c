from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weave_http.errors import HostError
from weave_http.router.mesh.identity import PeerName
from weave_http.router.plugin.bodies import Body
from weave_http.router.plugin.catalogue import Catalogue
from weave_http.router.plugin.driver import Driver
from weave_http.router.plugin.gossip import NetworkGossip
from weave_http.router.plugin.ipam import Ipam
from weave_http.router.plugin.networks import Networks
from weave_http.router.plugin.server import Call, PluginServer

ID = "ab" * 32
ME = PeerName("02:00:00:00:00:01")
OPTIONS = {"com.docker.network.generic": {"works.weave.network": "weave"}}


def driver(folder: Path) -> Driver:
    """Return the network driver of a peer that is alone."""
    networks = Networks(folder)
    return Driver(networks, Catalogue(ME, networks, NetworkGossip(ME, 1), lambda: None))


def answered(path: Path, name: str, content: bytes) -> tuple[int, Any]:
    """Return status and answer of one call."""

    async def fails(body: Body) -> Mapping[str, Any]:
        raise HostError("no such thing", hint="make one")

    async def echo(body: Body) -> Mapping[str, Any]:
        return body

    async def run() -> tuple[int, Any]:
        server = PluginServer({"Fails": fails, "Echo": echo}, path / "run" / "plugin.sock")
        await server.start()
        try:
            connector = aiohttp.UnixConnector(str(path / "run" / "plugin.sock"))
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.post(f"http://plugin/{name}", data=content) as answer,
            ):
                return answer.status, json.loads(await answer.read())
        finally:
            await server.stop()

    return asyncio.run(run())


def test_a_call_that_fails_is_told_to_both_kinds_of_driver(tmp_path: Path) -> None:
    line = "weave: no such thing; make one"
    assert answered(tmp_path, "Fails", b"{}") == (200, {"Err": line, "Error": line})


@pytest.mark.parametrize("content", [b"[]", b"{", b"3", b"\xff", b"[" * 100_000])
def test_a_body_that_makes_no_sense_is_answered(tmp_path: Path, content: bytes) -> None:
    status, answer = answered(tmp_path, "Echo", content)
    assert status == 200
    assert answer["Err"].startswith("weave: invalid body")


def test_a_call_without_a_body_has_an_empty_one(tmp_path: Path) -> None:
    assert answered(tmp_path, "Echo", b"") == (200, {})


def test_a_call_that_there_is_none_of_is_said(tmp_path: Path) -> None:
    assert answered(tmp_path, "NetworkDriver.Fly", b"{}")[0] == 404


def test_networks_are_known_to_the_next_router(tmp_path: Path) -> None:
    ranges = [{"AddressSpace": "weave", "Pool": "10.32.0.0/12"}]
    body = {"NetworkID": ID, "Options": OPTIONS, "IPv4Data": ranges}
    asyncio.run(driver(tmp_path).create_network(body))
    endpoint = {"NetworkID": ID, "EndpointID": ID, "Interface": {"Address": "10.32.0.1/12"}}
    assert asyncio.run(driver(tmp_path).create_endpoint(endpoint)) == {"Interface": {}}
    asyncio.run(driver(tmp_path).delete_network(body))
    with pytest.raises(HostError, match="unknown to the router"):
        asyncio.run(driver(tmp_path).create_endpoint(endpoint))


def test_a_memory_that_makes_no_sense_is_an_empty_one(tmp_path: Path) -> None:
    for content in ("[]", "{", '{"format": 1}', '{"format": 3, "here": {"x": {}}}', '{"format": 3, "here": 3}'):
        (tmp_path / "networks.json").write_text(content)
        assert list(Networks(tmp_path)) == []


@pytest.mark.parametrize(
    ("space", "options", "why"),
    [
        ("LocalDefault", OPTIONS, "by itself"),
        ("weave", {"com.docker.network.generic": {"works.weave.network": "red"}}, "the router sets it"),
        ("weave", {"com.docker.network.generic": {"works.weave.multicast": "red"}}, "expected true or false"),
        ("weave", {"com.docker.network.generic": 3}, "invalid com.docker.network.generic"),
    ],
)
def test_networks_that_there_can_be_none_of_are_refused(tmp_path: Path, space: str, options: Any, why: str) -> None:
    body = {"NetworkID": ID, "Options": options, "IPv4Data": [{"AddressSpace": space}]}
    with pytest.raises(HostError, match=why):
        asyncio.run(driver(tmp_path).create_network(body))


@pytest.mark.parametrize(
    ("four", "six", "why"),
    [
        ([], ["weave"], "a network of weave has IPv4, with IPv6 or without"),
        (["weave"], ["LocalDefault"], "by itself"),
        (["weave"], ["weave", "weave"], "by itself"),
        ([], [], "by itself"),
    ],
)
def test_a_network_has_one_subnet_of_ipv4_and_at_most_one_of_ipv6(
    tmp_path: Path, four: list[str], six: list[str], why: str
) -> None:
    pools = {
        key: [{"AddressSpace": space} for space in spaces] for key, spaces in (("IPv4Data", four), ("IPv6Data", six))
    }
    with pytest.raises(HostError, match=why):
        asyncio.run(driver(tmp_path).create_network({"NetworkID": ID, **pools}))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(ID),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    "NetworkID",
    "EndpointID",
    "Options",
    "IPv4Data",
    "IPv6Data",
    "Interface",
    "Pool",
    "SubPool",
    "PoolID",
    "Address",
    "V6",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING))
def test_whatever_is_in_a_body_a_failure_is_one_line(tmp_path: Path, body: dict[str, Any]) -> None:
    asks_the_kernel = ("NetworkDriver.Leave", "NetworkDriver.DeleteEndpoint", "NetworkDriver.Join")
    calls = {**driver(tmp_path).calls, **Ipam(None).calls}
    failures = asyncio.run(all_failures([call for name, call in calls.items() if name not in asks_the_kernel], body))
    assert not any("\n" in failure for failure in failures)


async def all_failures(calls: list[Call], body: dict[str, Any]) -> list[str]:
    """Return why calls failed."""
    failures = []
    for call in calls:
        try:
            await call(body)
        except HostError as error:
            failures.append(str(error))
    return failures
