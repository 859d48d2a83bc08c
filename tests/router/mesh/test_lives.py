"""A peer that comes back knowing nothing, and with an earlier clock, is heard everywhere, and soon."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.router.mesh.test_membership import Node
from tests.router.mesh.worlds import name, told
from weave_http.router.mesh.facts import Stamp
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.lives import AGAIN, Lives
from weave_http.router.mesh.neighbours import Neighbour

LONG = 60.0


class Net:
    """Peers with links between them; peer 1 comes back with earlier clocks.

    Args:
        links: pairs of the numbers of peers.
    """

    def __init__(self, links: Sequence[tuple[int, int]]) -> None:
        self.links: list[tuple[int, int]] = []
        self.nodes = {number: Node(number, 99) for number in sorted({each for link in links for each in link})}
        self.now = 0.0
        for link in links:
            self.connect(link)
        self.talk_until_all_know()

    def connect(self, link: tuple[int, int]) -> None:
        if link not in self.links:
            self.links.append(link)
        for here, there in (link, link[::-1]):
            self.nodes[here].meet(there)
            self.nodes[here].settle(self.now)

    def come_back(self, uid: int) -> None:
        """Peer 1 restarts, and is connected again before anybody was told."""
        own = [link for link in self.links if link[0] == 1]
        for _, other in own:
            self.nodes[other].part(1, self.now)
            self.nodes[other].settle(self.now)
        self.nodes[1] = Node(1, uid)
        for link in own:
            self.connect(link)

    def say(self, speaker: int, hearer: int) -> None:
        here = self.nodes[speaker]
        here.settle(self.now)
        self.nodes[hearer].hear(speaker, told(here.gossip, here.neighbours[hearer], self.now), self.now)

    def talk_until_all_know(self) -> float:
        """Let all speak until they know what peer 1 says; return the seconds that it took."""
        began = self.now
        while {node.gossip.topology.get(name(1)) for node in self.nodes.values()} != {
            self.nodes[1].gossip.topology.own
        }:
            assert self.now < began + LONG
            self.now += 0.1
            for one, other in self.links:
                self.say(one, other)
                self.say(other, one)
        return self.now - began


@settings(max_examples=40)
@given(st.integers(2, 7), st.booleans(), st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=15))
def test_who_comes_back_with_an_earlier_clock_is_heard_at_any_distance(
    length: int, ring: bool, spoken: list[tuple[int, bool]]
) -> None:
    chain = [(number, number + 1) for number in range(1, length)]
    net = Net([*chain, (1, length)] if ring and length > 2 else chain)
    for uid in (50, 20):
        net.now += LONG
        net.come_back(uid)
        for number, back in spoken:
            one, other = net.links[number % len(net.links)]
            net.say(*((other, one) if back else (one, other)))
        assert net.talk_until_all_know() < 2 + length


def test_its_old_word_does_not_go_on_in_a_circle_of_peers_that_have_it_from_each_other() -> None:
    net = Net([(1, 2), (2, 3), (3, 4), (4, 5)])
    net.connect((3, 5))
    net.now += LONG
    net.talk_until_all_know()
    net.come_back(50)
    # 3 withdraws it and asks 5, which has it from 4; so 4 never hears that 3 did not know it for a moment.
    for speaker, hearer in ((1, 2), (2, 1), (1, 2), (2, 3), (3, 5), (5, 3), (3, 4)):
        net.say(speaker, hearer)
    sources = {number: net.nodes[number].gossip.sources.of(name(1)) for number in (3, 4, 5)}
    assert {number: source.peer for number, source in sources.items() if source} == {3: name(5), 4: name(3), 5: name(4)}
    assert net.talk_until_all_know() < 5
    assert net.nodes[1].gossip.topology.own.stamp.uid == 100


def test_the_same_later_life_is_told_again_only_after_a_while() -> None:
    lives, nearer, speaker = Lives(), Neighbour(name(1)), Neighbour(name(2))
    for neighbour in (nearer, speaker):
        lives.met(neighbour)

    def hear(uid: int, now: float) -> dict[PeerName, Stamp]:
        lives.compare(speaker, name(9), Stamp(uid, 1), Stamp(5, 1), nearer, now)
        return lives.take(nearer)

    assert hear(5, 0.0) == {}
    assert hear(7, 0.0) == {name(9): Stamp(7, 1)}
    assert hear(7, 0.5) == {}
    assert hear(8, 0.5) == {name(9): Stamp(8, 1)}
    assert hear(7, 0.6 + AGAIN) == {name(9): Stamp(7, 1)}
    assert hear(3, 0.7) == {}
    assert lives.take(speaker) == {name(9): Stamp(5, 1)}, "it goes by an earlier life than we do"
