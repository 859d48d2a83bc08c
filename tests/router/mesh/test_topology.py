from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.router.mesh.worlds import address, name
from weave_http.router.mesh.facts import Fact, FactSet, Stamp
from weave_http.router.mesh.topology import (
    FORGET_AFTER,
    Address,
    Horizon,
    Link,
    PeerFact,
    PeerInfo,
    Topology,
    addresses,
    due,
    reachable,
)

ME = 1


def _fact(number: int, *links: int, inbound: tuple[int, ...] = (), version: int = 1) -> PeerFact:
    found = [Link(name(other), address(other), True) for other in links]
    found += [Link(name(other), replace(address(other), port=40000 + other), False) for other in inbound]
    return Fact(name(number), Stamp(1, version), PeerInfo(f"host{number}", 6783, tuple(sorted(found))))


def _topology(*facts: PeerFact) -> Topology:
    mine = next(fact for fact in facts if fact.owner == name(ME))
    topology: Topology = FactSet(mine.owner, 1, mine.value)
    topology.merge(fact for fact in facts if fact is not mine)
    return topology


def test_a_connection_counts_when_both_ends_say_it() -> None:
    topology = _topology(_fact(1, 2, 3), _fact(2, inbound=(1,)), _fact(3), _fact(4, 1))
    assert reachable(topology) == {name(1), name(2)}


def test_peers_behind_peers_are_reachable() -> None:
    chain = _topology(_fact(1, 2), _fact(2, 3, inbound=(1,)), _fact(3, 4, inbound=(2,)), _fact(4, inbound=(3,)))
    assert reachable(chain) == {name(number) for number in (1, 2, 3, 4)}


def test_who_cannot_be_reached_is_forgotten_in_time() -> None:
    topology = _topology(_fact(1, 2), _fact(2, inbound=(1,)), _fact(3, 4), _fact(4, inbound=(3,)))
    horizon = Horizon(topology)
    assert horizon.survey(100.0) == set()
    assert horizon.reachable == {name(1), name(2)}
    assert horizon.survey(100.0 + FORGET_AFTER) == {name(3), name(4)}
    assert len(topology) == 2


def test_who_comes_back_in_time_need_not_say_again_who_it_is() -> None:
    topology = _topology(_fact(1, 2), _fact(2, inbound=(1,)), _fact(3, inbound=(2,)))
    horizon = Horizon(topology)
    horizon.survey(0.0)
    topology.merge([_fact(2, 3, inbound=(1,), version=2)])
    assert horizon.survey(FORGET_AFTER) == set()
    assert horizon.reachable == {name(1), name(2), name(3)}


def test_who_is_out_of_reach_is_not_talked_about() -> None:
    topology = _topology(_fact(1, 2), _fact(2, inbound=(1,)), _fact(3, 4), _fact(4, inbound=(3,)))
    assert [fact.owner for fact in _due(topology, {})] == [name(1)]
    assert set(addresses(topology, reachable(topology))) == {name(2)}


def test_a_peer_is_found_where_others_dialled_it_or_at_its_own_port_where_it_dialled() -> None:
    topology = _topology(
        _fact(1, 2),
        _fact(2, 3, inbound=(1, 4)),
        _fact(3, inbound=(2,)),
        replace(_fact(4, 2), value=PeerInfo("x", 7000)),
    )
    found = addresses(topology, reachable(topology))
    assert found[name(3)] == {address(3)}
    assert found[name(4)] == {Address("192.0.2.4", 7000)}
    assert name(1) not in found, "one never dials oneself"


def test_addresses_that_no_other_host_can_have_are_not_dialled() -> None:
    for ip in ("127.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255"):  # noqa: S104
        link = Link(name(3), Address(ip, 6783), True)
        topology = _topology(_fact(1, 2), Fact(name(2), Stamp(1, 1), PeerInfo("x", 1, (link,))), _fact(3))
        assert name(3) not in addresses(topology, [name(1), name(2), name(3)])


def test_a_neighbour_is_told_what_it_has_not_heard_and_only_once() -> None:
    topology = _topology(_fact(1, 2), _fact(2, inbound=(1,)))
    first = _due(topology, {})
    assert [fact.owner for fact in first] == [name(1)]
    assert _due(topology, {fact.owner: fact.stamp for fact in first}) == []


def test_what_a_neighbour_hears_at_first_hand_is_not_relayed_until_that_ends() -> None:
    topology = _topology(_fact(1, 2, 3), _fact(2, 3, inbound=(1,)), _fact(3, inbound=(1, 2)))
    assert [fact.owner for fact in _due(topology, {})] == [name(1)]
    topology.merge([_fact(2, inbound=(1,), version=2)])
    assert {fact.owner for fact in _due(topology, {})} == {name(1), name(3)}


def test_a_neighbour_that_says_less_than_is_known_of_it_is_reminded() -> None:
    topology = _topology(_fact(1, 2), _fact(2, inbound=(1,), version=9))
    told = [fact.owner for fact in _due(topology, {name(1): Stamp(1, 1), name(2): Stamp(1, 3)})]
    assert told == [name(2)]


def _due(topology: Topology, known: dict[str, Stamp]) -> list[PeerFact]:
    return due(topology, reachable(topology), name(2), known)


@given(st.sets(st.sets(st.integers(1, 8), min_size=2, max_size=2).map(frozenset)))
def test_reaching_is_what_a_walk_over_two_sided_connections_finds(links: set[frozenset[int]]) -> None:
    def fact(number: int) -> PeerFact:
        return _fact(number, *(other for link in links if number in link for other in link if other != number))

    topology = _topology(*map(fact, range(1, 9)))
    part = {ME}
    for _ in range(8):
        part |= {other for link in links if link & part for other in link}
    assert reachable(topology) == {name(number) for number in part}
