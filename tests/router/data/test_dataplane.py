from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weave_http.router.data.dataplane import GRACE, FloodPlan


def test_a_connected_peer_is_a_destination_for_ever() -> None:
    plan = FloodPlan()
    plan.up("a", "192.0.2.1")
    assert plan.wanted(10.0**9) == {"192.0.2.1"}


def test_a_lost_peer_stays_one_for_a_grace() -> None:
    plan = FloodPlan()
    plan.up("a", "192.0.2.1")
    plan.down("a", 100.0, goodbye=False)
    assert plan.wanted(100.0 + GRACE - 1) == {"192.0.2.1"}
    assert plan.wanted(100.0 + GRACE) == set()


def test_a_goodbye_ends_it_at_once() -> None:
    plan = FloodPlan()
    plan.up("a", "192.0.2.1")
    plan.down("a", 100.0, goodbye=True)
    assert plan.wanted(100.0) == set()


def test_forgetting_ends_the_grace_but_no_connection() -> None:
    plan = FloodPlan()
    plan.up("a", "192.0.2.1")
    plan.up("b", "192.0.2.2")
    plan.down("a", 0.0, goodbye=False)
    for ip in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        plan.forget(ip)
    assert plan.wanted(0.0) == {"192.0.2.2"}


def test_a_peer_that_is_gone_for_good_is_forgotten_by_name_unless_it_is_connected() -> None:
    plan = FloodPlan()
    for peer, ip in (("a", "192.0.2.1"), ("b", "192.0.2.2"), ("c", "192.0.2.3")):
        plan.up(peer, ip)
    plan.down("a", 0.0, goodbye=False)
    plan.down("b", 0.0, goodbye=False)
    for peer in ("a", "c", "nobody"):
        plan.forget_peer(peer)
    assert plan.wanted(0.0) == {"192.0.2.2", "192.0.2.3"}


def test_what_the_kernel_had_is_kept_for_a_grace_or_until_its_peer_leaves() -> None:
    plan = FloodPlan()
    plan.adopt({"192.0.2.1", "192.0.2.2"}, 0.0)
    assert plan.wanted(GRACE - 1) == {"192.0.2.1", "192.0.2.2"}
    plan.up("a", "192.0.2.1")
    plan.down("a", 10.0, goodbye=True)
    assert plan.wanted(10.0) == {"192.0.2.2"}


def test_a_peer_that_comes_back_elsewhere_is_no_longer_where_it_was() -> None:
    plan = FloodPlan()
    plan.up("a", "192.0.2.1")
    plan.down("a", 0.0, goodbye=False)
    plan.up("a", "192.0.2.9")
    assert plan.wanted(1.0) == {"192.0.2.9"}


def test_an_address_that_a_second_peer_took_over_stays() -> None:
    plan = FloodPlan()
    plan.up("a", "192.0.2.1")
    plan.up("b", "192.0.2.1")
    plan.down("a", 0.0, goodbye=True)
    assert plan.wanted(0.0) == {"192.0.2.1"}


_events = st.tuples(st.sampled_from("abc"), st.integers(1, 4), st.sampled_from(["up", "lost", "goodbye"]))


@given(st.lists(_events))
def test_whatever_happened_the_connected_are_in_and_all_else_ends(events: list[tuple[str, int, str]]) -> None:
    plan = FloodPlan()
    connected: dict[str, str] = {}
    for now, (peer, host, what) in enumerate(events):
        if what == "up":
            connected[peer] = f"192.0.2.{host}"
            plan.up(peer, connected[peer])
        else:
            connected.pop(peer, None)
            plan.down(peer, float(now), goodbye=what == "goodbye")
        assert plan.wanted(float(now)) >= set(connected.values())
    assert plan.wanted(len(events) + GRACE) == set(connected.values())
