"""What the overlay has a kernel do; that the kernel does it is held in tests/net and in test_exposing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from weave_http.addresses import IP, Cidr, parse_cidr
from weave_http.errors import HostError
from weave_http.net.relays import Relays
from weave_http.net.wireguard import TunnelPeer
from weave_http.router.data import overlay as module
from weave_http.router.data.kernel import Found, Kernel
from weave_http.router.data.overlay import Overlay
from weave_http.router.data.plan import Reach, Way
from weave_http.router.state import Exposure
from weave_http.router.store import Store

A, B = parse_cidr("10.2.1.254/24"), parse_cidr("10.2.2.254/24")
TUNNELLED = ip_address("240.0.0.1"), ip_address("240.0.0.2")
ONE, TWO = ip_address("192.0.2.1"), ip_address("192.0.2.2")


class Pretender(Kernel):
    """A kernel that notes what it was made to be."""

    def __init__(self) -> None:
        self.exposed: dict[Cidr, bool] = {}
        self.sent_to: frozenset[IP] = frozenset()
        self.let_in: frozenset[IP] = frozenset()
        self.failure: HostError | None = None
        self.done: list[str] = []

    def sign_bridge(self, uid: int) -> None:
        self.done.append(f"signed by {uid}")

    def converge(
        self,
        exposed: Mapping[Cidr, bool],
        relays: Relays | None = None,
        limit: int = 65535,
        sources: Collection[IP] = (),
    ) -> Found:
        self.done.append("converge")
        self.let_in = frozenset(sources)
        if self.failure:
            raise self.failure
        self.exposed |= exposed
        return Found(min(1450, limit), dict(self.exposed), False)

    def hide(self, addresses: Collection[Cidr]) -> None:
        if self.failure:
            raise self.failure
        self.exposed = {cidr: each for cidr, each in self.exposed.items() if cidr not in addresses}

    def send_to(self, wanted: Collection[IP], peers: Sequence[TunnelPeer] = ()) -> None:
        self.sent_to = frozenset(wanted)
        self.done.append("send")

    def leave(self) -> None:
        self.done.append("leave")


@pytest.fixture(autouse=True)
def _no_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_bridge_of", lambda uid: uid == 1)
    monkeypatch.setattr(module, "bridge_addresses", lambda: {B})


class World:
    """An overlay, and what is around it."""

    def __init__(self, folder: Path) -> None:
        self.kernel = Pretender()
        self.store = Store(folder)
        self.reached: dict[str, IP] = {}
        self.overlay = Overlay(
            self.kernel, self.store, lambda now: Reach({peer: Way(peer, ip) for peer, ip in self.reached.items()})
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 20))


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_frames_of_a_new_peer_are_let_in_before_it_gets_any(world: World) -> None:
    async def work() -> None:
        await world.overlay.start()
        running = asyncio.create_task(world.overlay.run())
        world.kernel.done.clear()
        world.reached = {"a": ONE}
        world.overlay.changed()
        await until(lambda: world.overlay.destinations == {ONE})
        assert (set(world.kernel.let_in), world.kernel.done) == ({ONE}, ["converge", "send"])
        running.cancel()

    run(work)


def test_the_kernel_follows_the_plan_at_once_and_without_a_look_at_the_rest(world: World) -> None:
    async def work() -> None:
        await world.overlay.start()
        running = asyncio.create_task(world.overlay.run())
        world.kernel.done.clear()
        world.reached = {"a": TUNNELLED[0], "b": TUNNELLED[1]}
        world.overlay.changed()
        await until(lambda: world.overlay.destinations == {*TUNNELLED})
        assert (set(world.kernel.sent_to), world.kernel.done, world.overlay.mtu) == ({*TUNNELLED}, ["send"], 1450)
        running.cancel()

    run(work)


def test_changes_that_never_end_do_not_keep_it_from_the_rest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK", 0.02)

    async def work() -> None:
        await world.overlay.start()
        running = asyncio.create_task(world.overlay.run())
        world.kernel.done.clear()
        while world.kernel.done.count("converge") < 2:
            world.overlay.changed()
            await asyncio.sleep(0)
        running.cancel()

    run(work)


def test_trouble_is_said_once_and_over_when_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CHECK", 0.005)

    async def work() -> None:
        await world.overlay.start()
        running = asyncio.create_task(world.overlay.run())
        world.kernel.failure = HostError("no rules")
        world.kernel.done.clear()
        await until(lambda: world.kernel.done.count("converge") > 3)
        assert world.overlay.trouble == "no rules"
        world.kernel.failure = None
        await until(lambda: not world.overlay.trouble)
        running.cancel()

    run(work)
    assert [record.getMessage() for record in caplog.records] == ["the data plane is not as it should be: no rules"]


def test_what_is_exposed_is_remembered_and_what_the_kernel_refuses_is_not(world: World) -> None:
    async def work() -> None:
        await world.overlay.start()
        await world.overlay.expose([A], masquerade=False, name="h1")
        assert (world.store.state.exposed, world.kernel.exposed) == ({A: Exposure(False, ("h1",))}, {A: False})
        world.kernel.failure = HostError("no rules")
        with pytest.raises(HostError, match="no rules"):
            await world.overlay.expose([A, B], masquerade=True, name="h2")
        with pytest.raises(HostError, match="no rules"):
            await world.overlay.hide([A])
        assert world.store.state.exposed == {A: Exposure(False, ("h1",))}
        world.kernel.failure = None
        await world.overlay.hide([A, B])
        assert (world.store.state.exposed, world.kernel.exposed) == ({}, {})

    run(work)


def test_what_can_not_be_remembered_is_not_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        await world.overlay.start()
        await world.overlay.expose([A], masquerade=True, name="")

        async def change(edit: object) -> None:
            raise HostError("disk full")

        monkeypatch.setattr(world.store, "change", change)
        with pytest.raises(HostError, match="disk full"):
            await world.overlay.expose([B], masquerade=True, name="")
        with pytest.raises(HostError, match="disk full"):
            await world.overlay.hide([A])
        assert world.kernel.exposed == {A: True}

    run(work)


def test_what_others_exposed_is_remembered_and_what_they_hid_stays_hidden(world: World, tmp_path: Path) -> None:
    async def work() -> None:
        world.kernel.exposed = {B: False}
        await world.overlay.start()
        assert world.store.state.exposed == {B: Exposure(False)}
        await world.overlay.expose([A], masquerade=True, name="")
        again = World(tmp_path)
        await again.overlay.start(uid=2, before=1)
        assert set(again.store.state.exposed) == {B}, "the bridge is the last router's, and A was on it no more"
        another = World(tmp_path)
        await another.overlay.start(uid=3, before=2)
        assert another.kernel.exposed == {B: False}, "a bridge that was made anew says nothing"

    run(work)


def test_after_it_left_nothing_is_exposed_or_sent_any_more(world: World) -> None:
    async def work() -> None:
        await world.overlay.start()
        running = asyncio.create_task(world.overlay.run())
        await world.overlay.leave()
        world.reached = {"a": ONE}
        world.overlay.changed()
        with pytest.raises(HostError, match="the router is leaving; launch it again"):
            await world.overlay.expose([A], masquerade=True, name="")
        await running
        assert (world.overlay.destinations, world.kernel.done[-1]) == (frozenset(), "leave")

    run(work)
