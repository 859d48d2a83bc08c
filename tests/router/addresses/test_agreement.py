"""Single rules of the agreement: what a peer remembers, what it waits for, and what it is to be alone."""

from __future__ import annotations

from ipaddress import ip_network

from tests.router.addresses.world import RANGE, Host, World, is_kin
from weave_http.addresses import Network
from weave_http.router.addresses.agreement import Agreement
from weave_http.router.addresses.charter import BLOCK, Charter, give
from weave_http.router.addresses.standing import Memory
from weave_http.router.mesh.identity import PeerName

ONE, TWO, THREE = (PeerName(f"02:00:00:00:00:0{number}") for number in (1, 2, 3))
BLOCKS: tuple[Network, ...] = tuple(ip_network(f"10.32.0.{number}/29") for number in (0, 8, 16))
CHARTER = Charter(4, "1.a", {ONE: 7, TWO: 8, THREE: 9}, {ONE: BLOCKS[:2], TWO: BLOCKS[2:]}, {ONE: 7, TWO: 8})


def agreement(memory: Memory) -> Agreement:
    """What a peer knows that starts with this on its disk."""
    return Agreement(ONE, [RANGE], [RANGE], memory, count=3)


def test_what_was_offered_stays_offered_when_the_router_starts_again() -> None:
    before = agreement(Memory(7, CHARTER))
    before.offer(BLOCKS[:1])
    assert before.share == BLOCKS[1:2]
    assert agreement(before.memory).share == BLOCKS[1:2]


def test_a_peer_that_lost_its_memory_waits_for_a_charter_that_knows_so() -> None:
    anew = agreement(Memory(77))
    assert anew.learn(CHARTER)
    assert not anew.share
    assert anew.learn(Charter(5, "1.a", CHARTER.voters, CHARTER.shares, {ONE: 77, TWO: 8}))
    assert anew.share == (ip_network("10.32.0.0/28"),)


def test_a_block_is_no_larger_than_what_a_peer_has_so_that_its_loss_is_cheap() -> None:
    shares: dict[PeerName, tuple[Network, ...]] = {}
    range_ = ip_network("10.32.0.0/12")
    sizes = []
    for _ in range(4):
        assert give(shares, ONE, range_)
        sizes.append(sum(block.num_addresses for block in shares[ONE]))
    assert sizes == [BLOCK, 2 * BLOCK, 4 * BLOCK, 8 * BLOCK]


def apart() -> World:
    """Two hosts that have agreed, each with a container, and then are cut from each other."""
    world = World(2, 1)
    requests = [world.run(host) for host in world.up]
    world.heal()
    assert all(request.answer for request in requests)
    world.cut.add(frozenset(world.hosts))
    return world


def remove(world: World, host: Host, other: Host) -> None:
    """Say `weave rmpeer` on a host, and give it time to agree."""
    assert host.allocator is not None
    host.allocator.agreement.gone.add(other.name)
    for _ in range(10):
        world.now += 1.0
        world.settle(host)


def test_hosts_each_told_that_the_other_is_gone_are_two_networks_from_then_on() -> None:
    world = apart()
    one, two = world.up
    for host, other in ((one, two), (two, one)):
        remove(world, host, other)
    assert one.network is not None
    assert two.network is not None
    assert two.name not in one.network.shares
    assert one.name not in two.network.shares
    assert not is_kin(one.network, two.network)
    world.heal()
    for host, other in ((one, two), (two, one)):
        assert host.allocator is not None
        assert host.allocator.agreement.rivals == [other.name]
        assert not world.run(host).is_done


def test_a_host_removed_while_it_slept_joins_again_and_keeps_its_containers() -> None:
    world = apart()
    one, two = world.up
    before = two.addresses
    remove(world, one, two)
    assert one.network is not None
    assert two.name not in one.network.shares
    world.heal()
    world.check()
    assert two.addresses == before
    assert two.network == one.network
    assert world.run(two).is_done


def test_a_minority_removes_nobody_whatever_it_is_told() -> None:
    world = World(3, 2)
    world.run(world.up[0])
    world.heal()
    one, two, three = world.up
    assert one.allocator is not None
    world.cut = {frozenset((one.name, two.name)), frozenset((one.name, three.name))}
    remove(world, one, three)
    assert one.network is not None
    assert three.name in one.network.shares
    assert one.allocator.agreement.absent == [two.name]


def test_fifty_hosts_that_die_for_good_leave_room_for_the_next() -> None:
    rounds, world = 50, World(3, 3, ip_network("10.32.0.0/16"))
    world.run(world.up[0])
    world.heal()
    for _ in range(rounds):
        new = world.add()
        world.heal()
        request = world.run(new)
        world.settle(new)
        assert request.answer, "it has to wait for an address"
        world.kill(new)
        world.now += 61
        world.heal()
    charter = world.up[0].network
    assert charter is not None
    dead = set(charter.shares) - {host.name for host in world.up}
    assert len(dead) == rounds
    assert sum(block.num_addresses for peer in dead for block in charter.shares[peer]) <= rounds * BLOCK
    world.rmpeer(world.up[:1])
    world.heal()
    charter = world.up[0].network
    assert charter is not None
    assert len(charter.shares) == len(world.up)
