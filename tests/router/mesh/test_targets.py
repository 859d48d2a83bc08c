from __future__ import annotations

from tests.router.mesh.worlds import address, name
from weave_http.router.mesh.identity import PeerName, goes_first
from weave_http.router.mesh.targets import (
    LEARNT_BURST,
    LEARNT_INTERVAL,
    MOST_DIALS,
    MOST_LEARNT,
    MOST_LEARNT_DIALS,
    MOST_YIELD_PER_PEER,
    YIELD,
    Target,
    Targets,
    yield_for,
)
from weave_http.router.mesh.topology import Address, Lead

ME = name(5)
OURS = [name(number) for number in range(10, 1000) if goes_first(ME, name(number))]
"""Peers that this one dials first."""
THEIRS = [name(number) for number in range(10, 1000) if not goes_first(ME, name(number))]
"""Peers that dial this one first."""


def _targets(*given: str) -> Targets:
    targets = Targets(ME, 6783, chance=lambda: 0.5)
    targets.add(given, 0.0)
    return targets


def _due(targets: Targets, now: float, *connected: PeerName) -> list[str]:
    return [target.address for target in targets.due(connected, now)]


def _one(targets: Targets) -> Target:
    (target,) = targets
    return target


def test_a_given_target_is_dialled_at_once_and_by_one_at_a_time() -> None:
    targets = _targets("h1", "h2")
    assert _due(targets, 0.0) == ["h1", "h2"]
    assert _due(targets, 100.0) == []
    assert targets.next_at([], 0.0) is None


def test_failures_back_off() -> None:
    targets = _targets("h1")
    times = []
    now = 0.0
    for _ in range(4):
        (target,) = targets.due([], now)
        targets.failed(target, "refused", now)
        at = targets.next_at([], now)
        assert at is not None
        assert _due(targets, at - 0.01) == []
        times.append(at - now)
        now = at
    assert times == [2.0, 3.0, 4.5, 6.75]
    assert target.error == "refused"


def test_what_will_hardly_change_is_retried_slowly_or_on_connect() -> None:
    targets = _targets("h1")
    (target,) = targets.due([], 0.0)
    targets.failed(target, "cannot connect to ourself", 0.0, lasting=True)
    assert targets.next_at([], 0.0) == 120.0
    targets.add(["h1"], 5.0)
    assert _due(targets, 5.0) == ["h1"]


def test_a_target_is_shown_with_its_port_before_and_after_it_is_connected() -> None:
    targets = _targets("192.0.2.1", "h2:7000")
    assert [target.place for target in targets] == ["192.0.2.1:6783", "h2:7000"]
    for target in targets:
        target.resolved = address(1)
    assert [target.place for target in targets] == ["192.0.2.1:6783"] * 2


def test_what_failed_before_a_connection_does_not_delay_the_next_one() -> None:
    targets = _targets("h1")
    for _ in range(9):
        (target,) = targets.due([], 10.0**6)
        targets.failed(target, "refused", 0.0)
    targets.reached(targets.due([], 10.0**6)[0], name(1))
    targets.lost(name(1), "closed", 1.0, 10.0**6)
    assert targets.next_at([], 10.0**6) == 10.0**6 + 2.0


def test_connect_retries_at_once_what_is_in_back_off() -> None:
    targets = _targets("h1")
    targets.failed(targets.due([], 0.0)[0], "refused", 0.0)
    assert _due(targets, 0.1) == []
    targets.add(["h1"], 0.1)
    assert _due(targets, 0.1) == ["h1"]


def test_a_target_whose_peer_is_connected_is_left_alone() -> None:
    targets = _targets("h1")
    targets.reached(targets.due([], 0.0)[0], name(1))
    assert _due(targets, 100.0, name(1)) == []
    assert targets.next_at([name(1)], 0.0) is None


def test_after_a_short_connection_it_backs_off_and_after_a_long_one_it_does_not() -> None:
    for up_for, expected in ((10.0, 102.0), (61.0, 100.0)):
        targets = _targets("h1")
        targets.reached(targets.due([], 0.0)[0], name(1))
        targets.lost(name(1), "closed", up_for, 100.0)
        assert targets.next_at([], 100.0) == expected
        assert _one(targets).error == "closed"


def test_losing_one_peer_leaves_the_targets_of_others() -> None:
    targets = _targets("h1")
    targets.reached(targets.due([], 0.0)[0], name(1))
    targets.lost(name(2), "closed", 100.0, 100.0)
    assert _one(targets).error == ""


def test_forgetting_ends_it_and_the_unknown_is_ignored() -> None:
    targets = _targets("h1", "h2")
    assert [target.address for target in targets.forget(["h1", "nobody"])] == ["h1"]
    assert targets.given == ["h2"]


def _learn(
    targets: Targets, known: dict[PeerName, list[Address]], now: float, *connected: PeerName, by: int = 2
) -> None:
    leads = {peer: [Lead(each, name(by)) for each in found] for peer, found in known.items()}
    targets.learn(leads, set(connected), now)


def test_learnt_addresses_are_dialled_and_dropped_with_those_who_know_them() -> None:
    targets = _targets()
    _learn(targets, {name(9): [address(9)]}, 0.0)
    assert _due(targets, 0.0) == ["192.0.2.9:6783"]
    _learn(targets, {}, 1.0)
    assert list(targets) == []


def test_of_two_that_learn_of_each_other_one_dials_first() -> None:
    targets = _targets()
    _learn(targets, {THEIRS[0]: [address(4)], OURS[0]: [address(9)]}, 0.0)
    assert _due(targets, 0.0) == [str(address(9))]
    assert _due(targets, YIELD - 0.1) == []
    assert _due(targets, 2 * YIELD) == [str(address(4))]


def test_it_has_more_time_for_that_while_connections_are_made_but_not_for_ever() -> None:
    targets = _targets()
    others = {peer: [address(number)] for number, peer in enumerate(OURS[:6], start=10)}
    _learn(targets, {THEIRS[0]: [address(4)], **others}, 0.0)
    assert len(_due(targets, 0.0)) == len(others)
    now = 0.0
    while _due(targets, now) == []:
        assert (due := targets.next_at([], now)) is not None
        assert due > now, "nothing is dialled, and it is not waited for"
        now += 0.5
        targets.met(now)
    assert 2 * yield_for(7) < now <= 2 * yield_for(7, MOST_YIELD_PER_PEER)
    _learn(targets, {THEIRS[1]: [address(3)]}, now)
    last = now + 0.1
    targets.met(last)
    assert _due(targets, last + YIELD - 0.1) == []
    assert _due(targets, last + 2 * yield_for(1)) == [str(address(3))]


def test_learning_the_same_again_keeps_the_back_off() -> None:
    targets = _targets()
    _learn(targets, {name(9): [address(9)]}, 0.0)
    targets.failed(targets.due([], 0.0)[0], "refused", 0.0)
    _learn(targets, {name(9): [address(9)]}, 0.5)
    assert _due(targets, 0.5) == []
    assert _one(targets).attempts == 1


def test_what_was_given_is_not_learnt_a_second_time() -> None:
    targets = _targets("h9")
    targets.due([], 0.0)[0].resolved = address(9)
    _learn(targets, {name(9): [address(9)]}, 0.0)
    assert [target.address for target in targets] == ["h9"]


def test_an_address_that_changes_hands_is_dialled_for_its_new_owner() -> None:
    targets = _targets()
    _learn(targets, {name(9): [address(9)]}, 0.0)
    targets.reached(targets.due([], 0.0)[0], name(9))
    _learn(targets, {name(8): [address(9)]}, 1.0)
    assert _due(targets, 1.0, name(9)) == [str(address(9))]


def test_dials_to_learnt_addresses_have_a_budget_that_leaves_given_ones_alone() -> None:
    targets = _targets()
    _learn(targets, {name(9): [Address(address(1).ip, port) for port in range(1, MOST_LEARNT + 100)]}, 0.0)
    assert len(list(targets)) == MOST_LEARNT
    dials = 0
    for step in range(100):  # ten seconds in which each dial fails at once
        due = targets.due([], step / 10)
        assert len(due) <= MOST_LEARNT_DIALS
        for target in due:
            targets.failed(target, "refused", step / 10)
        dials += len(due)
    assert LEARNT_BURST <= dials <= LEARNT_BURST + 10 / LEARNT_INTERVAL + 1
    assert targets.due([], 9.9) == []
    assert 9.9 < (targets.next_at([], 9.9) or 0) <= 9.9 + LEARNT_INTERVAL
    targets.add([f"h{number}" for number in range(99)], 9.9)
    assert len(targets.due([], 9.9)) == MOST_DIALS
    assert targets.next_at([], 9.9) is None


def test_the_most_credible_addresses_are_kept_first() -> None:
    targets = _targets()
    liars = {name(number): [address(1)] for number in range(20, 20 + MOST_LEARNT)}
    _learn(targets, {name(9): [address(9)], **liars}, 0.0)
    assert next(iter(targets)).peer == name(9)


def test_where_a_peer_answers_the_dial_costs_its_neighbour_nothing_of_the_budget() -> None:
    targets = _targets()
    many = 3 * LEARNT_BURST
    _learn(targets, {peer: [Address(address(1).ip, each + 1)] for each, peer in enumerate(OURS[:many])}, 0.0)
    there: list[PeerName] = []
    for _ in range(many):
        for target in targets.due(there, 0.0):
            assert target.peer is not None
            targets.reached(target, target.peer)
            there.append(target.peer)
    assert len(there) == many


def test_a_peer_that_refuses_is_a_peer_and_costs_nothing_either() -> None:
    targets = _targets()
    many = 3 * LEARNT_BURST
    _learn(targets, {peer: [Address(address(1).ip, each + 1)] for each, peer in enumerate(OURS[:many])}, 0.0)
    dialled = 0
    while due := targets.due([], 0.0):
        dialled += len(due)
        for target in due:
            targets.failed(target, "refused", 0.0, answered=True)
    assert dialled == many


def test_a_liar_uses_up_its_own_budget_not_that_of_others() -> None:
    targets = _targets()
    lies = {peer: [Address(address(1).ip, each + 1)] for each, peer in enumerate(OURS[: 2 * LEARNT_BURST])}
    _learn(targets, lies, 0.0)
    while due := targets.due([], 0.0):
        for target in due:
            targets.failed(target, "no answer", 0.0)
    leads = {peer: [Lead(each, name(2)) for each in found] for peer, found in lies.items()}
    targets.learn({**leads, name(9): [Lead(address(9), name(3))]}, set(), 0.0)
    assert _due(targets, 0.0) == [str(address(9))]


def test_where_a_connected_peer_is_stays_known_with_its_back_off() -> None:
    targets = _targets()
    _learn(targets, {name(9): [address(9)]}, 0.0)
    targets.reached(targets.due([], 0.0)[0], name(9))
    _learn(targets, {}, 1.0, name(9))
    targets.lost(name(9), "it broke", 1.0, 2.0)
    _learn(targets, {name(9): [address(9)]}, 2.0)
    assert _due(targets, 2.0) == []
    assert _one(targets).attempts == 1
