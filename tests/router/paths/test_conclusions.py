"""What a router concludes from its probes and from what others say."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from itertools import count
from typing import Any

import pytest

from weave_http.addresses import IP
from weave_http.net.relays import VIRTUAL, Leg
from weave_http.router.data.plan import Way
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.neighbours import View
from weave_http.router.paths import conclusions
from weave_http.router.paths.conclusions import CALM, LINGER, SETTLED, Conclusions
from weave_http.router.paths.facts import Says, Seen
from weave_http.router.paths.frame import Probe
from weave_http.router.paths.prober import Prober
from weave_http.router.paths.routes import Graph
from weave_http.router.paths.track import State

A, B, C = (PeerName(f"02:00:00:00:00:0{number}") for number in (1, 2, 3))
FULL = 1450
STEP = 0.02


class World:
    """Peer A among B and C: which ways pass is said, and time goes on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.prober = Prober(A)
        self.conclusions = Conclusions(A, 6784, self.prober, 0.0)
        self.connected: dict[PeerName, IP] = {B: ip_address("192.0.2.2"), C: ip_address("192.0.2.3")}
        self.links = {A: {B, C}, B: {A, C}, C: {A, B}}
        self.says = {B: Says(forwards=True), C: Says(forwards=True)}
        self.blocked: set[tuple[PeerName, bool]] = set()
        """Peers and whether the direct way there is meant, or the one over another host."""
        self.laid: Callable[[Way], Way | None] = lambda way: way

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += STEP
            view = View(self.connected.keys(), self.links.keys(), self.links)
            connected = self.connected
            room = {4: FULL, 6: FULL - 20}
            self.conclusions.conclude(
                connected,
                connected,
                view,
                self.says,
                room,
                self.now,
                forwards=True,
                local={},
                laid=self.laid,
            )
            for each in self.prober.due(self.now)[0]:
                if (each.way.peer, not each.way.label) not in self.blocked:
                    asked = each.probe
                    self.prober.hear(
                        Probe(True, asked.target, A, asked.label, asked.nonce, asked.size), self.now + 0.001
                    )
            for peer in self.prober.in_doubt:
                self.prober.pulse(peer, self.now)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """This host's ends of paths."""
        relays = self.conclusions.relays(self.now)
        return relays.legs if relays else ()

    @property
    def over(self) -> dict[PeerName, tuple[str, ...]]:
        """Which hosts are in between on the ways that are used, by peer."""
        return {peer: way.via for peer, way in self.conclusions.in_use.items()}

    def state(self, peer: PeerName) -> State:
        return self.prober.state(Way(peer, self.connected[peer]))


def test_a_blocked_way_is_replaced_by_one_that_probes_have_passed_and_comes_back() -> None:
    world = World()
    world.run(3)
    assert world.over == {}
    world.blocked = {(B, True), (B, False)}
    world.run(6)
    assert (world.state(B), world.over) == (State.BAD, {}), "nothing has passed over C"
    relays = world.conclusions.relays(world.now)
    assert relays is not None
    assert len(relays.legs) == 1
    world.blocked = {(B, True)}
    world.run(4)
    assert world.over == {B: (C,)}
    assert world.conclusions.says.seen[B].good is False
    world.blocked = set()
    world.run(4)
    assert (world.state(B), world.over) == (State.GOOD, {})
    world.run(LINGER + 1)
    assert not world.conclusions.relays(world.now)


def test_what_the_other_end_finds_bad_is_not_used() -> None:
    world = World()
    world.run(3)
    world.says[B] = Says(forwards=True, seen={A: Seen(False)})
    world.run(1)
    assert world.over == {B: (C,)}


def test_a_mesh_that_forms_is_waited_for_and_one_that_stays_partial_is_whole() -> None:
    world = World()
    world.connected = {C: ip_address("192.0.2.3")}
    world.links = {A: {C}, B: {C}, C: {A, B}}
    world.run(CALM - 1)
    assert world.over == {}
    world.run(2)
    assert world.over == {B: (C,)}


def noted_looks(world: World, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the times at which all ways are looked at from now on."""
    looks: list[float] = []

    class Counted(Graph):
        def __init__(self, *args: Any, **options: Any) -> None:
            looks.append(world.now)
            super().__init__(*args, **options)

    monkeypatch.setattr(conclusions, "Graph", Counted)
    return looks


def test_in_a_large_mesh_that_changes_all_the_time_all_ways_are_looked_at_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    more = [PeerName(f"02:00:00:00:01:{number:02x}") for number in range(57)]
    world.links = {peer: {*world.links, *more} - {peer} for peer in (A, B, C, *more)}
    world.says |= dict.fromkeys(more, Says(forwards=True))
    world.says[more[0]] = Says(forwards=True, seen={more[1]: Seen(False)})

    looks = noted_looks(world, monkeypatch)
    for rtt in range(60):
        world.says[more[2]] = Says(forwards=True, seen={more[3]: Seen(True, rtt=rtt)})
        world.run(0.1)
    assert len(looks) == 4, "one each 1.8 s"
    world.run(2)
    assert len(looks) == 5, "and the last change is not forgotten"


def test_where_a_look_at_all_ways_takes_long_the_next_one_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    ticks = count()
    world.conclusions = Conclusions(A, 6784, world.prober, 0.0, clock=lambda: 0.2 * next(ticks))
    world.says[B] = Says(forwards=True, seen={C: Seen(False)})

    looks = noted_looks(world, monkeypatch)
    for rtt in range(100):
        world.says[C] = Says(forwards=True, seen={B: Seen(True, rtt=rtt)})
        world.run(0.1)
    assert len(looks) == 3, "one each 4 s"


def test_a_way_stays_in_use_while_the_router_in_between_starts_anew() -> None:
    world = World()
    world.run(3)
    world.blocked = {(B, True)}
    world.run(6)
    assert world.over == {B: (C,)}
    world.connected.pop(C)
    world.links, world.says = {A: {B}, B: {A}, C: set()}, {B: world.says[B]}
    world.run(10)
    assert world.over == {B: (C,)}
    world.blocked |= {(B, False)}
    world.run(6)
    assert world.over == {}


def test_the_tunnel_over_others_stays_for_the_other_end_when_the_direct_way_is_back() -> None:
    world = World()
    world.laid = lambda way: way._replace(ip=ip_address("244.0.0.2"), outer=way.ip)
    world.run(3)
    world.blocked = {(B, True)}
    world.run(6)
    way = world.conclusions.in_use[B]
    assert (way.ip, way.outer) == (ip_address("244.0.0.2"), world.legs[0].virtual)
    assert world.conclusions.over == {B: way}
    world.blocked = set()
    world.run(6)
    assert world.over == {}
    assert world.conclusions.over == {B: way}
    world.run(LINGER + 1)
    assert world.conclusions.over == {}


def test_a_way_over_others_that_can_not_be_had_yet_is_not_used_but_prepared() -> None:
    world = World()
    world.laid = lambda way: None
    world.run(3)
    world.blocked = {(B, True)}
    world.run(6)
    assert (world.over, world.conclusions.over) == ({}, {})
    assert len(world.legs) == 1


def test_the_mtu_is_the_least_that_anybody_says_and_a_larger_one_changes_nothing() -> None:
    world = World()
    world.says[C] = Says(1300, True)
    world.run(1)
    assert (world.conclusions.mtu, world.conclusions.says.mtu) == (1300, FULL)
    world.says = {}
    world.run(1)
    assert world.conclusions.mtu == FULL


def test_over_ipv6_packets_are_smaller_at_once_and_frames_go_on_to_ipv4() -> None:
    world = World()
    world.connected[C] = ip_address("fd00::3")
    world.run(STEP)
    assert world.conclusions.says.mtu == FULL - 20, "before anything was probed"
    world.run(3)
    seen = world.conclusions.says.seen
    assert (seen[B].over_ipv6, seen[C].over_ipv6) == (False, True)
    assert (seen[B].mtu, seen[C].mtu) == (0, 0), "all passes that there is room for"
    world.says[C] = Says(seen={A: Seen(True, over_ipv6=True), B: Seen(True)})
    world.blocked = {(B, True)}
    world.run(6)
    assert (world.state(B), world.over) == (State.BAD, {B: (C,)}), "though C passes no packets on as such"
    assert world.conclusions.in_use[B].ip in VIRTUAL[6]
    world.says[C] = Says(forwards=True, seen={each: Seen(True, over_ipv6=True) for each in (A, B)})
    world.blocked = {(B, True), (B, False)}
    world.run(LINGER + 6)
    assert (world.over, bool(world.conclusions.relays(world.now))) == ({}, False), "IPv6 is not passed on as such"


def test_rules_of_an_earlier_router_stay_until_this_one_knows_better() -> None:
    world = World()
    world.run(SETTLED - 1)
    assert world.conclusions.relays(world.now) is None
    world.run(2)
    assert world.conclusions.relays(world.now) is not None
