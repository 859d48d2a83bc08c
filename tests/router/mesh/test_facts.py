from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weave_http.router.mesh.facts import NOTHING, Fact, FactSet, Stamp, greatest_uid, next_uid
from weave_http.router.mesh.identity import PeerName

A, ME = PeerName("a"), PeerName("me")

_OWNERS = tuple(map(PeerName, "abcd"))
# A stamp belongs to one value: only the owner writes.
_facts = st.builds(Stamp, st.integers(1, 3), st.integers(1, 4)).flatmap(
    lambda stamp: st.sampled_from(_OWNERS).map(lambda owner: Fact(owner, stamp, f"{owner}{stamp}"))
)


def _set(owner: str = "me", uid: int = 1) -> FactSet[str]:
    return FactSet(PeerName(owner), uid, f"{owner} at first")


def _others(facts: FactSet[str]) -> dict[str, Fact[str]]:
    return {fact.owner: fact for fact in facts if fact.owner != "me"}


@given(st.lists(_facts), st.randoms())
def test_order_and_repetition_of_what_is_heard_make_no_difference(
    facts: list[Fact[str]], random: st.DataObject
) -> None:
    one, other = _set(), _set()
    one.merge(facts)
    shuffled = facts * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for fact in shuffled:
        other.merge([fact])
    assert _others(one) == _others(other)


@given(st.lists(_facts), st.lists(_facts))
def test_merging_again_brings_no_news(some: list[Fact[str]], more: list[Fact[str]]) -> None:
    facts = _set()
    facts.merge(some)
    facts.merge(more)
    assert facts.merge([*some, *more]) == []


@given(st.lists(_facts, min_size=1))
def test_the_latest_stamp_of_each_owner_wins(heard: list[Fact[str]]) -> None:
    facts = _set()
    facts.merge(heard)
    for owner, fact in _others(facts).items():
        assert fact.stamp == max(other.stamp for other in heard if other.owner == owner)


def test_a_restarted_owner_wins_with_its_first_word() -> None:
    facts = _set()
    facts.merge([Fact(A, Stamp(5, 99), "old")])
    facts.merge([Fact(A, Stamp(6, 1), "new")])
    facts.merge([Fact(A, Stamp(5, 100), "older, but late")])
    fact = facts.get(A)
    assert fact is not None
    assert fact.value == "new"


def test_saying_the_same_again_is_no_change() -> None:
    facts = _set()
    assert not facts.say("me at first")
    assert facts.say("something else")
    assert facts.own.stamp == Stamp(1, 2)


@given(st.builds(Stamp, st.integers(0, 9), st.integers(0, 9)))
def test_an_owner_supersedes_whatever_it_hears_about_itself_and_keeps_its_word(stamp: Stamp) -> None:
    facts = _set(uid=4)
    news = facts.merge([Fact(ME, stamp, "a lie, or long ago")])
    assert facts.own.value == "me at first"
    assert facts.own.stamp > stamp or (stamp <= Stamp(4, 1) and not news)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.booleans())))
def test_whatever_exchanges_happened_all_agree_once_everyone_heard_everyone(
    exchanges: list[tuple[str, str, bool]],
) -> None:
    peers = {owner: _set(owner) for owner in "abc"}
    for number, (speaker, hearer, change) in enumerate(exchanges):
        if change:
            peers[speaker].say(f"{speaker} {number}")
        peers[hearer].merge(peers[speaker])
    for _ in range(2):
        for speaker in "abc":
            for hearer in "abc":
                peers[hearer].merge(peers[speaker])
    first, *rest = ({fact.owner: fact for fact in facts} for facts in peers.values())
    assert all(other == first for other in rest)


def test_dropping_never_drops_ones_own() -> None:
    facts = _set()
    facts.merge([Fact(A, Stamp(1, 1), "x")])
    facts.drop([A, ME, PeerName("unknown")])
    assert [fact.owner for fact in facts] == ["me"]
    assert "a" not in facts
    assert len(facts) == 1


def test_what_was_withdrawn_stays_until_anything_is_heard() -> None:
    facts = _set()
    facts.merge([Fact(A, Stamp(9, 9), "a lie")])
    facts.withdraw(A)
    assert facts.get(A) == Fact(A, NOTHING, "a lie")
    facts.merge([Fact(A, Stamp(1, 1), "the truth")])
    assert facts.get(A) == Fact(A, Stamp(1, 1), "the truth")
    facts.withdraw(ME)
    assert facts.own.stamp == Stamp(1, 1)


@given(st.integers(0, 2**34), st.integers(0, 2**62))
def test_a_router_never_has_a_stamp_that_others_refuse(now: int, before: int) -> None:
    """Though it supersedes whatever it may, and clocks of hosts differ by a day."""
    uid = next_uid(now, before)
    for lie in (Stamp(uid, 2**40), Stamp(greatest_uid(now), 1), Stamp(int(now * 1e6) + 86_400_000_000, 2**40)):
        if lie.may_be_superseded(now):
            uid = max(uid, lie.superseded().uid)
    assert uid <= greatest_uid(now - 86_399)
