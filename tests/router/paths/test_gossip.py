"""The topic of paths: what is told, and what is believed."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.router.mesh.worlds import told
from weave_http.router.mesh.facts import Fact, Stamp
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Have
from weave_http.router.mesh.neighbours import Neighbour, View
from weave_http.router.paths.facts import KIND, TAKES, Claim, Paths, Says, Seen, Takes, claim
from weave_http.router.paths.gossip import PathGossip

A, B, C = (PeerName(f"02:00:00:00:00:0{number}") for number in (1, 2, 3))
STAMP = Stamp(1, 1)
FAR = 2**62

_seen = st.builds(
    Seen,
    st.booleans(),
    st.booleans(),
    st.integers(0, 10**6),
    st.integers(0, 9000),
    st.sampled_from([None, ip_address("192.0.2.1"), ip_address("fd00::1")]),
    st.booleans(),
)
_says = st.builds(Says, st.integers(576, 9000), st.booleans(), st.dictionaries(st.sampled_from([A, B, C]), _seen))


@given(_says)
def test_what_is_packed_is_read_as_it_was(says: Says) -> None:
    heard = KIND.parse(KIND.pack(Paths((claim(Fact(A, STAMP, says)),))), FAR)
    assert isinstance(heard, Paths)
    (read_back,) = heard.claims
    assert (read_back.owner, read_back.stamp, read_back.read()) == (A, STAMP, Fact(A, STAMP, says))


@pytest.mark.parametrize("mtu", [0, 575, 70_000, "1450", None])
def test_an_mtu_that_no_network_has_is_refused(mtu: object) -> None:
    with pytest.raises(Malformed):
        Claim(A, STAMP, {"mtu": mtu, "forwards": True, "ways": []}).read()


def spread(source: PathGossip, sink: PathGossip, at_source: Neighbour, at_sink: Neighbour, view: View) -> None:
    for giver, taker, to, by in ((source, sink, at_source, at_sink), (sink, source, at_sink, at_source)) * 3:
        for message in told(giver, to, 9.0):
            taker.hear(by, message, view, 9.0)


def test_neighbours_tell_each_other_and_a_third_one_and_forget_who_is_gone() -> None:
    one, two, three = (PathGossip(name, 1) for name in (A, B, C))
    links = {A: {B}, B: {A, C}, C: {B}}
    chain = View({B}, {A, B, C}, links), View({A, C}, {A, B, C}, links), View({B}, {A, B, C}, links)
    ends = [Neighbour(name, features=frozenset({"paths"})) for name in (B, A, C, B)]
    for topic, end in zip((one, two, two, three), ends, strict=True):
        topic.met(end)
    for topic, view in zip((one, two, three), chain, strict=True):
        topic.settle(view, 0.0)
    one.say(Says(1300, True, {B: Seen(False)}))
    spread(one, two, ends[0], ends[1], chain[1])
    spread(two, three, ends[2], ends[3], chain[2])
    assert three.says[A] == Says(1300, True, {B: Seen(False)})
    three.parted(ends[3], 9.0)
    alone = View(set(), {C}, {C: set()})
    three.settle(alone, 9.0)
    assert set(three.says) == {C}


@given(_says, _says)
def test_what_was_told_and_its_changes_are_what_is_said_now(told: Says, says: Says) -> None:
    before, after = Fact(A, STAMP, told), Fact(A, STAMP.next(), says)
    heard = KIND.parse(KIND.pack(Paths((claim(after, before),))), FAR)
    assert isinstance(heard, Paths)
    (read_back,) = heard.claims
    assert read_back.read(before) == after
    assert read_back.read(Fact(A, STAMP.next(), told)) is None


def test_nothing_is_kept_of_a_peer_that_nobody_knows() -> None:
    topic = PathGossip(A, 1)
    end = Neighbour(B)
    topic.met(end)
    view = View({B}, {A, B}, {A: {B}, B: {A}})
    topic.settle(view, 0.0)
    topic.hear(end, Have("paths", ()), view, 0.0)
    stranger = Paths((claim(Fact(C, STAMP, Says(576))),))
    assert not topic.hear(end, stranger, view, 0.0)
    assert C not in topic.origins


def test_a_neighbour_is_told_once_a_connection_that_its_frames_are_taken() -> None:
    one, two = PathGossip(A, 1), PathGossip(B, 1)
    view = View({A, B}, {A, B}, {A: {B}, B: {A}})
    to, by = (Neighbour(name, features=frozenset({"paths"})) for name in (B, A))
    one.met(to)
    two.met(by)
    spread(one, two, to, by, view)
    assert not two.taking
    one.taken = {B}
    said = one.tell(to, 9.0)
    assert said == [TAKES.parse(TAKES.pack(Takes()), FAR)]
    two.hear(by, said[0], view, 9.0)
    assert two.taking == {A}
    assert not one.tell(to, 9.0)
    two.parted(by, 10.0)
    assert not two.taking
