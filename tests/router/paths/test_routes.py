"""Paths over other hosts, as all hosts find them from the same facts."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from weave_http.net.relays import is_virtual, labels
from weave_http.records import replace
from weave_http.router.mesh.identity import PeerName
from weave_http.router.paths.facts import Says, Seen
from weave_http.router.paths.routes import Graph, Path, paths, relays, way

LABELS = labels(6784)
PEERS = [PeerName(f"02:00:00:00:00:{number:02x}") for number in range(1, 9)]
A, B, C, D, E = PEERS[:5]
Pair = tuple[PeerName, PeerName]


def linked(pairs: Iterable[Pair], **more: Seen) -> dict[PeerName, set[PeerName]]:
    links: dict[PeerName, set[PeerName]] = {}
    for one, other in pairs:
        links.setdefault(one, set()).add(other)
        links.setdefault(other, set()).add(one)
    return links


def say(peers: Iterable[PeerName], seen: dict[Pair, Seen] | None = None) -> dict[PeerName, Says]:
    return {
        peer: Says(forwards=True, seen={other: each for (one, other), each in (seen or {}).items() if one == peer})
        for peer in peers
    }


def found(graph: Graph) -> dict[Pair, Path]:
    return {(path.hosts[0], path.hosts[-1]): path for path in paths(graph, set(graph.unlinked()), LABELS)}


def test_two_islands_joined_by_one_host_and_a_chain_are_whole() -> None:
    islands = linked([(A, B), (A, C), (B, C), (C, D), (C, E), (D, E)])
    assert {path.hosts for path in found(Graph(islands, say(PEERS[:5]))).values()} == {
        (one, C, other) for one in (A, B) for other in (D, E)
    }
    chain = linked(pairwise(PEERS))
    assert found(Graph(chain, say(PEERS)))[A, PEERS[-1]].hosts == tuple(PEERS)


def test_fewest_hosts_then_least_round_trip_count() -> None:
    links = linked([(A, B), (B, D), (A, C), (C, D), (A, E), (E, C)])
    seen = {(A, B): Seen(True, rtt=9000), (B, D): Seen(True, rtt=9000), (A, C): Seen(True, rtt=100)}
    seen |= {(C, D): Seen(True, rtt=100), (C, A): Seen(True, rtt=100), (D, C): Seen(True, rtt=100)}
    seen |= {(B, A): Seen(True, rtt=9000), (D, B): Seen(True, rtt=9000)}
    assert found(Graph(links, say(PEERS[:5], seen)))[A, D].hosts == (A, C, D)
    slow = seen | {(A, C): Seen(True, rtt=50_000)}
    assert found(Graph(links, say(PEERS[:5], slow)))[A, D].hosts == (A, B, D)


def test_what_one_end_finds_bad_is_no_way_and_who_does_not_pass_on_is_no_host_in_between() -> None:
    links = linked([(A, B), (A, C), (B, C)])
    assert not found(Graph(links, say(PEERS[:3])))
    bad = {(B, A): Seen(False)}
    assert found(Graph(links, say(PEERS[:3], bad)))[A, B].hosts == (A, C, B)
    closed = say(PEERS[:3], bad) | {C: Says(forwards=False)}
    assert not found(Graph(links, closed))


def test_an_end_and_the_host_in_between_have_parts_that_fit() -> None:
    (path,) = paths(Graph(linked([(A, C), (B, C)]), say(PEERS[:3])), {(A, B)}, LABELS)
    mine, theirs = way(path, A, {C: ip_address("192.0.2.3")}), way(path, B, {C: ip_address("192.0.2.3")})
    assert way(path, A, {}) is way(path, C, {A: ip_address("192.0.2.1")}) is None
    assert mine is not None
    assert theirs is not None
    assert (mine.peer, mine.via, theirs.peer, theirs.label) == (B, (C,), A, mine.label)
    assert is_virtual(mine.ip)
    assert mine.ip != theirs.ip
    one, other = ip_address("192.0.2.1"), ip_address("192.0.2.2")
    is_clear = {A}.__contains__
    assert {(each.source, each.to) for each in relays([path], C, {A: one, B: other}, is_clear).forwards} == {
        (one, other),
        (other, one),
    }
    assert [(leg.virtual, leg.tunnelled) for leg in relays([path], A, {C: other}, is_clear).legs] == [(mine.ip, True)]
    assert [(leg.virtual, leg.tunnelled) for leg in relays([path], B, {C: other}, is_clear).legs] == [
        (theirs.ip, False)
    ]
    assert not relays([path], C, {A: one}, is_clear), "no address, no rule"


@given(st.sets(st.tuples(st.sampled_from(PEERS), st.sampled_from(PEERS)).filter(lambda pair: pair[0] < pair[1])))
def test_every_pair_that_can_be_has_one_path_with_a_label_of_its_own_on_each_link(pairs: set[Pair]) -> None:
    links = linked(pairs)
    graph = Graph(links, say(PEERS))
    every = found(graph)
    for path in every.values():
        assert all(other in links[one] for one, other in pairwise(path.hosts))
        assert len(set(path.hosts)) == len(path.hosts) > 2
    for one, other in graph.unlinked():
        assert ((one, other) in every) == (other in graph.paths_from(one))
    used = [(frozenset(link), path.label) for path in every.values() for link in pairwise(path.hosts)]
    assert len(used) == len(set(used))
    assert all(label in LABELS for _, label in used)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(PEERS), st.sampled_from(PEERS)),
        st.builds(Seen, st.sampled_from([True, True, False]), rtt=st.integers(0, 60_000), over_ipv6=st.booleans()),
    ),
    st.sets(st.sampled_from(PEERS)),
    st.booleans(),
)
def test_the_best_path_of_a_pair_is_that_of_a_search_from_one_end(
    seen: dict[Pair, Seen], forwarding: set[PeerName], between_families: bool
) -> None:
    says = {peer: replace(each, forwards=peer in forwarding) for peer, each in say(PEERS, seen).items()}
    graph = Graph(linked(seen), says, between_families=between_families)
    for one, other in graph.unlinked():
        assert graph.path(one, other) == graph.paths_from(one).get(other)


def test_hosts_between_families_pass_frames_on_and_keep_a_port_for_each_path() -> None:
    fours, sixes = PEERS[1:4], PEERS[4:7]
    over = {pair: Seen(True, over_ipv6=True) for six in sixes for pair in ((A, six), (six, A))}
    graph = Graph(linked([(A, other) for other in (*fours, *sixes)]), say(PEERS[:7], over))
    mixed = {pair: path for pair, path in found(graph).items() if pair[0] in fours and pair[1] in sixes}
    assert {path.hosts for path in mixed.values()} == {(four, A, six) for four in fours for six in sixes}
    assert len({path.label for path in mixed.values()}) == len(mixed), "a port leads to one pair of devices"
    assert all(pair not in found(graph) for pair in pairwise(sixes)), "IPv6 is not passed on as such"
    assert not any(
        set(pair) & set(fours) and set(pair) & set(sixes)
        for pair in found(
            Graph(linked([(A, other) for other in (*fours, *sixes)]), say(PEERS[:7], over), between_families=False)
        )
    )
    path = mixed[B, E]
    there = {A: ip_address("192.0.2.1"), B: ip_address("192.0.2.2"), E: ip_address("fd00::5")}
    (out, back) = relays([path], A, there, lambda peer: True).forwards
    assert (out.source, out.to, back.source, back.to) == (there[B], there[E], there[E], there[B])
    assert relays([path], A, there, lambda peer: True).transits == (out,)
    for end, first in ((B, "192.0.2.1"), (E, "fd00::1")):
        (leg,) = relays([path], end, {A: ip_address(first)}, lambda peer: True).legs
        assert is_virtual(leg.virtual)
        assert leg.virtual.version == leg.by.version == ip_address(first).version
