from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from weave_http.addresses import IP
from weave_http.net.relays import Forward, Leg, Relays
from weave_http.net.tunnel import DIRECT
from weave_http.router.data.plan import (
    GRACE,
    RELAYED_GRACE,
    Lost,
    Reach,
    Way,
    adopted,
    open_relays,
    places,
    plan,
    with_lost,
    without,
)

A, B = "0a:00:00:00:00:01", "0a:00:00:00:00:02"
ONE, TWO, NINE = (ip_address(f"192.0.2.{number}") for number in (1, 2, 9))


def test_a_connected_peer_is_reached_for_ever() -> None:
    assert plan({"a": ONE}, {}, 10.0**9) == {"a": Way("a", ONE)}


def test_a_lost_peer_is_reached_for_a_grace() -> None:
    lost = with_lost({}, "a", ONE, 100.0)
    assert plan({}, lost, 100.0 + GRACE - 1) == {"a": Way("a", ONE)}
    assert plan({}, lost, 100.0 + GRACE) == {}


def test_a_peer_that_is_connected_elsewhere_is_not_reached_where_it_was() -> None:
    assert plan({"a": NINE}, {"a": Lost(ONE, 0.0)}, 1.0) == {"a": Way("a", NINE)}


def test_a_destination_that_was_found_is_a_lost_peer_without_a_name() -> None:
    lost = adopted([ONE, TWO], 0.0)
    assert {way.ip for way in plan({}, lost, GRACE - 1).values()} == {ONE, TWO}
    assert without(lost, ips=[ONE]) == {str(TWO): Lost(TWO, 0.0)}


def test_what_was_found_is_left_when_the_peer_that_was_there_is_reached_elsewhere() -> None:
    lost = adopted([ONE, TWO], 0.0, {ONE: A})
    assert set(plan({A: NINE}, lost, 1.0)) == {A, str(TWO)}, "its frames took two ways"
    over = Way(A, NINE, 6800, ("c",))
    assert set(plan({}, lost, 1.0, [over]).values()) == {over, Way(str(TWO), TWO)}
    assert set(without(lost, peers=[A])) == {str(TWO)}


def test_what_was_found_in_a_tunnel_stays_beside_its_peer_that_may_have_no_key_yet() -> None:
    lost = adopted([DIRECT.network[7]], 0.0, {DIRECT.network[7]: A})
    assert set(plan({A: NINE}, lost, 1.0)) == {A, str(DIRECT.network[7])}
    assert without(lost, peers=[A]) == lost


def test_who_is_where_is_remembered_over_more_than_one_restart() -> None:
    ways = plan({B: TWO}, adopted([ONE, NINE], 0.0, {ONE: A}), 1.0)
    assert places(ways, {ONE: A}) == {ONE: A, TWO: B}
    assert places({}, {ONE: A}) == {}


def test_a_way_over_others_takes_the_place_of_the_direct_one_connected_or_lost() -> None:
    over = Way("a", NINE, 6800, ("c",))
    assert plan({"a": ONE, "b": TWO}, {}, 1.0, [over]) == {"a": over, "b": Way("b", TWO)}
    assert plan({}, {"a": Lost(ONE, 0.0)}, 1.0, [over]) == {"a": over}


def test_a_way_over_others_that_was_found_is_kept_for_a_moment_and_never_beside_its_peer() -> None:
    virtual = ip_address("248.1.2.3")
    lost = adopted([virtual, ONE], 0.0)
    assert plan({}, lost, RELAYED_GRACE + 1) == {str(ONE): Way(str(ONE), ONE)}
    over = Way("a", virtual, 6800, ("c",))
    assert plan({}, lost, 1.0, [over]) == {"a": over, str(ONE): Way(str(ONE), ONE)}


def test_lost_peers_are_forgotten_by_name_and_by_address_and_when_their_time_is_over() -> None:
    lost = with_lost(with_lost({}, "a", ONE, 0.0), "b", TWO, 1.0)
    assert set(without(lost, peers=["a", "nobody"])) == {"b"}
    assert set(without(lost, ips=[TWO, NINE])) == {"a"}
    assert set(with_lost(lost, "c", NINE, GRACE)) == {"b", "c"}


_ips = st.sampled_from([ONE, TWO, NINE])
_peers = st.sampled_from("abc")


@given(
    st.dictionaries(_peers, _ips),
    st.dictionaries(_peers, st.builds(Lost, _ips, st.floats(0, 2 * GRACE))),
    st.floats(0, 2 * GRACE),
)
def test_the_connected_are_in_and_of_the_others_those_lost_within_the_grace(
    connected: dict[str, IP], lost: dict[str, Lost], now: float
) -> None:
    reached = plan(connected, lost, now)
    assert {peer: way.ip for peer, way in reached.items()}.items() >= connected.items()
    assert {peer for peer in reached if peer not in connected} == {
        peer for peer, each in lost.items() if peer not in connected and now < each.at + GRACE
    }


def test_frames_of_a_neighbour_are_taken_directly_while_ours_go_over_others() -> None:
    over = Way("b", ip_address("248.1.2.3"), 6800, ("c",))
    found = Reach({"b": over}, Relays((Leg(over.ip, TWO, 6800),)), clear=frozenset({ONE}))
    assert found.destinations == {over.ip}
    assert found.sources == {ONE, TWO}, "its own, and that of the next host on the way"
    assert Reach({"b": Way("b", ip_address("240.1.2.3"))}).sources == set(), "out of the tunnel no address counts"
    sealed = Relays((Leg(over.ip, TWO, 6800, tunnelled=True),))
    assert Reach({"b": Way("b", ip_address("244.1.2.3"))}, sealed).sources == set(), "nor of who passes it on"


def test_who_is_not_admitted_is_reached_in_no_way_nor_over_it_anybody_else() -> None:
    over = [Way("c", NINE, 7000, ("a",)), Way("d", NINE, 7001, ("b",))]
    found = plan({"a": ONE}, {"e": Lost(TWO, 0.0)}, 1.0, over, lambda peer: peer not in ("a", "e"))
    assert found == {"d": over[1]}


def test_a_path_is_closed_at_its_ends_and_goes_on_for_others() -> None:
    ends = {NINE: Way("c", NINE, 7000, ("b",))}
    forwards = (Forward(ONE, 7002, TWO),)
    relays = Relays((Leg(NINE, TWO, 7000),), forwards)
    assert open_relays(relays, ends, lambda peer: True) is relays
    assert open_relays(relays, ends, lambda peer: peer != "c") == Relays((), forwards)
    assert open_relays(relays, ends, lambda peer: peer != "b") == Relays((), forwards)


def test_what_an_earlier_router_left_of_paths_goes_unless_it_is_admitted() -> None:
    assert open_relays(None, {}, lambda peer: True) is None
    assert open_relays(None, {}, lambda peer: False) == Relays()
