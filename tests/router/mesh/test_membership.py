"""Gossip among peers whose links come and go, whose messages are late, and among whom there are liars: without I/O."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.router.mesh.worlds import address, infos, name, said, told
from weave_http.records import replace
from weave_http.router.mesh import membership
from weave_http.router.mesh.facts import NOTHING, Fact, Stamp
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.membership import Facts, Membership, collect_delay, hearsay_delay, relay_delay
from weave_http.router.mesh.messages import Have, Message
from weave_http.router.mesh.neighbours import Neighbour
from weave_http.router.mesh.sources import KEEP_WITHDRAWN
from weave_http.router.mesh.topology import FORGET_AFTER, Link, PeerFact, PeerInfo

LIAR = 99


class Node:
    """One peer, and what travels to it."""

    def __init__(self, number: int, uid: int) -> None:
        self.number = number
        self.uid = uid
        self.gossip = Membership(name(number), uid, f"host{number}", 6783)
        self.neighbours: dict[int, Neighbour] = {}
        self.connected: set[PeerName] = set()

    def settle(self, now: float) -> float | None:
        self.connected.clear()
        self.connected.update(map(name, self.neighbours))
        links = [Link(name(other), address(other), other > self.number) for other in self.neighbours]
        view = self.gossip.conclude(links, self.connected, now)
        return self.gossip.settle(view, now)

    def meet(self, other: int) -> None:
        self.neighbours[other] = Neighbour(name(other))
        self.gossip.met(self.neighbours[other])

    def part(self, other: int, now: float) -> None:
        self.gossip.parted(self.neighbours.pop(other), now)

    def hear(self, speaker: int, messages: list[Message], now: float) -> None:
        for message in messages:
            if self.gossip.hear(self.neighbours[speaker], message, self.gossip.view, now):
                self.settle(now)


class Mesh(RuleBasedStateMachine):
    """What everyone knows, after whatever happened and a little silence, must be the truth."""

    @initialize(count=st.integers(2, 6), random=st.randoms(use_true_random=False))
    def start(self, count: int, random: Random) -> None:
        self.random = random
        self.now = 0.0
        self.links: set[frozenset[int]] = set()
        self.nodes = {number: Node(number, 5) for number in range(1, count + 1)}

    def _tell(self, speaker: int, hearer: int) -> None:
        self.now += 2  # so slow that nobody is held back from defending its name
        here = self.nodes[speaker]
        here.settle(self.now)
        self.nodes[hearer].hear(speaker, told(here.gossip, here.neighbours[hearer], self.now), self.now)

    def _spread(self) -> float:
        """Let all speak until there is nothing more to say; return the seconds that it took, which don't count."""
        before = self.now
        for _ in range(4 * len(self.nodes)):
            for one, other in sorted(map(sorted, self.links)):
                self._tell(one, other)
                self._tell(other, one)
        took, self.now = self.now - before, before
        return took

    def _cut(self, link: frozenset[int]) -> None:
        self.links.discard(link)
        one, other = link
        for here, there in ((one, other), (other, one)):
            self.nodes[here].part(there, self.now)
            self.nodes[here].settle(self.now)

    @rule(pair=st.sets(st.integers(1, 6), min_size=2, max_size=2))
    def connect_or_cut(self, pair: set[int]) -> None:
        if not pair <= set(self.nodes):
            return
        link = frozenset(pair)
        if link in self.links:
            self._cut(link)
            return
        self.links.add(link)
        one, other = pair
        for here, there in ((one, other), (other, one)):
            self.nodes[here].meet(there)
            self.nodes[here].settle(self.now)

    @rule(steps=st.integers(1, 9))
    def some_speak(self, steps: int) -> None:
        for _ in range(steps):
            if self.links:
                speaker, hearer = self.random.sample(self.random.choice(sorted(map(sorted, self.links))), 2)
                self._tell(speaker, hearer)

    @rule(number=st.integers(1, 6))
    def restart(self, number: int) -> None:
        self._restart(number, uid_step=1)

    @rule(number=st.integers(1, 6))
    def restart_with_a_clock_gone_back_and_no_memory(self, number: int) -> None:
        self._restart(number, uid_step=-1)

    @rule(number=st.integers(1, 6), steps=st.integers(0, 9))
    def be_back_with_a_clock_gone_back_before_anybody_is_told(self, number: int, steps: int) -> None:
        links = [link for link in self.links if number in link]
        self._restart(number, uid_step=-1)
        for link in links:
            self.connect_or_cut(set(link))
        self.some_speak(steps)

    def _restart(self, number: int, uid_step: int) -> None:
        if number in self.nodes:
            for link in [link for link in self.links if number in link]:
                self._cut(link)
            self.nodes[number] = Node(number, max(1, self.nodes[number].uid + uid_step))

    @rule(
        victim=st.integers(1, 6),
        lies=st.lists(
            st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**50), st.integers(0, 2**40)), max_size=4
        ),
        steps=st.integers(0, 9),
        names=st.sampled_from([LIAR, 1, 2, 3]),
    )
    def a_liar_comes_says_something_of_anybody_and_goes(
        self, victim: int, lies: list[tuple[int, int, int, int]], steps: int, names: int
    ) -> None:
        """Perhaps under the name of somebody who isn't connected to the victim."""
        if victim not in self.nodes or names == victim or frozenset({victim, names}) in self.links:
            return
        node = self.nodes[victim]
        node.meet(names)
        node.settle(self.now)
        facts: list[PeerFact] = [
            Fact(name(owner), Stamp(uid, version), PeerInfo("lie", 1, (Link(name(other), address(other), True),)))
            for owner, other, uid, version in [*lies, (names, victim, 2**50, 1)]
        ]
        node.hear(names, [Have("peers", ()), said(facts)], self.now)
        self.some_speak(steps)
        node.part(names, self.now)
        node.settle(self.now)

    @rule()
    def a_minute_passes(self) -> None:
        """And with it the time at which everyone says anew how far he knows everything."""
        self.now += self._spread() + FORGET_AFTER
        for node in self.nodes.values():
            node.settle(self.now)
            for neighbour in node.neighbours.values():
                node.gossip.resend(neighbour)

    @invariant()
    def after_silence_everyone_knows_exactly_its_part_of_the_mesh(self) -> None:
        if not hasattr(self, "nodes"):
            return
        self._spread()
        for number, node in self.nodes.items():
            part, frontier = {number}, [number]
            while frontier:
                new = {other for link in self.links if frontier[-1] in link for other in link} - part
                frontier.pop()
                part |= new
                frontier += new
            assert node.gossip.peers == [self.nodes[other].gossip.topology.own for other in sorted(part)]


Mesh.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None, phases=(Phase.generate,))
TestMesh = Mesh.TestCase


def _pair(*others: int) -> Node:
    """Peer 1, connected with these, who said how far they know, which is nothing."""
    node = Node(1, 1)
    for other in others:
        node.meet(other)
        node.hear(other, [Have("peers", ())], 0.0)
    node.settle(0.0)
    return node


def _fact(owner: int, *links: int, uid: int = 1, version: int = 1) -> PeerFact:
    found = tuple(Link(name(other), address(other), True) for other in sorted(links))
    return Fact(name(owner), Stamp(uid, version), PeerInfo(f"host{owner}", 6783, found))


def _told(node: Node, to: int, now: float) -> list[PeerName]:
    messages = node.gossip.tell(node.neighbours[to], now)
    return [each.owner for message in messages if isinstance(message, Facts) for each in message.claims]


def test_facts_come_after_the_neighbour_said_how_far_it_knows() -> None:
    node = Node(1, 1)
    node.meet(2)
    node.settle(0.0)
    assert node.gossip.tell(node.neighbours[2], 0.0) == [Have("peers", ((name(1), Stamp(1, 2)),))]
    node.hear(2, [Have("peers", ())], 0.0)
    assert _told(node, 2, 0.0) == [name(1)]
    assert _told(node, 2, 0.0) == []


def test_a_new_neighbour_and_one_in_its_turn_hear_only_of_whom_they_may_tell_us() -> None:
    node = _pair(2, 3)
    node.hear(2, [said([_fact(2, 1, 4), _fact(4, 2)])], 1.0)
    node.hear(3, [said([_fact(3, 1)])], 1.0)
    node.settle(1.0)
    node.meet(5)
    node.settle(1.0)
    node.gossip.tell(node.neighbours[3], 1.0)
    node.gossip.resend(node.neighbours[3])
    for other, known in ((5, [1, 4]), (3, [1, 3, 4])):
        first = node.gossip.tell(node.neighbours[other], 1.0)[0]
        assert isinstance(first, Have)
        assert [origin for origin, _ in first.stamps] == [*map(name, known)], "2 says itself what it says"


def test_who_knows_us_already_is_told_nothing() -> None:
    node = Node(1, 1)
    node.meet(2)
    node.settle(0.0)
    node.hear(2, [Have("peers", ((name(1), Stamp(1, 2)),))], 0.0)
    assert _told(node, 2, 0.0) == []


def test_what_a_third_peer_says_is_told_on_later_unless_heard_at_first_hand() -> None:
    node = _pair(2, 3)
    _told(node, 2, 0.0)
    node.hear(3, [said([_fact(3, 1)])], 1.0)
    node.hear(2, [said([_fact(2, 1)])], 1.0)
    assert _told(node, 2, 1.0) == []
    assert node.settle(1.0) == 1.0 + relay_delay(2)
    assert _told(node, 2, 1.0 + relay_delay(2)) == [name(3)]
    node.hear(3, [said([_fact(3, 1, 2, version=2)])], 2.0)
    node.hear(2, [said([_fact(2, 1, 3, version=2)])], 2.0)
    assert _told(node, 2, 9.0) == []


def test_a_new_neighbour_is_told_of_third_peers_later_than_of_us() -> None:
    node = _pair(2)
    node.hear(2, [said([_fact(2, 1)])], 0.0)
    node.settle(9.0)
    node.meet(3)
    node.hear(3, [Have("peers", ())], 9.0)
    assert _told(node, 3, 9.0) == [], "our connection to it is not concluded yet"
    at = node.settle(9.0)
    assert at == 9.0 + hearsay_delay(2)
    assert _told(node, 3, 9.0) == [name(1)]
    node.settle(at)
    assert _told(node, 3, at) == [name(2)]


def test_new_connections_are_collected_but_for_those_of_whom_nobody_spoke() -> None:
    node = _pair(2, 3)
    node.hear(2, [said([_fact(2, 1, 4)])], 8.0)
    _told(node, 3, 9.0)
    node.meet(4)
    assert node.settle(9.0) == 9.0 + collect_delay(3)
    node.meet(5)
    node.settle(9.0)
    assert _told(node, 3, 9.0) == [name(1)], "nobody else spoke of the fifth"
    node.hear(2, [said([_fact(2, 1, 4, 6, version=2)])], 20.0)
    node.meet(6)
    at = node.settle(20.0)
    assert at == 20.0 + collect_delay(5)
    assert name(1) not in _told(node, 3, 20.0)
    node.part(6, 20.0)
    node.settle(20.0)
    assert name(1) in _told(node, 3, 20.0), "a connection that was lost is told of at once"


def _claims(node: Node, to: int) -> list[membership.Claim]:
    messages = node.gossip.tell(node.neighbours[to], 0.0)
    return [each for message in messages if isinstance(message, Facts) for each in message.claims]


def test_on_a_connection_the_whole_is_told_first_and_then_what_changed() -> None:
    node = _pair(2, 3)
    (whole,) = _claims(node, 2)
    assert [link[0] for link in whole.fields["links"]] == [name(2), name(3)]
    node.meet(4)
    node.part(3, 0.0)
    node.settle(0.0)
    (changes,) = _claims(node, 2)
    assert ([link[0] for link in changes.fields["links"]], changes.fields["gone"]) == ([name(4)], [name(3)])
    assert _claims(node, 2) == []


@given(infos, infos)
def test_what_was_told_and_its_changes_are_what_is_said_now(told: PeerInfo, info: PeerInfo) -> None:
    before, after = Fact(name(1), Stamp(1, 1), told), Fact(name(1), Stamp(1, 2), info)
    assert membership.claim(after, before).read(before) == after
    assert membership.claim(replace(after, stamp=Stamp(2, 1)), before).read() == replace(after, stamp=Stamp(2, 1))


def test_changes_of_something_else_are_not_taken_and_the_whole_is_asked_for() -> None:
    node = _pair(2, 3)
    first, second = _fact(4, 2, 5), _fact(4, 2, 5, 6, version=2)
    changes = Facts((membership.claim(second, first),))
    node.hear(2, [changes], 0.0)
    assert name(4) not in node.gossip.topology
    assert Have("peers", ((name(4), NOTHING),)) in [
        Have(message.topic, message.stamps[-1:])
        for message in node.gossip.tell(node.neighbours[2], 0.0)
        if isinstance(message, Have)
    ]
    lie = _fact(4, 9)
    node.hear(3, [said([lie])], 0.0)
    node.hear(2, [changes], 0.0)
    assert node.gossip.topology.get(name(4)) == lie, "the changes are not those of what another neighbour told"
    node.hear(2, [said([second])], 0.0)
    assert node.gossip.topology.get(name(4)) == second
    third = _fact(4, 2, version=3)
    node.hear(2, [Facts((membership.claim(third, second),))], 0.0)
    assert node.gossip.topology.get(name(4)) == third


def test_who_says_how_far_it_knows_is_told_the_whole_again() -> None:
    node = _pair(2)
    _claims(node, 2)
    node.hear(2, [Have("peers", ((name(1), NOTHING),))], 0.0)
    (whole,) = _claims(node, 2)
    assert "since" not in whole.fields


def test_changes_do_not_make_a_fact_longer_than_a_whole_one_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "LINKS_PER_MESSAGE", 2)
    before, after = _fact(2, 1, 3), _fact(2, 1, 3, 4, version=2)
    with pytest.raises(Malformed):
        membership.claim(after, before).read(before)


def test_nothing_is_looked_for_where_nothing_changed() -> None:
    node = _pair(2, 3)
    for other in (2, 3):
        node.hear(other, [said([_fact(other, 1, 5 - other)])], 0.0)
        node.settle(9.0)
        node.gossip.tell(node.neighbours[other], 9.0)
    for other in (2, 3):
        node.gossip.tell(node.neighbours[other], 9.0)
        assert node.gossip.candidates(node.neighbours[other]) == [name(1)]


def test_a_fact_that_is_not_news_is_not_looked_at() -> None:
    node = _pair(2)
    node.hear(2, [said([_fact(2, 1, version=9)])], 0.0)
    nonsense = membership.Claim(name(2), Stamp(1, 9), {"links": "nonsense"})
    node.hear(2, [Facts((nonsense,))], 0.0)


def test_what_a_lost_neighbour_said_counts_for_a_moment_and_is_asked_of_the_others() -> None:
    node = _pair(2, 3)
    node.hear(2, [said([_fact(2, 1, 4), _fact(4, 2)])], 0.0)
    node.gossip.tell(node.neighbours[3], 0.0)
    node.part(2, 1.0)
    node.settle(1.0)
    (have,) = node.gossip.tell(node.neighbours[3], 1.0)[:1]
    assert have == Have("peers", ((name(2), NOTHING), (name(4), NOTHING)))
    assert name(4) in node.gossip.topology
    node.settle(1.0 + KEEP_WITHDRAWN)
    assert node.gossip.topology.owners == {name(1)}


def test_who_says_to_know_less_than_he_told_us_is_believed_and_others_hear_of_it() -> None:
    node = _pair(2, 3)
    node.hear(2, [said([_fact(2, 1, 4), _fact(4, 2, uid=9)])], 0.0)
    node.gossip.tell(node.neighbours[3], 0.0)
    node.hear(2, [Have("peers", ((name(4), NOTHING),))], 1.0)
    assert node.gossip.stamp(name(4)) == NOTHING
    assert Have("peers", ((name(4), NOTHING),)) in node.gossip.tell(node.neighbours[3], 1.0)
    node.hear(3, [said([_fact(4, 2, uid=1)])], 1.0)
    assert node.gossip.stamp(name(4)) == Stamp(1, 1)


def test_what_others_said_of_a_neighbour_does_not_count_once_it_speaks_itself() -> None:
    node = _pair(2, 3)
    later = int(time.time() * 1e6) + 10**11
    node.hear(2, [said([_fact(4, 2, uid=later)])], 0.0)
    node.meet(4)
    node.hear(4, [Have("peers", ()), said([_fact(4, 1)])], 0.0)
    assert node.gossip.stamp(name(4)) == Stamp(1, 1)
    assert Have("peers", ((name(4), Stamp(1, 1)),)).stamps[0] in node.gossip.tell(node.neighbours[3], 0.0)[0].stamps  # type: ignore[attr-defined]


def test_a_lie_about_ourselves_is_superseded_but_not_one_from_a_far_future() -> None:
    node = _pair(2)
    now = int(time.time() * 1e6)
    for uid in (now + 2 * 86_400_000_000 - 10**7, 2**62):
        node.hear(2, [said([_fact(1, 9, uid=uid)]), Have("peers", ((name(1), Stamp(uid, 1)),))], 0.0)
        assert node.gossip.topology.own.stamp.uid == 1
    node.hear(2, [Have("peers", ((name(1), Stamp(now, 7)),))], 0.0)
    assert node.gossip.topology.own.stamp == Stamp(now + 1, 1)


def test_the_same_thing_does_not_come_back_again_and_again() -> None:
    node = _pair(2, 3, 5)
    for times in range(9):
        speaker = 2 + times % 2
        node.hear(speaker, [said([_fact(4, 2)])], times)
        node.hear(speaker, [Have("peers", ((name(4), NOTHING),))], times)
    node.hear(5, [said([_fact(4, 2)])], 9.0)
    assert node.gossip.stamp(name(4)) == NOTHING
    node.hear(5, [said([_fact(4, 2, version=2)])], 9.0)
    assert node.gossip.stamp(name(4)) == Stamp(1, 2)
    node.hear(5, [Have("peers", ((name(4), NOTHING),))], 9.0)
    node.settle(9.0 + 61)
    node.hear(3, [said([_fact(4, 2)])], 71.0)
    assert node.gossip.stamp(name(4)) == Stamp(1, 1)


def test_what_one_neighbour_may_claim_is_limited_and_forgotten_with_it() -> None:
    node = _pair(2, 3)
    many = tuple(Link(name(each), address(9), True) for each in range(1000))
    for each in range(100, 100 + membership.MOST_PEERS):
        links = many if each < 200 else ()
        message = said([Fact(name(each), Stamp(1, 1), PeerInfo("x", 1, links))])
        node.gossip.hear(node.neighbours[2], message, node.gossip.view, 0.0)
    links_kept = sum(len(fact.value.links) for fact in node.gossip.topology)
    assert links_kept <= membership.MOST_CLAIMED_LINKS
    assert len(node.gossip.topology) <= membership.MOST_CLAIMS + 1
    node.hear(3, [said([_fact(5, 3)])], 0.0)
    assert name(5) in node.gossip.topology, "others have room of their own"
    node.part(2, 0.0)
    node.settle(KEEP_WITHDRAWN)
    assert node.gossip.topology.owners == {name(1), name(5)}
    assert node.gossip.sources.total == 1
    node.settle(70.0)
    assert not node.gossip.sources._returns
    assert all(len(known or {}) <= 2 for known in node.gossip._known.values())
