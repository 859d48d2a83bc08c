"""With whom frames are exchanged, once a share was taken from a host that was silent for long."""

from __future__ import annotations

import pytest

from tests.router.addresses.world import RANGE, Host, World
from weave_http.router.addresses.charter import Charter
from weave_http.router.addresses.gate import Gate, Passed
from weave_http.router.addresses.standing import NO_PART, Standing
from weave_http.router.mesh.identity import PeerName

ONE, TWO, THREE = (PeerName(f"02:00:00:00:00:0{number}") for number in (1, 2, 3))
LONG = 100.0


def trio(reclaim: float | None = LONG) -> World:
    """Three hosts that have agreed, each with a container; the third one is cut off."""
    world = World(3, 1, reclaim=reclaim)
    requests = [world.run(host) for host in world.up]
    world.heal()
    assert all(request.answer for request in requests)
    isolate(world, THREE)
    return world


def isolate(world: World, *names: PeerName) -> None:
    """Cut some hosts from all others."""
    world.cut |= {frozenset((name, other)) for name in names for other in world.hosts if other not in names}


def wait(world: World, seconds: float) -> None:
    """Let time pass, and those who reach each other talk."""
    for _ in range(int(seconds / 2)):
        world.now += 2.0
        for host in world.up:
            world.settle(host)
            for _ in range(3):
                talk(world)
        world.check()


def talk(world: World) -> None:
    """Have all tell what they say to those whom they reach."""
    for source in world.up:
        for target in world.up:
            world.deliver(source, target)


def share(host: Host, peer: PeerName) -> bool:
    """Tell whether a peer has a share as far as a host knows."""
    assert host.network is not None
    return peer in host.network.shares


def use_up(world: World, host: Host) -> None:
    """Run containers until there is no address left."""
    while True:
        request = world.run(host)
        wait(world, 8)
        if not request.is_done:
            return


def test_a_host_that_slept_long_meets_nobody_before_it_lets_go_of_what_is_others() -> None:
    world = trio()
    one, two, three = world.up
    slept = three.addresses
    wait(world, LONG + 10)
    assert not share(one, THREE)
    assert three.share
    use_up(world, one)
    assert slept <= one.addresses | two.addresses
    before = one.addresses, two.addresses
    world.heal()
    assert three.network == one.network
    assert not three.addresses & slept
    assert (one.addresses, two.addresses) == before
    assert all(world.meet(a, b) for a in world.up for b in world.up)


def test_a_host_that_slept_long_keeps_what_nobody_got_meanwhile() -> None:
    world = trio()
    one, _, three = world.up
    slept = three.addresses
    wait(world, LONG + 10)
    assert not share(one, THREE)
    world.heal()
    assert three.addresses == slept
    assert share(one, THREE)
    assert all(world.meet(a, b) for a in world.up for b in world.up)


def test_a_router_that_is_back_before_its_share_was_given_back_has_it_again() -> None:
    world = trio()
    one, _, three = world.up
    before = three.share
    world.now += LONG + 1
    while one.network is None or THREE not in one.network.expired:
        for host in world.up:
            world.settle(host)
        talk(world)
        world.now += 0.6
    world.heal()
    assert three.share == before
    assert one.network is not None
    assert not one.network.expired
    assert not one.network.floor


def test_living_hosts_exchange_frames_all_the_time_while_a_share_is_taken_back() -> None:
    world = trio()
    one, two, _ = world.up
    for _ in range(int(LONG)):
        wait(world, 2)
        assert world.meet(one, two)
    assert not share(one, THREE)


def test_a_minority_takes_nothing_back_however_long_it_waits() -> None:
    world = World(3, 1, reclaim=LONG)
    world.run(world.up[0])
    world.heal()
    isolate(world, THREE)
    isolate(world, TWO)
    wait(world, 3 * LONG)
    assert all(share(host, name) for host in world.up for name in world.hosts)


def test_nothing_is_taken_back_while_somebody_else_is_away_for_a_moment() -> None:
    world = World(5, 1, reclaim=LONG)
    for host in world.up:
        world.run(host)
    world.heal()
    four, five = list(world.hosts)[3:]
    isolate(world, five)
    wait(world, LONG - 20)
    isolate(world, four)
    wait(world, 60)
    assert share(world.up[0], five)
    wait(world, 60)
    assert not share(world.up[0], five)


def test_without_a_time_a_dead_host_keeps_its_share() -> None:
    world = trio(reclaim=None)
    wait(world, 10 * LONG)
    assert share(world.up[0], THREE)


# -- the gate by itself ------------------------------------------------------------------------------------


def charter(number: int, *, floor: int = 0, **expired: int) -> Charter:
    """A charter of one network."""
    return Charter(number, "1.a", expired={PeerName(peer): at for peer, at in expired.items()}, floor=floor)


def says(number: int, life: int = 7, founding: str = "1.a") -> Standing:
    """What a peer says that has a charter of that number."""
    return Standing(life, (RANGE,), number, founding)


def gate(mine: Charter, facts: dict[PeerName, Standing], passed: Passed | None = None) -> Gate:
    """A gate that has heard these facts."""
    found = Gate([RANGE], passed or Passed())
    found.note(mine, facts, apart=False)
    return found


def test_everybody_is_admitted_as_long_as_nothing_was_taken_back() -> None:
    found = gate(charter(9), {TWO: says(1)})
    assert all(map(found.admits, (TWO, THREE, "10.0.0.2")))


@pytest.mark.parametrize(
    ("fact", "admitted"),
    [
        (says(4), False),
        (says(5), True),
        (says(9), True),
        (says(9, founding="1.b"), False),
        (NO_PART, True),
    ],
)
def test_who_has_to_know_what_was_given_back_is_admitted_once_it_says_so(fact: Standing, *, admitted: bool) -> None:
    found = gate(charter(7, floor=5), {TWO: fact})
    assert found.admits(TWO) is admitted
    assert not found.admits(THREE)


def test_a_peer_whose_share_expired_is_left_out_alone() -> None:
    mine = Charter(7, "1.a", expired={TWO: 6})
    found = gate(mine, {TWO: says(5), THREE: says(1)})
    assert not found.admits(TWO)
    assert found.admits(THREE)


def test_who_agreed_once_is_admitted_again_though_the_router_and_the_connection_began_anew() -> None:
    passed = gate(charter(7, floor=5), {TWO: says(5)}).passed
    assert gate(charter(7, floor=5), {}, passed).admits(TWO)


def test_who_lost_its_memory_since_has_to_agree_anew() -> None:
    found = gate(charter(7, floor=5), {TWO: says(5)})
    found.note(charter(7, floor=5), {TWO: says(0, life=8)}, apart=False)
    assert not found.admits(TWO)


def test_destinations_of_an_earlier_router_do_not_stay_where_nothing_is_known_of_it() -> None:
    assert gate(charter(1), {}).admits("10.0.0.2")
    lost = Gate([RANGE], None)
    for mine in (None, charter(1), charter(7, floor=5)):
        lost.note(mine, {}, apart=False)
        lost.applied()
        assert not lost.admits("10.0.0.2")


def test_destinations_of_an_earlier_router_stay_only_if_it_had_closed_the_gate() -> None:
    mine = charter(7, floor=5)
    assert not gate(mine, {}).admits("10.0.0.2")
    before = gate(mine, {})
    assert before.applied()
    assert gate(mine, {}, before.passed).admits("10.0.0.2")
