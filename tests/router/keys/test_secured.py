"""What becomes of a plan on a network with a password: encrypted, or refused with a reason, and nothing in between."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from weave_http.net.relays import is_virtual, tunnel_port
from weave_http.net.tunnel import RELAYED, address_of, is_tunnelled
from weave_http.records import replace
from weave_http.router.data.plan import Way
from weave_http.router.data.tunnel import new_private_key
from weave_http.router.keys.facts import PublicKeys
from weave_http.router.keys.secrets import public_key
from weave_http.router.keys.secured import Own, Secured, laying, one_family, secured, why_not

ONE, TWO, THREE = (f"02:00:00:00:00:0{number}" for number in (1, 2, 3))
UNDERLAY = {ONE: ip_address("192.0.2.1"), TWO: ip_address("192.0.2.2"), THREE: ip_address("192.0.2.3")}


def own(name: str) -> Own:
    return Own(name, public_key(new_private_key()), new_private_key(), public_key(new_private_key()))


HOSTS = {name: own(name) for name in (ONE, TWO, THREE)}
SAYS = {name: each.public for name, each in HOSTS.items()}
STRANGE = st.sampled_from(
    [
        PublicKeys(),
        PublicKeys(bytes(32), bytes(32), bytes(32)),
        PublicKeys(SAYS[TWO].tunnel, SAYS[THREE].changing),
        PublicKeys(SAYS[ONE].tunnel, SAYS[TWO].changing, SAYS[ONE].relayed),
        PublicKeys(SAYS[TWO].tunnel, SAYS[TWO].changing, SAYS[THREE].relayed),
        PublicKeys(SAYS[TWO].tunnel, SAYS[TWO].changing),
        SAYS[TWO],
        SAYS[THREE],
    ]
)


VIRTUAL = {TWO: ip_address("248.0.0.2"), THREE: ip_address("249.0.0.3")}


def over(*names: str) -> dict[str, Way]:
    """Ways over other hosts, as paths have them."""
    return {name: Way(name, VIRTUAL[name], 6800, ("via",)) for name in names}


def ways(*names: str) -> dict[str, Way]:
    return {name: Way(name, UNDERLAY[name]) for name in names}


def all_direct(planned: dict[str, Way], me: Own, says: dict[str, PublicKeys], clear: Collection[str] = ()) -> Secured:
    """What becomes of a plan by which no peer is reached over others."""
    return secured(planned, me, says, clear, 6783, direct=planned, over={})


def test_both_ends_of_a_tunnel_agree_on_its_secret_and_no_third_has_it() -> None:
    here = all_direct(ways(TWO, THREE), HOSTS[ONE], {TWO: SAYS[TWO], THREE: SAYS[THREE]})
    there = all_direct(ways(ONE, THREE), HOSTS[TWO], {ONE: SAYS[ONE], THREE: SAYS[THREE]})
    (to_two, to_three), (to_one, _) = here.peers, there.peers
    assert to_two.secret == to_one.secret != to_three.secret
    assert (to_two.key, to_two.address) == (SAYS[TWO].tunnel, address_of(TWO))
    assert to_two.endpoint == (UNDERLAY[TWO], 6783)
    assert here.ways[TWO].ip == address_of(TWO)
    assert not here.refused


def test_another_changing_key_is_another_secret() -> None:
    before = all_direct(ways(TWO), HOSTS[ONE], {TWO: SAYS[TWO]}).peers[0]
    later = PublicKeys(SAYS[TWO].tunnel, public_key(new_private_key()))
    after = all_direct(ways(TWO), HOSTS[ONE], {TWO: later}).peers[0]
    assert before.secret != after.secret
    assert before.key == after.key


@given(
    st.dictionaries(st.sampled_from([TWO, THREE]), STRANGE),
    st.sets(st.sampled_from([TWO, THREE])),
    st.sets(st.sampled_from([TWO, THREE])),
    st.booleans(),
)
def test_nothing_goes_as_it_is_but_to_whom_both_have_agreed(
    says: dict[str, PublicKeys], wanted: set[str], clear: set[str], device: bool
) -> None:
    me = HOSTS[ONE] if device else Own(ONE, b"", new_private_key())
    found = all_direct(ways(*wanted), me, says, clear)
    for name, way in found.ways.items():
        assert is_tunnelled(way.ip) or name in clear
    tunnelled = {way.ip for way in found.ways.values() if is_tunnelled(way.ip)}
    assert tunnelled == {peer.address for peer in found.peers}
    keys = [peer.key for peer in found.peers]
    assert len(keys) == len(set(keys)), "no key is that of two"
    assert me.tunnel not in keys
    assert wanted == found.ways.keys() | (found.refused.keys() & wanted), "who gets nothing is told why"


@given(
    st.dictionaries(st.sampled_from([TWO, THREE]), STRANGE),
    st.sets(st.sampled_from([TWO, THREE])),
    st.sets(st.sampled_from([TWO, THREE])),
    st.sets(st.sampled_from([TWO, THREE])),
    st.booleans(),
)
def test_over_others_nothing_goes_as_it_is_either_and_the_direct_way_is_still_probed(
    says: dict[str, PublicKeys], connected: set[str], beyond: set[str], clear: set[str], device: bool
) -> None:
    me = HOSTS[ONE] if device else replace(HOSTS[ONE], relayed=b"")
    laid_ways = {name: way for name, each in over(*beyond).items() if (way := laying(me, says, clear)(each))}
    planned = ways(*connected) | laid_ways
    found = secured(planned, me, says, clear, 6783, direct=ways(*connected), over=laid_ways)
    for name, way in found.ways.items():
        assert is_tunnelled(way.ip) or name in clear
    sealed = {peer.address: peer for peer in found.peers if peer.address in RELAYED.network}
    for name, way in laid_ways.items():
        if name not in clear:
            assert found.ways[name] == way
            assert sealed[way.ip].endpoint == (VIRTUAL[name], tunnel_port(6784))
            assert sealed[way.ip].key == says[name].relayed
    assert len(sealed) == len({peer.key for peer in sealed.values()}) == len(laid_ways.keys() - clear)
    endpoints = {peer.endpoint for peer in found.peers if peer.address not in RELAYED.network}
    good = {name for name in connected - clear if name in says and name not in why_not(me, says)}
    assert endpoints == {(UNDERLAY[name], 6783) for name in good}


def test_what_went_over_others_as_it_is_goes_directly_until_there_is_a_tunnel_over_others() -> None:
    plain = over(TWO)
    found = secured(plain, HOSTS[ONE], {TWO: SAYS[TWO]}, (), 6783, direct=ways(TWO), over={})
    assert found.ways == {TWO: Way(TWO, address_of(TWO))}
    nowhere = secured(plain, HOSTS[ONE], {TWO: SAYS[TWO]}, (), 6783, direct={}, over={})
    assert nowhere.ways == {}
    assert not any(is_virtual(way.ip) for way in found.ways.values())


def test_each_reason_for_which_there_is_no_tunnel_is_said() -> None:
    me = HOSTS[ONE]

    def why(**says: PublicKeys) -> str:
        return why_not(me, {TWO: says["two"], THREE: says.get("three", SAYS[THREE])}).get(TWO, "")

    assert why(two=SAYS[TWO]) == ""
    assert why(two=PublicKeys()) == "it has no tunnel: see `weave status` there"
    assert why(two=PublicKeys(SAYS[ONE].tunnel, SAYS[TWO].changing)) == "it says that our key is its own"
    assert why(two=SAYS[THREE]) == f"{THREE} has the same key"
    assert why(two=PublicKeys(SAYS[TWO].tunnel, bytes(32))) == "its key is none"
    assert why_not(Own(ONE, b"", me.changing), {TWO: SAYS[TWO]})[TWO] == "this host has no tunnel"
    nobody = all_direct(ways(TWO), me, {})
    assert (nobody.ways, nobody.refused) == ({}, {TWO: "it has told no key yet"})


def test_tunnels_in_user_space_go_over_the_family_of_most_peers_and_the_others_are_told_why() -> None:
    four, six = ip_address("192.0.2.9"), ip_address("fd00::9")
    assert [one_family(met) for met in ([], [four], [six, six])] == [0, 0, 0], "one family is as good as the other"
    assert [one_family(met) for met in ([six, four], [six, four, six])] == [4, 6]
    met = ways(TWO) | {THREE: Way(THREE, six)}
    mine = replace(HOSTS[ONE], family=4)
    here = all_direct(met, mine, SAYS)
    assert (list(here.ways), [peer.endpoint for peer in here.peers]) == ([TWO], [(UNDERLAY[TWO], 6783)])
    assert "WireGuard in user space here uses IPv4 alone" in here.refused[THREE]
    there = all_direct({THREE: Way(THREE, six)}, HOSTS[TWO], {THREE: replace(SAYS[THREE], family=4)})
    assert (there.ways, there.peers) == ({}, ())
    assert "WireGuard in user space there uses IPv4 alone" in there.refused[THREE]
    assert laying(mine, SAYS, ())(over(TWO)[TWO]) is not None
    assert laying(mine, SAYS, ())(Way(TWO, ip_address("100::2"), 6800, ("via",))) is None, "nor over others"


def test_peers_of_an_earlier_router_stay_in_the_tunnel_and_none_beside_it() -> None:
    old = {
        str(address_of(TWO)): Way(str(address_of(TWO)), address_of(TWO)),
        "192.0.2.9": Way("192.0.2.9", UNDERLAY[ONE]),
    }
    alone = all_direct(old, HOSTS[ONE], {})
    assert [way.ip for way in alone.ways.values()] == [address_of(TWO)]
    assert alone.peers == ()
    known = all_direct(old | ways(TWO), HOSTS[ONE], {TWO: SAYS[TWO]})
    assert list(known.ways) == [TWO]
    beyond = over(TWO)[TWO]._replace(ip=address_of(TWO, RELAYED), outer=VIRTUAL[TWO])
    elsewhere = secured(old | {TWO: beyond}, HOSTS[ONE], SAYS, (), 6783, direct=ways(TWO), over={TWO: beyond})
    assert elsewhere.ways == {TWO: beyond}, "nor on two ways at once"
