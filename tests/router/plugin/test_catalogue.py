"""Further networks of hosts that hear each other late, or not for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.router.mesh.worlds import name
from weave_http.addresses import parse_ip
from weave_http.errors import HostError
from weave_http.router.data.plan import Way
from weave_http.router.data.segments import destinations
from weave_http.router.mesh.identity import PeerName
from weave_http.router.plugin import catalogue as module
from weave_http.router.plugin.catalogue import Catalogue
from weave_http.router.plugin.descriptions import body_of, design_of
from weave_http.router.plugin.facts import Says
from weave_http.router.plugin.gossip import NetworkGossip
from weave_http.router.plugin.networks import FILE, Networks
from weave_http.router.plugin.recent import SECONDS, Recent
from weave_http.router.plugin.registry import Identity, Record

SUBNET, OTHER = "10.32.1.0/24", "10.32.2.0/24"


class Gossip(NetworkGossip):
    """A topic that has heard what the test says."""

    def __init__(self, me: PeerName) -> None:
        super().__init__(me, 1)
        self.others: dict[PeerName, Says] = {}

    @property
    def says(self) -> Mapping[PeerName, Says]:
        return {self._me: self._facts.own.value, **self.others}


class OneHost:
    """A host: its engine's networks by id, and its catalogue."""

    def __init__(self, number: int, folder: Path) -> None:
        self.name = name(number)
        self.folder = folder / str(number)
        self.folder.mkdir(exist_ok=True)
        self.number = number
        self.engine: dict[str, dict[str, Any]] = {}
        self.count = 0
        self.start()

    def start(self) -> None:
        self.gossip = Gossip(self.name)
        self.catalogue = Catalogue(self.name, Networks(self.folder), self.gossip, lambda: None)

    async def create(self, body: Mapping[str, Any]) -> str:
        """Do as the engine does when a network is made."""
        self.count += 1
        network = f"{self.number:02d}{self.count:02d}" * 16
        await self.catalogue.create(network, further=True, multicast=False)
        self.engine[network] = {**body, "Id": network}
        await self.look()
        return network

    async def remove(self, network: str) -> None:
        """Do as the engine does when a network is removed."""
        del self.engine[network]
        await self.catalogue.delete(network, everywhere=True)
        await self.look()

    async def look(self) -> None:
        await self.catalogue.know(self.engine.values())

    async def hear(self, *others: OneHost) -> None:
        """Hear from others, and do what follows, but for the kernel."""
        self.gossip.others.update({other.name: other.gossip.says[other.name] for other in others})
        await self.catalogue.learn()

    async def follow(self, *, in_use: bool = False) -> None:
        """Have the engine do what there is to do, and then the kernel."""
        for network in self.catalogue.surplus if not in_use else ():
            await self.remove(network)
        for record in self.catalogue.missing:
            await self.create(body_of(record))
        self.carry()
        await self.catalogue.number()

    def carry(self) -> None:
        self.catalogue.carried(self.catalogue.further(), {})

    def sends_to(self, network: str) -> set[str]:
        """Return the other hosts that get frames of a network."""
        further = self.catalogue.further()
        (segment,) = [each for each in further.segments if each.network == network]
        ways = {str(name(number)): Way(name(number), parse_ip(f"192.0.2.{number}")) for number in range(1, 10)}
        return {str(ip)[-1] for ip in destinations(segment, further.heard, ways, set())}


def body(called: str, subnet: str = SUBNET) -> dict[str, Any]:
    return {"Name": called, "IPAM": {"Config": [{"Subnet": subnet}]}, "Options": {}, "Internal": False}


def run(work: Callable[[OneHost, OneHost], Awaitable[None]], folder: Path) -> None:
    async def both() -> None:
        await work(OneHost(1, folder), OneHost(2, folder))

    asyncio.run(both())


async def exchange(one: OneHost, two: OneHost, **options: bool) -> None:
    for _ in range(3):
        await one.hear(two)
        await one.follow(**options)
        await two.hear(one)
        await two.follow(**options)


def test_a_network_is_made_on_the_others_and_frames_go_there_once_they_have_it(tmp_path: Path) -> None:
    async def work(one: OneHost, two: OneHost) -> None:
        network = await one.create(body("back"))
        one.carry()
        await two.hear(one)
        assert [record.name for record in two.catalogue.missing] == ["back"]
        await one.hear(two)
        assert one.sends_to(network) == set()  # it knows of it, and does not have it yet
        await two.follow()
        await one.hear(two)
        assert one.sends_to(network) == {"2"}
        (there,) = two.catalogue.standings
        assert (there.vni, there.peers, there.trouble) == (one.catalogue.standings[0].vni, (one.name, two.name), "")

    run(work, tmp_path)


def test_one_made_on_two_hosts_at_once_is_one_if_it_is_the_same(tmp_path: Path) -> None:
    async def work(one: OneHost, two: OneHost) -> None:
        here, there = await one.create(body("back")), await two.create(body("back"))
        await exchange(one, two)
        assert (list(one.engine), list(two.engine)) == ([here], [there])
        assert one.sends_to(here) == {"2"}
        assert two.sends_to(there) == {"1"}

    run(work, tmp_path)


def test_two_that_differ_stay_apart_until_the_later_one_is_in_use_no_more(tmp_path: Path) -> None:
    async def work(one: OneHost, two: OneHost) -> None:
        here, there = await one.create(body("back")), await two.create(body("back", OTHER))
        await exchange(one, two, in_use=True)
        assert (one.sends_to(here), two.sends_to(there)) == (set(), set())
        assert {each.vni for each in one.catalogue.standings}.isdisjoint(
            {each.vni for each in two.catalogue.standings if each.network == there}
        )
        assert list(two.catalogue.surplus) == [there]
        await exchange(one, two)
        assert [each["IPAM"]["Config"][0]["Subnet"] for each in two.engine.values()] == [SUBNET]
        assert one.sends_to(here) == {"2"}

    run(work, tmp_path)


def test_what_is_removed_goes_on_where_it_is_in_use_and_from_a_host_that_was_away(tmp_path: Path) -> None:
    async def work(one: OneHost, two: OneHost) -> None:
        network = await one.create(body("back"))
        await exchange(one, two)
        (there,) = two.engine
        away = two.gossip.says[two.name]
        await one.remove(network)
        assert one.catalogue.standings == []
        two.start()  # its router starts again, and hears of it only then
        one.gossip.others[two.name] = away
        await one.catalogue.learn()
        assert one.catalogue.missing == []
        await two.look()
        await two.hear(one)
        vni = two.catalogue.further().segments[0].vni
        assert vni == next(iter(away.carried.values()))
        await two.follow(in_use=True)
        assert list(two.engine) == [there]
        await two.follow()
        assert two.engine == {}
        again = await one.create(body("back"))
        await exchange(one, two)
        assert one.sends_to(again) == {"2"}

    run(work, tmp_path)


def test_one_that_was_removed_and_is_made_again_takes_in_who_used_it_still(tmp_path: Path) -> None:
    async def work(one: OneHost, two: OneHost) -> None:
        network = await one.create(body("back"))
        await exchange(one, two)
        (there,) = two.engine
        await one.remove(network)
        await exchange(one, two, in_use=True)
        again = await one.create(body("back"))
        await exchange(one, two, in_use=True)
        assert list(two.engine) == [there]
        assert two.sends_to(there) == {"1"}
        assert one.sends_to(again) == {"2"}

    run(work, tmp_path)


def test_a_host_that_leaves_takes_no_network_from_the_others(tmp_path: Path) -> None:
    async def work(one: OneHost, two: OneHost) -> None:
        await one.create(body("back"))
        await exchange(one, two)
        (there,) = two.engine
        del two.engine[there]
        await two.catalogue.delete(there, everywhere=False)
        await one.hear(two)
        assert one.catalogue.surplus == {}

    run(work, tmp_path)


def test_one_that_the_engine_did_not_make_after_all_is_nobodys(tmp_path: Path) -> None:
    async def work(one: OneHost, two: OneHost) -> None:
        await one.catalogue.create("ab" * 32, further=True, multicast=False)
        await one.catalogue.delete("ab" * 32, everywhere=True)
        await two.hear(one)
        assert two.catalogue.missing == []

    run(work, tmp_path)


def test_networks_are_known_to_the_next_router_and_numbers_are_the_same(tmp_path: Path) -> None:
    async def work(one: OneHost, two: OneHost) -> None:
        network = await one.create(body("back"))
        before = one.catalogue.further()
        one.start()
        assert one.catalogue.further().segments == before.segments
        (one.folder / FILE).unlink()  # also to one that has lost its memory, by the others
        await exchange(two, one)
        await two.hear(one)
        one.start()
        await one.hear(two)
        await one.look()
        assert [each.network for each in one.catalogue.further().segments] == [network]

    run(work, tmp_path)


def test_a_container_that_joins_waits_for_its_network_and_is_told_why_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(one: OneHost, two: OneHost) -> None:
        network = await one.create(body("back"))
        waiting = asyncio.create_task(one.catalogue.ready(network))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        one.carry()
        await waiting
        monkeypatch.setattr(module, "_PATIENCE", 0.0)
        one.catalogue.carried(one.catalogue.further(), {network: "no VXLAN"})
        with pytest.raises(HostError, match="is not on this host: no VXLAN"):
            await one.catalogue.ready(network)

    run(work, tmp_path)


def test_a_look_that_began_before_the_engine_s_call_does_not_undo_it(tmp_path: Path) -> None:
    async def work(one: OneHost, two: OneHost) -> None:
        red = await one.create(body("red"))
        await exchange(one, two)
        earlier = list(one.engine.values())
        await one.remove(red)
        await one.catalogue.know(earlier)
        assert not one.catalogue.missing
        await exchange(one, two)
        assert not one.engine
        assert not two.engine
        # The other way round: it is there, and what it is called is learnt by the next look.
        earlier = list(one.engine.values())
        blue = "b1" * 32
        await one.catalogue.create(blue, further=True, multicast=False)
        await one.catalogue.know(earlier)
        assert one.catalogue._networks.of(blue).further
        one.engine[blue] = {**body("blue"), "Id": blue}
        await one.look()
        assert [each.name for each in one.catalogue.standings] == ["blue"]

    run(work, tmp_path)


def test_a_network_of_both_versions_of_ip_is_made_alike_on_the_others() -> None:
    four = {"Subnet": SUBNET, "Gateway": "10.32.1.1"}
    six = {"Subnet": "fd00:32::/64", "IPRange": "fd00:32::100/120", "Gateway": "fd00:32::9"}
    described = {**body("back"), "EnableIPv6": True, "IPAM": {"Config": [six, four]}}
    design = design_of(described)
    assert str(design) == (
        "10.32.1.0/24, gateway 10.32.1.1, fd00:32::/64, ip-range fd00:32::100/120, gateway fd00:32::9"
    )
    asked = body_of(Record(Identity(1, name(1)), "back", design))
    assert (asked["EnableIPv6"], asked["IPAM"]["Config"]) == (True, [four, six])
    assert design_of(asked) == design
    # The engine names a gateway where there is none: the subnet itself.
    none = [{**four, "Gateway": "10.32.1.0"}, {**six, "Gateway": "fd00:32::/64"}]
    assert [pool.gateway for pool in design_of({**described, "IPAM": {"Config": none}}).pools] == [None, None]
    # A subnet that was given without `--ipv6` is none.
    alone = design_of({**described, "EnableIPv6": False})
    assert str(alone) == "10.32.1.0/24, gateway 10.32.1.1"
    assert body_of(Record(Identity(1, name(1)), "back", alone))["EnableIPv6"] is False
    with pytest.raises(HostError, match="back makes no sense: it has no subnet of IPv4"):
        design_of({**described, "IPAM": {"Config": [six]}})


def test_a_host_that_is_alone_has_its_networks() -> None:
    gossip = NetworkGossip(name(1), 1)
    gossip.say(Says(carried={Identity(1, name(1)): 77}))
    assert gossip.hosts([Identity(1, name(1))]) == [name(1)]
    assert gossip.hosts([Identity(2, name(1))]) == []


def test_a_call_of_the_engine_counts_for_a_while_only() -> None:
    now = 100.0
    recent = Recent(lambda: now)
    recent.note("a", made=True)
    recent.note("b", made=False)
    assert recent.corrected(["b", "c"]) == {"a", "c"}
    now += SECONDS - 1
    recent.note("a", made=False)
    assert recent.corrected(["a", "c"]) == {"c"}
    now += 2
    assert recent.corrected(["a", "b"]) == {"b"}
    now += SECONDS
    assert recent.corrected(["a", "b"]) == {"a", "b"}
