"""The pure core: peers that hand out addresses, through whatever a network does to them."""

from __future__ import annotations

import os
from ipaddress import ip_interface, ip_network
from random import Random

import pytest

from tests.router.addresses.world import SIX, World
from weave_http.router.addresses.gate import Gate

SEEDS = int(os.environ.get("WEAVE_TEST_SEEDS", "300"))


RANGES = (ip_network("10.32.0.0/26"), ip_network("10.32.0.0/26"), ip_network("10.32.0.0/27"))
"""Small ones, so that there is soon nothing in the pool any more."""


RECLAIM = (None, 300.0, 600.0)
"""Seconds after which shares are taken back, by the seed."""


HOUR = 3600.0
ROUNDS = 50
"""Hosts that die for good, one an hour."""


def live(seed: int) -> None:
    """Play one random history, and look at it all the time; at its end nothing is lost."""
    choose = Random(seed)
    world = World(
        choose.choice((1, 2, 3, 3, 4, 5)),
        seed,
        choose.choice(RANGES),
        *((SIX,) if seed % 2 else ()),
        reclaim=RECLAIM[seed % 3],
    )
    names = list(world.hosts)
    for _ in range(choose.randrange(20, 70)):
        host = world.hosts[choose.choice(list(world.hosts))]
        other = world.hosts[choose.choice(list(world.hosts))]
        world.now += choose.choice((0.0, 0.05, 0.6, 3.0, 70.0, 400.0))
        match choose.randrange(16):
            case 0 | 1 if host.allocator:
                world.run(host)
            case 2 if host.running and host.allocator:
                world.remove(host, choose.choice(list(host.running)))
            case 3 if host is not other:
                world.cut.add(frozenset((host.name, other.name)))
            case 4:
                world.cut.discard(frozenset((host.name, other.name)))
            case 5 if choose.random() < 0.3:
                half = set(choose.sample(names, len(names) // 2))
                world.cut = {frozenset((a, b)) for a in half for b in names if b not in half}
            case 6 if choose.random() < 0.3:
                world.cut.clear()
            case 7 if host.allocator:
                world.crash(host)
            case 8 if host.allocator and may_lose(world):
                world.crash(host, lose=True)
            case 13 if host.allocator and choose.random() < 0.3:
                host.ending = True
            case 9 if not host.allocator and not host.dead:
                world.start(host)
            case 11 if choose.random() < 0.2 and sum(not each.dead for each in world.hosts.values()) > 1:
                world.kill(host)
            case 12 if choose.random() < 0.2 and len(world.hosts) < 8 and may_lose(world):
                world.add()
            case 10 if host.allocator:  # a container with an address that somebody chose
                world.ask(
                    host, f"{choose.randrange(10**6):064x}", ip_interface(f"10.32.0.{choose.randrange(1, 63)}/26")
                )
            case _:
                for _ in range(choose.randrange(1, 25)):
                    source, target = choose.choice(world.up or [host]), choose.choice(world.up or [host])
                    if source.allocator and target.allocator and source.said:
                        world.deliver(source, target, choose.choice((-1, -1, -1, choose.randrange(len(source.said)))))
        world.check()
    for host in world.living:
        host.ending = False
        if host.allocator is None:
            world.start(host)
    world.heal()
    # As `weave status` says then: reset the hosts of all networks but one.
    for host in [host for network in world.networks[1:] for host in network]:
        world.reset(host)
    world.heal()
    world.rmpeer(choose.sample(world.up, choose.randrange(1, len(world.up) + 1)))
    world.heal()
    for host in world.up:
        for owner in list(host.running):
            world.remove(host, owner)
    world.now += 31
    asked = [world.run(host) for host in world.up]
    world.heal()
    assert all(request.answer for request in asked), f"seed {seed}: somebody got no address"
    charters = [host.allocator.agreement.charter for host in world.up if host.allocator]
    assert all(charter == charters[0] and charter is not None for charter in charters)
    left = set(charters[0].shares) - {host.name for host in world.up} if charters[0] else set()
    assert not left, f"seed {seed}: the shares of {left} are lost"


def may_lose(world: World) -> bool:
    """Tell whether a peer may lose its memory, or come anew: enough of those who know nothing begin a network apart."""
    return all(host.disk is not None and host.disk[0].charter is not None for host in world.living)


def live_all(seeds: range) -> None:
    """Play the histories of these seeds."""
    for seed in seeds:
        try:
            live(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def test_an_address_moves_to_another_host_at_once_where_its_container_is_gone() -> None:
    world = World(3, 1)
    one, two, _ = world.hosts.values()
    had = world.run(one)
    world.heal()
    assert had.answer is not None
    world.remove(one, had.owner)
    moved, began = world.ask(two, "f" * 64, had.answer), world.now
    for _ in range(20):
        world.now += 0.1
        for source in world.up:
            for target in world.up:
                world.deliver(source, target)
    assert moved.answer == had.answer, moved.refusal
    assert world.now - began < 5
    world.check()


def test_hosts_that_die_and_others_that_come_are_given_addresses_at_once_for_ever() -> None:
    world = World(5, 1, ip_network("10.32.0.0/24"), reclaim=4 * HOUR)
    for _ in range(ROUNDS):
        world.kill(world.random.choice(world.up))
        newcomer = world.add()
        began, asked = world.now, [world.run(host) for host in world.up]
        while not all(request.answer for request in asked):
            talk(world, 0.5)
            assert world.now - began < 10, "somebody waits for an address"
        for _ in range(4):
            talk(world, HOUR / 4)
        world.check()
        world.remove(newcomer, asked[-1].owner)
    charter = world.up[0].network
    assert charter is not None
    assert len(charter.shares) <= 10, "what the dead had comes back, though there is always one that died just now"


def talk(world: World, seconds: float) -> None:
    """Let time pass, and all tell each other what they have to say and did not say yet."""
    world.now += seconds
    for source in world.up:
        world.settle(source)
        for target in world.up:
            if source is not target and target.heard.get(source.name, (0, None))[0] < source.said[-1][0]:
                world.deliver(source, target)


@pytest.mark.parametrize("part", range(10))
def test_no_address_is_held_twice_and_none_is_lost_whatever_the_network_does(part: int) -> None:
    live_all(range(part * SEEDS // 10, (part + 1) * SEEDS // 10))


@pytest.mark.parametrize("seed", [11992, 12570])
def test_nobody_is_left_without_an_address(seed: int) -> None:
    """One peer was said to be gone before a charter with it was agreed on; one wanted just what it offered."""
    live(seed)


@pytest.mark.parametrize("seed", [37824, 91758])
def test_what_hosts_that_lost_their_disks_have_in_use_is_given_to_nobody_else(seed: int) -> None:
    """One got a block before another one what it had in use; one decided before another one knew of the charter."""
    live(seed)


def test_what_voters_said_that_are_gone_decides_nothing_in_the_place_of_one_that_is_left() -> None:
    """One voter lost its disk and another one died, each with a charter accepted: two charters had one number."""
    live(82460)


def test_somebody_meets_two_of_one_address_if_everybody_is_admitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gate, "admits", lambda gate, peer: True)
    with pytest.raises(AssertionError, match=r"are had by two containers|is in two shares"):
        live_all(range(SEEDS))
