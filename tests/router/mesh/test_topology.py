from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.router.mesh.worlds import address, name
from weave_http.addresses import parse_ip
from weave_http.router.mesh.facts import Fact, FactSet, Stamp
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.topology import (
    FORGET_AFTER,
    MOST_ADDRESSES,
    Address,
    Horizon,
    Link,
    PeerFact,
    PeerInfo,
    Topology,
    leads,
    links_of,
)
from weave_http.router.mesh.topology import reachable as reached

ME = 1


def _fact(number: int, *links: int, inbound: tuple[int, ...] = (), version: int = 1) -> PeerFact:
    found = [Link(name(other), address(other), True) for other in links]
    found += [Link(name(other), address(other), False) for other in inbound]
    return Fact(name(number), Stamp(1, version), PeerInfo(f"host{number}", 6783, tuple(sorted(found))))


def _topology(*facts: PeerFact) -> Topology:
    mine = next(fact for fact in facts if fact.owner == name(ME))
    topology: Topology = FactSet(mine.owner, 1, mine.value)
    topology.merge(fact for fact in facts if fact is not mine)
    return topology


def reachable(topology: Topology) -> set[PeerName]:
    return reached(topology.own.owner, links_of(topology))


def addresses(topology: Topology, present: set[PeerName], connected: set[PeerName]) -> dict[PeerName, list[Address]]:
    found = leads(topology, present, connected, lambda speaker: speaker)
    return {peer: [lead.address for lead in there] for peer, there in found.items()}


def test_a_connection_counts_when_both_ends_say_it() -> None:
    topology = _topology(_fact(1, 2, 3), _fact(2, inbound=(1,)), _fact(3), _fact(4, 1))
    assert reachable(topology) == {name(1), name(2)}


def test_peers_behind_peers_are_reachable() -> None:
    chain = _topology(_fact(1, 2), _fact(2, 3, inbound=(1,)), _fact(3, 4, inbound=(2,)), _fact(4, inbound=(3,)))
    assert reachable(chain) == {name(number) for number in (1, 2, 3, 4)}


def test_who_cannot_be_reached_is_forgotten_in_time() -> None:
    topology = _topology(_fact(1, 2), _fact(2, inbound=(1,)), _fact(3, 4), _fact(4, inbound=(3,)))
    horizon = Horizon(name(ME))
    assert horizon.conclude(links_of(topology), 100.0) == set()
    assert horizon.reachable == {name(1), name(2)}
    assert horizon.next_at == 100.0 + FORGET_AFTER
    assert horizon.conclude(links_of(topology), 100.0 + FORGET_AFTER) == {name(3), name(4)}


def test_who_comes_back_in_time_need_not_say_again_who_it_is() -> None:
    topology = _topology(_fact(1, 2), _fact(2, inbound=(1,)), _fact(3, inbound=(2,)))
    horizon = Horizon(name(ME))
    horizon.conclude(links_of(topology), 0.0)
    topology.merge([_fact(2, 3, inbound=(1,), version=2)])
    assert horizon.conclude(links_of(topology), FORGET_AFTER) == set()
    assert horizon.reachable == {name(1), name(2), name(3)}


def test_who_is_out_of_reach_is_not_talked_about() -> None:
    topology = _topology(_fact(1, 2), _fact(2, 5, inbound=(1,)), _fact(3, 4), _fact(4, inbound=(3,)))
    assert set(addresses(topology, reachable(topology), {name(2)})) == {name(5)}


def test_a_peer_is_found_where_others_have_it_though_it_was_not_heard_yet() -> None:
    topology = _topology(_fact(1, 2), _fact(2, 3, inbound=(1, 4)), _fact(3, inbound=(2,)))
    found = addresses(topology, reachable(topology), {name(2)})
    assert found == {name(3): [address(3)], name(4): [address(4)]}, "one never dials oneself"


def test_addresses_that_no_other_host_can_have_are_not_dialled() -> None:
    for ip in ("127.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255", "169.254.1.1"):  # noqa: S104
        link = Link(name(3), Address(parse_ip(ip), 6783), True)
        topology = _topology(_fact(1, 2), Fact(name(2), Stamp(1, 1), PeerInfo("x", 1, (link,))), _fact(3))
        assert name(3) not in addresses(topology, {name(1), name(2), name(3)}, {name(2)})


def test_few_addresses_of_a_peer_are_dialled_and_neighbours_words_come_first() -> None:
    crowd = tuple(sorted(Link(name(3), address(number), True) for number in range(20, 40)))
    liars = tuple(sorted(Link(name(number), address(9), True) for number in range(50, 90)))
    topology = _topology(
        _fact(1, 2, 4),
        Fact(name(2), Stamp(1, 1), PeerInfo("liar", 1, tuple(sorted([*liars, *crowd])))),
        _fact(4, 5, inbound=(1,)),
        _fact(6, 7),
    )
    found = addresses(topology, {name(1), name(2), name(4), name(6)}, {name(2), name(4)})
    assert found[name(3)] == [address(number) for number in range(20, 20 + MOST_ADDRESSES)]
    order = list(found)
    assert order.index(name(5)) <= 3
    assert order.index(name(7)) > order.index(name(53)), "what neighbours say of others comes last"


@given(st.sets(st.sets(st.integers(1, 8), min_size=2, max_size=2).map(frozenset)))
def test_reaching_is_what_a_walk_over_two_sided_connections_finds(links: set[frozenset[int]]) -> None:
    def fact(number: int) -> PeerFact:
        return _fact(number, *(other for link in links if number in link for other in link if other != number))

    topology = _topology(*map(fact, range(1, 9)))
    part = {ME}
    for _ in range(8):
        part |= {other for link in links if link & part for other in link}
    assert reachable(topology) == {name(number) for number in part}


def test_whom_we_are_connected_to_is_not_looked_for() -> None:
    topology = _topology(_fact(1, 2, 3), _fact(2, 3, inbound=(1,)), _fact(3, inbound=(1, 2)))
    assert addresses(topology, reachable(topology), {name(2), name(3)}) == {}


def test_a_lead_says_from_which_neighbour_it_is_known() -> None:
    topology = _topology(_fact(1, 2), _fact(2, 3, inbound=(1,)), _fact(3, 4, inbound=(2,)), _fact(4, inbound=(3,)))
    found = leads(topology, reachable(topology), {name(2)}, lambda speaker: name(2))
    assert {lead.by for there in found.values() for lead in there} == {name(2)}
