from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.router.mesh.worlds import name
from weave_http.router.mesh.facts import Fact, Stamp
from weave_http.router.mesh.fields import Malformed
from weave_http.router.plugin import facts
from weave_http.router.plugin.facts import Networks, Says
from weave_http.router.plugin.registry import (
    Design,
    Identity,
    Known,
    Pool,
    Record,
    free_subnet,
    made,
    merged,
    vni,
    vnis,
)

SUBNETS = [IPv4Network("10.32.1.0/24"), IPv4Network("10.32.2.0/24")]
SIX = Pool(IPv6Network("fd00:32::/64"), IPv6Network("fd00:32::100/120"), IPv6Address("fd00:32::1"))
DESIGNS = st.builds(Design, st.sampled_from(SUBNETS).map(Pool), st.sampled_from([None, SIX]), st.booleans())
RECORDS = st.builds(
    Record,
    st.builds(Identity, st.integers(1, 9), st.integers(1, 3).map(name)),
    st.sampled_from(["red", "blue"]),
    DESIGNS,
)
KNOWN = st.builds(
    lambda records, removed: merged([Known({each.identity: each for each in records}, removed)]),
    st.lists(RECORDS, max_size=6),
    st.frozensets(st.builds(Identity, st.integers(1, 9), st.integers(1, 3).map(name)), max_size=3),
)
SPACE = 16
"""Numbers that networks may have, so few that they clash."""


@given(KNOWN, KNOWN, KNOWN)
def test_what_is_known_is_the_same_in_whatever_order_it_is_heard(one: Known, two: Known, three: Known) -> None:
    assert merged([one, two]) == merged([two, one])
    assert merged([merged([one, two]), three]) == merged([one, merged([two, three])])
    assert merged([one, one]) == one


@given(KNOWN, KNOWN)
def test_what_was_removed_never_comes_back(one: Known, two: Known) -> None:
    for identity in one.removed:
        assert identity not in merged([one, two]).records


@given(KNOWN)
def test_no_two_networks_have_one_number_and_the_first_keeps_its_own(known: Known) -> None:
    numbers = vnis(known, SPACE + len(known.records))
    assert len({*numbers.values()}) == len(numbers) == len(known.records)
    for identity in sorted(known.records)[:1]:
        assert numbers[identity] == vni(identity, 0, SPACE + len(known.records))


@given(KNOWN, RECORDS)
def test_a_later_network_changes_no_number(known: Known, record: Record) -> None:
    later = Record(Identity(10, record.identity.creator), record.name, record.design)
    before = vnis(known, 64)
    assert before.items() <= vnis(known.having(later), 64).items()


@given(KNOWN)
def test_of_one_name_the_first_counts_and_the_same_ones_become_one(known: Known) -> None:
    for each, winner in known.winners.items():
        assert winner.identity == min(identity for identity, record in known.records.items() if record.name == each)
    after = known.without(known.twins)
    assert after.winners == known.winners
    assert not after.twins


@given(KNOWN, st.integers(1, 9), DESIGNS)
def test_a_new_network_is_a_new_one_with_a_number_of_its_own(known: Known, now: int, design: Design) -> None:
    record = made(known, "green", design, name(1), now)
    assert record.identity not in {*known.records, *known.removed}
    after = known.having(record)
    assert after.winners["green"] == record
    assert vnis(after).items() >= vnis(known).items()


@given(KNOWN, st.dictionaries(st.builds(Identity, st.integers(1, 9), st.just(name(1))), st.integers(1, 99)))
def test_what_a_peer_says_arrives_as_it_was_said(known: Known, carried: dict[Identity, int]) -> None:
    fact = Fact(name(1), Stamp(5, 1), Says(known, carried))
    sent = msgpack.unpackb(msgpack.packb(facts.KIND.pack(Networks((facts.claim(fact),)))))
    heard = facts.KIND.parse(sent, 9)
    assert isinstance(heard, Networks)
    (claim,) = heard.claims
    assert claim.read() == fact


FOUR = ["10.2.1.0/24", "", ""]


@pytest.mark.parametrize(
    "networks",
    [
        [[1, name(1), "red", ["10.2.1.1/24", "", ""], [], False, False]],
        [[1, name(1), "red", ["fd00::/64", "", ""], [], False, False]],
        [[1, name(1), "red", [], ["fd00::/64", "", ""], False, False]],
        [[1, name(1), "red", FOUR, FOUR, False, False]],
        [[1, name(1), "red", FOUR, ["fd00::/64", "10.2.1.0/25", ""], False, False]],
        [[1, name(1), "red", FOUR, ["fd00::/64", "", "10.2.1.1"], False, False]],
        [[1, name(1), "red", ["10.2.1.0/24", "10.2.2.0/24", ""], [], False, False]],
        [[1, name(1), "red", ["10.2.1.0/24", "", "10.2.2.1"], [], False, False]],
        [[1, name(1), "../red", FOUR, [], False, False]],
        [[1, name(1), "red\n", FOUR, [], False, False]],
        [[1, name(1), "red", 3, [], False, False]],
        [[1, name(1), "red", [3, "", ""], [], False, False]],
        [[1, "somebody", "red", FOUR, [], False, False]],
        [[1, name(1), "red", FOUR, [], 1, False]],
        [[1, name(1), "red"]],
        [[1]] * 257,
        3,
    ],
)
def test_a_network_that_makes_no_sense_is_malformed(networks: object) -> None:
    with pytest.raises(Malformed):
        facts.read_known(networks, [])


def test_a_subnet_that_nobody_chose_is_one_that_nobody_has() -> None:
    whole = ip_network("10.32.0.0/12")
    first = free_subnet([whole], [whole], [])
    assert str(first) == "10.47.240.0/20"
    assert first is not None
    assert str(free_subnet([whole], [whole], [first])) == "10.47.224.0/20"
    inner = ip_network("10.40.0.0/13")
    assert str(free_subnet([whole], [inner], [])) == "10.39.240.0/20"
    small = ip_network("10.2.1.0/28")
    assert free_subnet([small], [small], [small]) is None
    six = ip_network("fd00::/64")
    last = free_subnet([six], [six], [])
    assert str(last) == "fd00::ff00:0:0:0/72"
    assert last is not None
    assert str(free_subnet([six], [six], [last])) == "fd00::fe00:0:0:0/72"
    wide = ip_network("fd00::/48")
    assert str(free_subnet([wide], [ip_network("fd00:0:0:8000::/49")], [])) == "fd00:0:0:7fff::/64"


@given(st.lists(st.integers(0, 255), max_size=9), st.integers(24, 30))
def test_a_subnet_is_found_as_long_as_there_is_one(taken: list[int], length: int) -> None:
    within = IPv4Network("10.2.1.0/24")
    others = [IPv4Network((int(within[at]), length), strict=False) for at in taken]
    found = free_subnet([within], [within], others)
    blocks = list(within.subnets(new_prefix=28))
    free = [block for block in blocks if not any(block.overlaps(other) for other in others)]
    assert found == (free[-1] if free else None)


def test_a_design_is_told_in_a_few_words() -> None:
    design = Design(Pool(SUBNETS[0], IPv4Network("10.32.1.128/25"), IPv4Address("10.32.1.1")), SIX, internal=True)
    assert str(design) == (
        "10.32.1.0/24, ip-range 10.32.1.128/25, gateway 10.32.1.1, "
        "fd00:32::/64, ip-range fd00:32::100/120, gateway fd00:32::1, internal"
    )
