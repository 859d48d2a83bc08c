"""What peers say about addresses, as bytes: it comes out as it went in, and what is malformed is refused."""

from __future__ import annotations

import json
from ipaddress import ip_network
from time import time

import msgpack
import pytest

from weave_http.router.addresses.charter import Charter, continues, needed, with_word
from weave_http.router.addresses.gate import Passed
from weave_http.router.addresses.gossip import AddressGossip
from weave_http.router.addresses.packing import (
    Says,
    Teaches,
    pack_memory,
    pack_passed,
    pack_says,
    read_memory,
    read_passed,
)
from weave_http.router.addresses.standing import Ballot, Memory, Standing
from weave_http.router.mesh.codec import HEADER_SIZE, Codec
from weave_http.router.mesh.facts import Stamp
from weave_http.router.mesh.fields import LONGEST_TEXT, Malformed
from weave_http.router.mesh.identity import PeerName

ONE, TWO = PeerName("02:00:00:00:00:01"), PeerName("02:00:00:00:00:02")
CHARTER = Charter(
    3,
    "1.a",
    {ONE: 7, TWO: 8},
    {ONE: (ip_network("10.32.0.0/16"),), TWO: (ip_network("fd00::/64"),)},
    {ONE: 7, TWO: 8},
    {TWO: 3},
    2,
)
STANDING = Standing(
    7,
    (ip_network("10.32.0.0/12"),),
    3,
    "1.a",
    promised=Ballot(2, ONE),
    accepted=(Ballot(1, TWO), CHARTER),
    proposal=(Ballot(2, ONE), None),
    wants=(ip_network("10.32.1.0/24"),),
    gone=(TWO,),
)
SAYS = Says(ONE, Stamp(int(time() * 1e6), 4), STANDING)
CODEC = Codec(AddressGossip.kinds)


@pytest.mark.parametrize("message", [SAYS, Teaches(CHARTER)])
def test_a_message_comes_out_as_it_went_in(message: Says | Teaches) -> None:
    assert CODEC.decode(CODEC.encode(message)[HEADER_SIZE:]) == message


def test_a_memory_comes_back_from_the_disk_as_it_was() -> None:
    memory = Memory(7, CHARTER, Ballot(2, ONE), (Ballot(1, TWO), CHARTER), (ip_network("10.32.4.0/24"),))
    assert read_memory(json.loads(json.dumps(pack_memory(memory)))) == memory
    assert read_memory(json.loads(json.dumps(pack_memory(Memory(7))))) == Memory(7)
    passed = Passed(4, {TWO: (7, 5)})
    assert read_passed(json.loads(json.dumps(pack_passed(passed)))) == passed


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("life", 0),
        ("ranges", ["10.32.0.1/12"]),
        ("ranges", ["10.32.0.0/12"] * 65),
        ("number", -1),
        ("promised", [1]),
        ("promised", [1, "nobody"]),
        ("accepted", [[1, TWO], {"number": 0}]),
        ("accepted", [[1, TWO]] * 3),
        ("proposal", "x"),
        ("wants", [7]),
        ("gone", ["x"]),
        ("used", "many"),
    ],
)
def test_what_makes_no_sense_is_malformed(key: str, value: object) -> None:
    payload = msgpack.packb({"t": "addresses", **pack_says(SAYS), key: value})
    with pytest.raises(Malformed):
        CODEC.decode(payload)


@pytest.mark.parametrize("votes", range(1, 12))
def test_any_two_decisions_have_a_voter_in_common_though_some_are_lost(votes: int) -> None:
    for lost in range(votes // 2 + 1):
        # A decision of before may be that of all who are lost, and only so many of the others.
        others = needed(votes, 0) - lost
        assert others <= 0 or needed(votes, lost) + others > votes - lost
        assert 2 * needed(votes, lost) > votes - lost


@pytest.mark.parametrize(
    ("later", "number", "founding", "kin"),
    [
        ("a", 3, "a", True),
        ("b", 3, "a", False),
        ("a 4:x", 3, "a", True),
        ("a 4:x", 4, "a", False),
        ("a 4:x 9:y", 5, "a 4:x", True),
        ("a 4:x 9:y", 9, "a 4:x", False),
        ("a 4:x", 9, "a 4:y", False),
        ("a", 9, "a 4:y", False),
        ("a ４:x :: x", 9, "a x", False),
    ],
)
def test_a_network_that_went_on_without_most_of_its_hosts_is_another_one(
    later: str, number: int, founding: str, kin: bool
) -> None:
    assert continues(later, number, founding) is kin


def test_a_founding_has_a_limit_and_still_goes_on_from_what_it_was() -> None:
    founding, known = "1." + "f" * 16, []
    for number in range(2, 30):
        known.append((number - 1, founding))
        founding = with_word(founding, f"{number}:{2**62 - 1:x}")
    assert len(founding) < LONGEST_TEXT
    assert all(continues(founding, *each) for each in known)
    assert not continues(founding, 29, known[-1][1])
