"""Gossip among peers whose links come and go and whose messages are late: all that `peering` does, without I/O."""

from __future__ import annotations

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.router.mesh.worlds import address, name
from weave_http.router.mesh.gossip import Gossip
from weave_http.router.mesh.topology import FORGET_AFTER, Link


class Mesh(RuleBasedStateMachine):
    """What everyone knows, after whatever happened and a little silence, must be the truth."""

    @initialize(count=st.integers(2, 6), random=st.randoms(use_true_random=False))
    def start(self, count: int, random: Random) -> None:
        self.random = random
        self.now = 0.0
        self.links: set[frozenset[int]] = set()
        self.peers: dict[int, Gossip] = {}
        for number in range(1, count + 1):
            self._born(number, 5)

    def _born(self, number: int, uid: int) -> None:
        self.peers[number] = Gossip(name(number), uid, f"host{number}", 6783)

    def _neighbours(self, number: int) -> list[int]:
        return sorted(other for link in self.links if number in link for other in link if other != number)

    def _settle(self, number: int) -> None:
        links = [Link(name(other), address(other), other > number) for other in self._neighbours(number)]
        self.peers[number].settle(links, self.now)

    def _tell(self, speaker: int, hearer: int) -> None:
        facts = self.peers[speaker].tell(hearer, name(hearer))
        connected = {name(number) for number in self._neighbours(hearer)}
        self.now += 2  # so slow that nobody is held back from defending its name
        if self.peers[hearer].hear(speaker, name(speaker), facts, connected, self.now):
            self._settle(hearer)

    def _spread(self) -> float:
        """Let all speak until there is nothing more to say; return the seconds that it took, which don't count."""
        before = self.now
        for _ in range(4 * len(self.peers)):
            for one, other in sorted(map(sorted, self.links)):
                self._tell(one, other)
                self._tell(other, one)
        took, self.now = self.now - before, before
        return took

    def _cut(self, link: frozenset[int]) -> None:
        self.links.discard(link)
        one, other = link
        self.peers[one].parted(other)
        self.peers[other].parted(one)
        self._settle(one)
        self._settle(other)

    @rule(pair=st.sets(st.integers(1, 6), min_size=2, max_size=2))
    def connect_or_cut(self, pair: set[int]) -> None:
        if not pair <= set(self.peers):
            return
        link = frozenset(pair)
        if link in self.links:
            self._cut(link)
            return
        self.links.add(link)
        one, other = pair
        self.peers[one].met(other)
        self.peers[other].met(one)
        self._settle(one)
        self._settle(other)

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
        self.a_minute_passes()

    def _restart(self, number: int, uid_step: int) -> None:
        if number in self.peers:
            for link in [link for link in self.links if number in link]:
                self._cut(link)
            self._born(number, max(0, self.peers[number].topology.own.stamp.uid + uid_step))

    @rule()
    def a_minute_passes(self) -> None:
        """And with it the time at which everyone tells everything again."""
        self.now += self._spread() + FORGET_AFTER
        for number in self.peers:
            self._settle(number)
        for one, other in map(sorted, self.links):
            self.peers[one].met(other)
            self.peers[other].met(one)

    @invariant()
    def after_silence_everyone_knows_exactly_its_part_of_the_mesh(self) -> None:
        if not hasattr(self, "peers"):
            return
        self._spread()
        for number, gossip in self.peers.items():
            part, frontier = {number}, [number]
            while frontier:
                new = set(self._neighbours(frontier.pop())) - part
                part |= new
                frontier += new
            assert gossip.peers == [self.peers[other].topology.own for other in sorted(part)]


Mesh.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestMesh = Mesh.TestCase
