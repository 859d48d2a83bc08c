"""In which order the router writes, closes the gate, and says what it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from ipaddress import ip_interface, ip_network
from pathlib import Path

import pytest

from tests.router.control.test_api import Pretender
from weave_http.addresses import Cidr
from weave_http.errors import HostError
from weave_http.router.addresses import service
from weave_http.router.addresses.charter import Charter
from weave_http.router.addresses.gossip import AddressGossip
from weave_http.router.addresses.options import AddressOptions
from weave_http.router.addresses.service import EXPOSED, AddressService
from weave_http.router.addresses.standing import Standing
from weave_http.router.mesh.facts import Fact, Stamp
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.neighbours import View
from weave_http.router.store import Store

ME, OTHER = PeerName("02:00:00:00:00:01"), PeerName("02:00:00:00:00:02")
RANGE = ip_network("10.32.0.0/16")
BLOCK = ip_network("10.32.0.0/24")
HELD = ip_interface("10.32.0.1/16")
TAKEN = Charter(5, "1.a", {OTHER: 8}, {OTHER: (BLOCK,)}, {OTHER: 8}, floor=4)
"""What was ours is another's."""
EXPIRED = Charter(5, "1.a", {OTHER: 8}, {ME: (BLOCK,)}, {ME: 7}, {ME: 5})


class Alone:
    """The addresses of a host that meets nobody, and what its kernel was told.

    Args:
        folder: its disk.
    """

    def __init__(self, folder: Path) -> None:
        self.gossip = AddressGossip(ME, 1)
        self.gossip.settle(View(frozenset(), frozenset({ME}), {ME: frozenset()}), 0.0)
        self.store = Store(folder)
        options = AddressOptions((RANGE,), (RANGE,), 1)
        self.service = AddressService(
            ME, options, self.gossip, self.store, changed=lambda: None, nickname=lambda peer: ""
        )
        self.service.follow = self.follow
        self.followed: list[tuple[int, int, bool]] = []
        self.fails = False

    @property
    def said(self) -> int:
        """The number of the charter that it says it has."""
        found = [fact.value.number for fact in self.gossip._facts if fact.owner == ME and fact.value is not None]
        return found[0] if found else 0

    @property
    def written(self) -> int:
        """The number of the charter that is on the disk."""
        kept = self.store.state.kept
        return kept.memory.charter.number if kept and kept.memory.charter else 0

    async def follow(self) -> None:
        """Be the kernel."""
        if self.fails:
            raise HostError("the kernel refused")
        self.followed.append((self.written, self.said, self.service.allocator.gate.apart))

    async def learn(self, charter: Charter, owner: str = "c" * 64) -> None:
        """Have somebody with an address of the range, by default a container, and be taught a charter."""
        await self.service.adopt(owner, [HELD])
        self.gossip.learn(charter)
        with suppress(HostError):
            await self.service.release("nobody")
            await self.service.adopt(owner, [HELD])


def test_the_gate_is_closed_after_a_charter_is_written_and_before_it_is_said(tmp_path: Path) -> None:
    alone = Alone(tmp_path)
    asyncio.run(alone.learn(TAKEN))
    assert alone.followed == [(5, 0, True)]
    assert alone.said == 5


def test_a_charter_is_not_said_as_long_as_the_gate_can_not_be_closed(tmp_path: Path) -> None:
    alone = Alone(tmp_path)
    alone.fails = True
    asyncio.run(alone.learn(TAKEN))
    assert alone.written == 5
    assert alone.said == 0
    assert Alone(tmp_path).service.allocator.gate.admits("10.0.0.2") is False


def test_a_host_is_apart_as_soon_as_its_own_share_has_expired(tmp_path: Path) -> None:
    alone = Alone(tmp_path)
    asyncio.run(alone.learn(EXPIRED))
    assert alone.followed == [(5, 0, True)]
    assert "not this host's any more: 10.32.0.1" in alone.service.trouble


def test_what_is_anothers_by_now_is_taken_from_its_container(tmp_path: Path) -> None:
    alone, gone = Alone(tmp_path), list[tuple[str, list[Cidr]]]()

    async def take_away(owner: str, addresses: Collection[Cidr]) -> None:
        gone.append((owner, list(addresses)))
        await alone.service.release(owner, [cidr.ip for cidr in addresses])

    async def run() -> None:
        alone.service.take_away = take_away
        await alone.learn(TAKEN)
        alone.service.allocator.clashes = {HELD.ip: OTHER}
        await alone.service._let_go()

    asyncio.run(run())
    assert gone == [("c" * 64, [HELD])]
    assert not alone.service.allocator.gate.apart
    assert alone.followed[-1] == (5, 5, False)


class Controlled(Alone):
    """The same, with what takes addresses away in a router."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.control = Pretender()
        self.control._addresses = self.service
        self.service.take_away = self.control.take_away

    async def let_go(self, owner: str) -> None:
        """Learn that what an owner has is another's by now, and draw the conclusion. Raises `HostError`."""
        await self.learn(TAKEN, owner)
        self.service.allocator.clashes = {HELD.ip: OTHER}
        await self.service._let_go()


def test_an_address_of_the_host_that_is_anothers_by_now_is_hidden(tmp_path: Path) -> None:
    host = Controlled(tmp_path)
    asyncio.run(host.let_go(EXPOSED))
    assert host.control.done == [f"hide {HELD}"]
    assert host.service.allocator.holdings.of(EXPOSED) == ()
    assert not host.service.allocator.gate.apart


def test_a_host_is_apart_until_docker_lets_go_of_an_address_that_is_anothers(tmp_path: Path) -> None:
    host, endpoint = Controlled(tmp_path), "weave:docker:02:00:00:00:00:09"

    async def run() -> None:
        with pytest.raises(HostError, match=r"can't take 10\.32\.0\.1 from weave:docker.* docker network disconnect"):
            await host.let_go(endpoint)
        assert host.service.allocator.gate.apart
        await host.service.release(endpoint)  # as the engine has the plugin do when it is disconnected

    asyncio.run(run())
    assert host.control.done == []
    assert not host.service.allocator.gate.apart
    assert host.followed[-1] == (5, 5, False)


class Shared(Alone):
    """The same, in a network that another peer has part in.

    Args:
        folder: its disk.
        monkeypatch: of the test.
        unhurried: seconds after which it tells what nobody waits for; by default more than a test takes.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, unhurried: float = 1000.0) -> None:
        super().__init__(folder)
        monkeypatch.setattr(service, "UNHURRIED", unhurried)
        life = self.service.allocator.agreement.memory.life
        self.gossip.learn(Charter(5, "1.a", {OTHER: 8}, {ME: (BLOCK,)}, {ME: life}))
        self.work: asyncio.Task[None] | None = None

    @property
    def used(self) -> int:
        """How many addresses it says that it handed out."""
        (found,) = [fact.value.used for fact in self.gossip._facts if fact.owner == ME and fact.value is not None]
        return found

    async def hand_out(self) -> None:
        """Begin to take part in agreements, hand out three addresses, and take one of them back."""
        self.work = asyncio.create_task(self.service.run())
        await eventually(lambda: self.said == 5)
        for each in ("a", "b", "c"):
            await self.service.allocate(each * 64)
        await self.service.release("a" * 64)


async def eventually(condition: Callable[[], bool]) -> None:
    """Return when something holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def test_what_an_address_changes_is_kept_at_once_and_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Shared(tmp_path, monkeypatch)

    async def run() -> None:
        await host.hand_out()
        await asyncio.sleep(0.2)
        assert host.used == 0
        assert host.store.state.kept is not None
        assert {*host.store.state.kept.held} == {"b" * 64, "c" * 64}

    asyncio.run(run())


def test_how_much_of_a_share_is_used_is_told_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Shared(tmp_path, monkeypatch, unhurried=0.2)

    async def run() -> None:
        await host.hand_out()
        await eventually(lambda: host.used == 2)

    asyncio.run(run())


def test_what_an_address_changes_is_told_at_once_if_another_host_looks_for_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Shared(tmp_path, monkeypatch)
    wants = Standing(8, (RANGE,), 5, "1.a", wants=(BLOCK,))
    host.gossip._facts.merge([Fact(OTHER, Stamp(1, 1), wants)])

    async def run() -> None:
        await host.hand_out()
        await eventually(lambda: host.used == 2)

    asyncio.run(run())
