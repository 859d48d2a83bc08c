"""Names among peers whose links come and go, whose messages are late, and whose routers start anew."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.router.mesh.worlds import name, told
from weave_http.addresses import parse_ip
from weave_http.router.mesh.facts import NOTHING, Stamp
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Have, Message
from weave_http.router.mesh.neighbours import Neighbour, View
from weave_http.router.mesh.sources import KEEP_WITHDRAWN
from weave_http.router.names import gossip as name_gossip
from weave_http.router.names import packing, register
from weave_http.router.names.gossip import LINGER, NameGossip
from weave_http.router.names.packing import Names
from weave_http.router.names.register import Change, Heard, Name, Update
from weave_http.router.names.zone import Zone


def given(number: int, peer: int = 0) -> Name:
    return Name(f"c{number}.weave.local", parse_ip(f"10.2.{peer}.{number}"), "weave:extern")


class World(RuleBasedStateMachine):
    """After whatever happened, and a little silence, everyone knows exactly the names of its part of the mesh.

    The topology, which has tests of its own, is given: all know at once who is linked with whom.
    """

    @initialize(
        count=st.integers(2, 5),
        chunk=st.integers(1, 4),
        most_tombstones=st.integers(0, 3),
        random=st.randoms(use_true_random=False),
    )
    def start(self, count: int, chunk: int, most_tombstones: int, random: Random) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(packing, "CHANGES_PER_MESSAGE", chunk)
        self.patch.setattr(
            register.Register.__init__, "__kwdefaults__", {"index": _deaf, "most_tombstones": most_tombstones}
        )
        self.random = random
        self.now = 0.0
        self.count = count
        self.links: set[frozenset[int]] = set()
        self.peers: dict[int, NameGossip] = {}
        self.views: dict[int, View] = {}
        self.neighbours: dict[tuple[int, int], Neighbour] = {}
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
            connected = set(map(name, self._neighbours(number)))
            self.views[number] = View(connected, set(map(name, part)), seen)
            gossip.settle(self.views[number], self.now)

    forgotten_at = float("inf")

    def _cut(self, link: frozenset[int], *, goodbye: int = 0) -> None:
        self.links.discard(link)
        one, other = link
        for here, there in ((one, other), (other, one)):
            self.wire.pop((here, there), None)
            if goodbye == there:
                self.peers[here].left(name(there))
            self.peers[here].parted(self.neighbours.pop((here, there)), self.now)

    def _link(self, link: frozenset[int]) -> None:
        self.links.add(link)
        one, other = link
        for here, there in ((one, other), (other, one)):
            self.wire[here, there] = []
            self.neighbours[here, there] = Neighbour(name(there))
            self.peers[here].met(self.neighbours[here, there])

    def _speak(self, speaker: int, hearer: int) -> None:
        self.wire[speaker, hearer] += told(self.peers[speaker], self.neighbours[speaker, hearer], self.now)

    def _hear(self, speaker: int, hearer: int, most: int) -> None:
        queue, gossip = self.wire[speaker, hearer], self.peers[hearer]
        for message in queue[:most]:
            self.now += 1.1  # so slow that nobody is held back from defending its names
            gossip.hear(self.neighbours[hearer, speaker], message, self.views[hearer], self.now)
        del queue[:most]

    def _spread(self) -> None:
        before = self.now
        for _ in range(5 * self.count):
            for one, other in sorted(map(sorted, self.links)):
                for speaker, hearer in ((one, other), (other, one)):
                    self._speak(speaker, hearer)
                    self._hear(speaker, hearer, 999)
        self.now = before

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

    @rule(peer=st.integers(0, 4), number=st.integers(0, 5), present=st.booleans())
    def change_a_name(self, peer: int, number: int, present: bool) -> None:
        peer = peer % self.count + 1
        self.peers[peer].zone.own.say(given(number, peer), present=present)
        (self.truth[peer].add if present else self.truth[peer].discard)(given(number, peer))

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

    @rule(victim=st.integers(0, 4), origin=st.integers(0, 4), uid=st.integers(1, 2**50), base=st.integers(0, 9))
    def a_liar_comes_says_something_of_anybody_and_goes(self, victim: int, origin: int, uid: int, base: int) -> None:
        victim, liar = victim % self.count + 1, Neighbour(name(99))
        gossip, view = self.peers[victim], self.views[victim]
        gossip.met(liar)
        update = Update(
            name(origin % self.count + 1), Stamp(uid, base + 1), base, (Change(base + 1, given(9, 9), True),)
        )
        for message in (Have("names", ()), Names(update)):
            gossip.hear(liar, message, View(set(view.connected) | {name(99)}, view.present, view.links), self.now)
        self.some_speak_and_some_hear_a_part_of_it(3)
        gossip.parted(liar, self.now)

    @rule()
    def a_minute_passes(self) -> None:
        """Who is out of reach is forgotten, and everyone says how far he knows."""
        self.now += 60
        self.forgotten_at = self.now
        self._settle()
        self.forgotten_at = float("inf")
        for one, other in map(sorted, self.links):
            self.peers[one].resend(self.neighbours[one, other])
            self.peers[other].resend(self.neighbours[other, one])

    @invariant()
    def after_silence_everyone_knows_exactly_the_names_of_its_part(self) -> None:
        if not hasattr(self, "peers"):
            return
        self._spread()
        for number, gossip in self.peers.items():
            part = self._part(number)
            known = [entry.name for entry in gossip.entries(self.now + LINGER)]
            assert known == sorted(given for other in part for given in self.truth[other])


def _deaf(change: Name, present: bool) -> None:
    pass


def test_a_peer_without_names_is_known_all_the_same() -> None:
    zone = Zone(name(1), 1)
    assert zone.merge(Update(name(2), Stamp(5, 3), 0, ())) is Heard.NEWS
    assert zone.stamp(name(2)) == Stamp(5, 3)
    change = Change(4, given(1, 2), True)
    assert zone.merge(Update(name(2), Stamp(5, 4), 3, (change,))) is Heard.NEWS


def test_saying_all_anew_drops_nothing_that_was_still_to_be_said() -> None:
    gossip, neighbour = NameGossip(name(1), 1), Neighbour(name(2))
    gossip.met(neighbour)
    gossip.tell(neighbour, 0.0)
    gossip.say_to_all([name(3)])
    gossip.resend(neighbour)
    (have,) = gossip.tell(neighbour, 0.0)
    assert isinstance(have, Have)
    assert dict(have.stamps)[name(3)] == NOTHING


World.TestCase.settings = settings(max_examples=50, stateful_step_count=25, deadline=None, phases=(Phase.generate,))
TestWorld = World.TestCase


def _update(origin: int, *names: Name, version: int = 0, uid: int = 1, base: int = 0) -> Names:
    changes = tuple(Change(base + index, each, True) for index, each in enumerate(names, start=1))
    return Names(Update(name(origin), Stamp(uid, version or base + len(names)), base, changes))


class Peer(NameGossip):
    """Peer 1, in a full mesh with others; what it is told goes by their numbers."""

    def __init__(self, *numbers: int) -> None:
        super().__init__(name(1), 1)
        self.neighbours = {number: Neighbour(name(number)) for number in numbers}
        everyone = {name(number) for number in (1, *numbers)}
        for neighbour in self.neighbours.values():
            self.met(neighbour)
        self.sees({each: everyone - {each} for each in everyone}, everyone)

    def sees(self, links: dict[PeerName, set[PeerName]], present: set[PeerName], now: float = 0.0) -> None:
        self.settle(View({name(number) for number in self.neighbours}, present, links), now)

    def hears(self, number: int, message: Message, now: float = 0.0) -> bool:
        return self.hear(self.neighbours[number], message, self.view, now)

    def tells(self, number: int, now: float = 0.0) -> list[Message]:
        return self.tell(self.neighbours[number], now)

    def loses(self, number: int, now: float = 0.0) -> None:
        self.parted(self.neighbours.pop(number), now)


def _have(**stamps: Stamp) -> Have:
    return Have("names", tuple((name(int(key[1:])), stamp) for key, stamp in stamps.items()))


def _links(*pairs: tuple[int, int]) -> dict[PeerName, set[PeerName]]:
    links: dict[PeerName, set[PeerName]] = {}
    for one, other in pairs:
        links.setdefault(name(one), set()).add(name(other))
        links.setdefault(name(other), set()).add(name(one))
    return links


def _addresses(gossip: NameGossip, now: float = 0.0) -> list[str]:
    return sorted(str(entry.name.address) for entry in gossip.entries(now))


def test_names_come_after_the_neighbour_said_how_far_it_knows() -> None:
    gossip = Peer(2)
    gossip.zone.own.say(given(1), present=True)
    assert gossip.tells(2) == [_have(n1=Stamp(1, 2))]
    gossip.hears(2, _have())
    (message,) = gossip.tells(2)
    assert isinstance(message, Names)
    assert [change.name for change in message.update.changes] == [given(1)]
    assert gossip.tells(2) == []


def test_who_comes_back_is_told_what_he_missed_and_no_more() -> None:
    gossip = Peer(2)
    for number in range(5):
        gossip.zone.own.say(given(number), present=True)
    gossip.hears(2, _have(n1=Stamp(1, 5)))
    _, message = gossip.tells(2)
    assert isinstance(message, Names)
    assert (message.update.base, len(message.update.changes)) == (5, 1)


def test_what_a_connected_peer_says_of_itself_is_believed_from_itself_alone() -> None:
    gossip = Peer(2, 3)
    lie, truth = given(1, 9), given(1, 3)
    assert not gossip.hears(2, _update(3, lie, version=99))
    gossip.hears(3, _update(3, truth))
    assert _addresses(gossip) == [str(truth.address)]


def test_a_lie_about_ourselves_is_superseded_but_not_one_from_a_far_future() -> None:
    gossip = Peer(2, 3)
    gossip.zone.own.say(given(1), present=True)
    assert gossip.hears(2, _update(1, given(7), uid=9))
    assert gossip.zone.own.stamp > Stamp(9, 1)
    assert _addresses(gossip) == [str(given(1).address)]
    assert not gossip.hears(2, _update(1, given(7), uid=2**62 + 5), 9.0)
    assert not gossip.hears(2, _have(n1=Stamp(2**62 + 5, 1)), 9.0)
    assert gossip.zone.own.stamp.uid == 10


def test_a_lie_about_names_of_another_is_gone_when_the_liar_is() -> None:
    gossip = Peer(2, 3)
    gossip.sees(_links((1, 2), (1, 3), (3, 4)), set(map(name, (1, 2, 3, 4))))
    for number in (2, 3):
        gossip.hears(number, _have())
        gossip.tells(number)
    gossip.hears(2, _update(4, given(1, 9), uid=2**50))
    assert gossip.hears(3, _update(4, given(1, 4)))
    assert _have(n4=Stamp(2**50, 1)) in gossip.tells(3), "4 hears of it, to go beyond it"
    gossip.loses(2)
    assert _have(n2=NOTHING, n4=NOTHING).stamps[1] in gossip.tells(3)[0].stamps  # type: ignore[attr-defined]
    gossip.hears(3, _update(4, given(1, 4)))
    assert _addresses(gossip) == [str(given(1, 4).address)]


def test_what_a_third_peer_says_is_told_by_three_of_those_who_are_connected_to_both() -> None:
    gossip = Peer(*range(2, 10))

    def mesh(*numbers: int) -> dict[PeerName, set[PeerName]]:
        return _links(*({*combinations(numbers, 2)} - {(3, 4), (7, 8)}))

    gossip.sees(mesh(*range(1, 10)), set(map(name, range(1, 10))))
    for number in range(2, 10):
        gossip.hears(number, _have())
        gossip.tells(number)
    gossip.hears(7, _update(7, given(1, 7)))
    assert [type(message) for message in gossip.tells(8)] == [Names], "9, 1 and 2 are the first behind 7"
    gossip.hears(3, _update(3, given(1, 3)))
    assert gossip.tells(4) == [], "5, 6 and 7 are the first behind 3"
    for number in (5, 6, 7):
        gossip.loses(number)
    gossip.sees(mesh(1, 2, 3, 4, 8, 9), set(map(name, (1, 2, 3, 4, 8, 9))))
    told = [message for message in gossip.tells(4) if isinstance(message, Names)]
    assert [message.update.origin for message in told] == [name(3)], "8, 9 and 1 are it now"


def test_names_of_a_lost_peer_stay_a_moment_and_of_one_that_left_do_not() -> None:
    gossip = Peer(2, 3)
    gossip.hears(2, _update(2, given(2, 2)))
    gossip.hears(3, _update(3, given(3, 3)))
    gossip.left(name(3))
    gossip.loses(2, 100.0)
    gossip.loses(3, 100.0)
    gossip.sees({name(number): set() for number in (1, 2, 3)}, {name(1)}, 100.0)
    assert _addresses(gossip, 100.0 + LINGER - 1) == ["10.2.2.2"]
    assert _addresses(gossip, 100.0 + LINGER) == []
    assert (gossip.addresses("c2.weave.local", 101.0), gossip.addresses("c3.weave.local", 101.0)) == (
        {parse_ip("10.2.2.2")},
        set(),
    )


def test_names_of_someone_unknown_are_not_kept_and_asked_for_when_he_is_known() -> None:
    gossip = Peer(2)
    gossip.hears(2, _have())
    gossip.tells(2)
    assert not gossip.hears(2, _update(3, given(3, 3)))
    assert gossip.tells(2) == []
    gossip.sees(_links((1, 2), (2, 3)), set(map(name, (1, 2, 3))))
    assert gossip.tells(2) == [_have(n3=NOTHING)]


def test_what_was_dropped_or_not_believed_is_said_so_that_it_is_told_again() -> None:
    gossip = Peer(2, 3)
    gossip.sees(_links((1, 2), (1, 3), (2, 3), (2, 4)), set(map(name, (1, 2, 3, 4))))
    for number in (2, 3):
        gossip.hears(number, _have())
        gossip.tells(number)
    assert not gossip.hears(2, _update(3, given(3, 3))), "we are connected with 3 ourselves"
    gossip.loses(3)
    gossip.sees(_links((1, 2), (2, 3), (2, 4)), set(map(name, (1, 2, 3, 4))))
    assert _have(n3=NOTHING) in gossip.tells(2)
    gossip.hears(2, _update(4, given(4, 4)))
    gossip.sees(_links((1, 2)), {name(1), name(2)})
    assert gossip.tells(2) == [_have(n4=NOTHING)]


def test_nobody_is_told_what_he_hears_at_first_hand() -> None:
    gossip = Peer(2, 3)
    assert [gossip.view.is_told(name(1), name(origin), name(2)) for origin in (1, 2, 3, 9)] == [
        True,
        False,
        False,
        False,
    ]
    gossip.sees(
        {name(1): {name(2), name(3)}, name(2): {name(1)}, name(3): {name(1), name(2)}}, set(map(name, (1, 2, 3)))
    )
    assert gossip.view.is_told(name(1), name(3), name(2)), "only one of them says that they are connected"


def test_names_that_one_neighbour_may_tell_are_limited_and_forgotten_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_gossip, "MOST_OF_ONE", 20)
    monkeypatch.setattr(name_gossip, "MOST_CLAIMED", 30)
    gossip = Peer(2, 3)
    gossip.sees(_links((1, 2), (1, 3), (2, 4), (2, 5), (2, 6)), set(map(name, range(1, 7))))
    gossip.hears(2, _have())
    for origin in (4, 5, 6):
        gossip.hears(2, _update(origin, *(given(number, origin) for number in range(20))))
    assert len(gossip.entries(0.0)) == 20
    assert not gossip.hears(3, _update(3, *(given(number, 3) for number in range(21))))
    assert gossip.hears(3, _update(3, given(1, 3), uid=2))
    gossip.loses(2)
    gossip.sees(_links((1, 3)), {name(1), name(3)}, KEEP_WITHDRAWN)
    assert _addresses(gossip, KEEP_WITHDRAWN + LINGER) == [str(given(1, 3).address)]


def test_a_long_update_that_never_ends_is_not_collected_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_gossip, "MOST_OF_ONE", 20)
    gossip = Peer(2)
    for start in range(0, 100, 10):
        changes = tuple(Change(start + number + 1, given(number, start), True) for number in range(10))
        gossip.hears(2, Names(Update(name(2), Stamp(1, 500), 0, changes), more=True))
        assert sum(len(update.changes) for update in gossip._begun.values()) <= 20
    gossip.hears(2, Names(Update(name(2), Stamp(1, 500), 0, ()), more=False))
    assert gossip.entries(0.0) == [], "a part is never taken for the whole"


def test_who_had_no_room_is_asked_again_when_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    gossip = Peer(2, 3)
    gossip.zone._most_names = 5
    gossip.hears(2, _update(2, *(given(number, 2) for number in range(4))))
    gossip.hears(3, _update(3, *(given(number, 3) for number in range(4))))
    assert len(gossip.entries(0.0)) == 5
    gossip.loses(2)
    gossip.sees(_links((1, 3)), {name(1), name(3)}, KEEP_WITHDRAWN)
    assert (name(3), NOTHING) in [stamp for have in gossip.tells(3) if isinstance(have, Have) for stamp in have.stamps]
    gossip.hears(3, _update(3, *(given(number, 3) for number in range(4))))
    assert len(_addresses(gossip, KEEP_WITHDRAWN + LINGER)) == 4
