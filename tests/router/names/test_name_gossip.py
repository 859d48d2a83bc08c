"""Names among peers whose links come and go, whose messages are late, and whose routers start anew."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.router.mesh.worlds import name
from weave_http.router.mesh.codec import Have, Message, Names
from weave_http.router.mesh.facts import Stamp
from weave_http.router.names import packing, register
from weave_http.router.names.gossip import LINGER, NameGossip
from weave_http.router.names.register import Change, Heard, Name, Update
from weave_http.router.names.zone import Zone


def given(number: int, peer: int = 0) -> Name:
    return Name(f"c{number}.weave.local", f"10.2.{peer}.{number}", "weave:extern")


class World(RuleBasedStateMachine):
    """After whatever happened, and a little silence, everyone knows exactly the names of its part of the mesh.

    The topology, which has tests of its own, is given: all know at once who is linked with whom.
    """

    @initialize(
        count=st.integers(2, 5),
        chunk=st.integers(1, 4),
        most_taken=st.integers(0, 3),
        random=st.randoms(use_true_random=False),
    )
    def start(self, count: int, chunk: int, most_taken: int, random: Random) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(packing, "CHANGES_PER_MESSAGE", chunk)
        self.patch.setattr(register.Register.__init__, "__kwdefaults__", {"index": _deaf, "most_taken": most_taken})
        self.random = random
        self.now = 0.0
        self.count = count
        self.links: set[frozenset[int]] = set()
        self.peers: dict[int, NameGossip] = {}
        self.uids = dict.fromkeys(range(1, count + 1), 5)
        self.truth: dict[int, set[Name]] = {}
        self.wire: dict[tuple[int, int], list[Message]] = {}
        for number in range(1, count + 1):
            self._born(number)
        self._settle()

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()

    def _born(self, number: int) -> None:
        self.peers[number] = NameGossip(name(number), self.uids[number])
        self.truth[number] = set()

    def _neighbours(self, number: int) -> set[int]:
        return {other for link in self.links if number in link for other in link if other != number}

    def _part(self, number: int) -> set[int]:
        part, frontier = {number}, [number]
        while frontier:
            new = self._neighbours(frontier.pop()) - part
            part |= new
            frontier += new
        return part

    def _settle(self) -> None:
        links = {name(number): {name(other) for other in self._neighbours(number)} for number in self.peers}
        for number, gossip in self.peers.items():
            part = self._part(number)
            known = part if self.now >= self.forgotten_at else set(self.peers)
            seen = {owner: linked for owner, linked in links.items() if owner in set(map(name, known))}
            gossip.settle(seen, set(map(name, part)), set(map(name, self._neighbours(number))), self.now)

    forgotten_at = float("inf")

    def _cut(self, link: frozenset[int], *, goodbye: int = 0) -> None:
        self.links.discard(link)
        one, other = link
        for here, there in ((one, other), (other, one)):
            self.wire.pop((here, there), None)
            if goodbye == there:
                self.peers[here].left(name(there))
            self.peers[here].parted(there, name(there))

    def _link(self, link: frozenset[int]) -> None:
        self.links.add(link)
        one, other = link
        for here, there in ((one, other), (other, one)):
            self.wire[here, there] = []
            self.peers[here].met(there)

    def _speak(self, speaker: int, hearer: int) -> None:
        self.wire[speaker, hearer] += self.peers[speaker].tell(hearer, name(hearer))

    def _hear(self, speaker: int, hearer: int, most: int) -> None:
        queue, gossip = self.wire[speaker, hearer], self.peers[hearer]
        connected = set(map(name, self._neighbours(hearer)))
        owners = set(map(name, self._part(hearer)))
        for message in queue[:most]:
            if isinstance(message, Have):
                gossip.hear_of(speaker, message)
            elif isinstance(message, Names):
                gossip.hear(speaker, name(speaker), message, connected, owners)
        del queue[:most]

    def _spread(self) -> None:
        for _ in range(5 * self.count):
            for one, other in sorted(map(sorted, self.links)):
                for speaker, hearer in ((one, other), (other, one)):
                    self._speak(speaker, hearer)
                    self._hear(speaker, hearer, 999)

    @rule(one=st.integers(0, 4), further=st.integers(0, 3))
    def connect_or_cut(self, one: int, further: int) -> None:
        first = one % self.count
        pair = {first + 1, (first + 1 + further % (self.count - 1)) % self.count + 1}
        link = frozenset(pair)
        if link in self.links:
            self._cut(link)
        else:
            self._link(link)
        self._settle()

    @rule(peer=st.integers(0, 4), number=st.integers(0, 5), there=st.booleans())
    def change_a_name(self, peer: int, number: int, there: bool) -> None:
        peer = peer % self.count + 1
        self.peers[peer].zone.own.say(given(number, peer), there=there)
        (self.truth[peer].add if there else self.truth[peer].discard)(given(number, peer))

    @rule(steps=st.integers(1, 9))
    def some_speak_and_some_hear_a_part_of_it(self, steps: int) -> None:
        for _ in range(steps):
            if self.links:
                speaker, hearer = self.random.sample(self.random.choice(sorted(map(sorted, self.links))), 2)
                self._speak(speaker, hearer)
                self._hear(speaker, hearer, self.random.randint(0, 3))

    @rule(number=st.integers(0, 4), step=st.sampled_from([1, 1, -1]), goodbye=st.booleans())
    def restart(self, number: int, step: int, goodbye: bool) -> None:
        number = number % self.count + 1
        before = {link for link in self.links if number in link}
        for link in before:
            self._cut(link, goodbye=number if goodbye else 0)
        self.uids[number] = max(1, self.uids[number] + step)
        self._born(number)
        self._settle()
        for link in before:
            self._link(link)
        self._settle()

    @rule()
    def a_minute_passes(self) -> None:
        """Who is out of reach is forgotten, and everyone says how far he knows."""
        self.now += 60
        self.forgotten_at = self.now
        self._settle()
        self.forgotten_at = float("inf")
        for one, other in map(sorted, self.links):
            self.peers[one].survey(other)
            self.peers[other].survey(one)

    @invariant()
    def after_silence_everyone_knows_exactly_the_names_of_its_part(self) -> None:
        if not hasattr(self, "peers"):
            return
        self._spread()
        for number, gossip in self.peers.items():
            part = self._part(number)
            known = [entry.name for entry in gossip.entries(self.now + LINGER)]
            assert known == sorted(given for other in part for given in self.truth[other])


def _deaf(change: Name, there: bool) -> None:
    pass


def test_a_peer_without_names_is_known_all_the_same() -> None:
    zone = Zone(name(1), 1)
    assert zone.merge(Update(name(2), Stamp(5, 3), 0, ())) is Heard.NEWS
    assert zone.stamp(name(2)) == Stamp(5, 3)
    change = Change(4, given(1, 2), True)
    assert zone.merge(Update(name(2), Stamp(5, 4), 3, (change,))) is Heard.NEWS


World.TestCase.settings = settings(max_examples=80, stateful_step_count=25)
TestWorld = World.TestCase


def _update(origin: int, *names: Name, version: int = 0, uid: int = 1, base: int = 0) -> Names:
    changes = tuple(Change(base + index, each, True) for index, each in enumerate(names, start=1))
    return Names(Update(name(origin), Stamp(uid, version or base + len(names)), base, changes))


def _linked(*numbers: int) -> NameGossip:
    """Peer 1, in a full mesh with these."""
    gossip = NameGossip(name(1), 1)
    everyone = {name(number) for number in (1, *numbers)}
    for number in numbers:
        gossip.met(number)
    gossip.settle({each: everyone - {each} for each in everyone}, everyone, everyone - {name(1)}, 0.0)
    return gossip


def _addresses(gossip: NameGossip, now: float = 0.0) -> list[str]:
    return sorted(entry.name.address for entry in gossip.entries(now))


def test_the_first_word_is_how_far_we_know_and_the_names_come_after_the_others_first_word() -> None:
    gossip = _linked(2)
    gossip.zone.own.say(given(1), there=True)
    assert gossip.tell(2, name(2)) == [Have(((name(1), Stamp(1, 2)),))]
    gossip.hear_of(2, Have(()))
    (message,) = gossip.tell(2, name(2))
    assert isinstance(message, Names)
    assert [change.name for change in message.update.changes] == [given(1)]
    assert gossip.tell(2, name(2)) == []


def test_who_comes_back_is_told_what_he_missed_and_no_more() -> None:
    gossip = _linked(2)
    for number in range(5):
        gossip.zone.own.say(given(number), there=True)
    gossip.hear_of(2, Have(((name(1), Stamp(1, 5)),)))
    _, message = gossip.tell(2, name(2))
    assert isinstance(message, Names)
    assert (message.update.base, len(message.update.changes)) == (5, 1)


def test_what_a_connected_peer_says_of_itself_is_believed_from_itself_alone() -> None:
    gossip = _linked(2, 3)
    owners = {name(1), name(2), name(3)}
    lie, truth = given(1, 9), given(1, 3)
    assert not gossip.hear(2, name(2), _update(3, lie, version=99), owners, owners)
    assert gossip.hear(3, name(3), _update(3, truth), owners, owners)
    assert _addresses(gossip) == [truth.address]


def test_a_lie_about_ourselves_is_outdone() -> None:
    gossip = _linked(2, 3)
    gossip.zone.own.say(given(1), there=True)
    owners = {name(1), name(2), name(3)}
    assert gossip.hear(2, name(2), _update(1, given(7), uid=9), owners, owners)
    assert gossip.zone.own.stamp > Stamp(9, 1)
    assert _addresses(gossip) == [given(1).address]
    assert not gossip.hear(2, name(2), _update(1, given(7), uid=2**63 - 1), owners, owners)


def test_the_names_of_a_lost_peer_stay_for_a_moment_and_those_of_one_that_left_do_not() -> None:
    gossip = _linked(2, 3)
    owners = {name(1), name(2), name(3)}
    gossip.hear(2, name(2), _update(2, given(2, 2)), owners, owners)
    gossip.hear(3, name(3), _update(3, given(3, 3)), owners, owners)
    gossip.left(name(3))
    gossip.settle({each: set() for each in owners}, {name(1)}, set(), 100.0)
    assert _addresses(gossip, 100.0 + LINGER - 1) == ["10.2.2.2"]
    assert _addresses(gossip, 100.0 + LINGER) == []
    assert (gossip.addresses("c2.weave.local", 101.0), gossip.addresses("c3.weave.local", 101.0)) == (
        {"10.2.2.2"},
        set(),
    )


def test_names_of_someone_unknown_are_not_kept_and_asked_for_when_he_is_known() -> None:
    gossip = _linked(2)
    gossip.hear_of(2, Have(()))
    gossip.tell(2, name(2))
    connected = {name(2)}
    assert not gossip.hear(2, name(2), _update(3, given(3, 3)), connected, {name(1), name(2)})
    assert gossip.tell(2, name(2)) == []
    links = {name(1): {name(2)}, name(2): {name(1), name(3)}, name(3): {name(2)}}
    gossip.settle(links, set(links), connected, 0.0)
    assert gossip.tell(2, name(2)) == [Have(((name(3), Stamp(0, 0)),))]


def test_what_was_dropped_or_not_believed_is_said_so_that_it_is_told_again() -> None:
    gossip = _linked(2, 3)
    owners = {name(1), name(2), name(3), name(4)}
    for number in (2, 3):
        gossip.hear_of(number, Have(()))
        gossip.tell(number, name(number))
    assert not gossip.hear(2, name(2), _update(3, given(3, 3)), owners, owners), "we are connected with 3 ourselves"
    gossip.parted(3, name(3))
    assert Have(((name(3), Stamp(0, 0)),)) in gossip.tell(2, name(2))
    gossip.hear(2, name(2), _update(4, given(4, 4)), {name(2)}, owners)
    gossip.settle({name(1): {name(2)}, name(2): {name(1)}}, {name(1), name(2)}, {name(2)}, 0.0)
    assert gossip.tell(2, name(2)) == [Have(((name(4), Stamp(0, 0)),))]


def test_nobody_is_told_what_he_hears_at_first_hand() -> None:
    gossip = _linked(2, 3)
    assert [gossip.is_told(name(origin), name(2)) for origin in (1, 2, 3, 9)] == [True, False, False, False]
    links = {name(1): {name(2), name(3)}, name(2): {name(1)}, name(3): {name(1), name(2)}}
    gossip.settle(links, set(links), {name(2), name(3)}, 0.0)
    assert gossip.is_told(name(3), name(2)), "only one of them says that they are connected"
