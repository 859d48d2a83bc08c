from __future__ import annotations

from weave_http.addresses import parse_cidr
from weave_http.router.data.exposing import wanted, with_exposed, with_found, without
from weave_http.router.state import Exposure

A, B = parse_cidr("10.2.1.254/24"), parse_cidr("10.2.2.254/24")


def test_an_address_gets_more_names_and_the_last_word_on_masquerading_holds() -> None:
    one = with_exposed({}, [A], masquerade=True, name="h1")
    two = with_exposed(one, [A, B], masquerade=False, name="h2")
    assert with_exposed(two, [A], masquerade=False, name="") == two
    assert two == {A: Exposure(False, ("h1", "h2")), B: Exposure(False, ("h2",))}
    assert wanted(two) == {A: False, B: False}
    assert with_exposed(one, [A], masquerade=True, name="h1") == one


def test_what_others_exposed_is_added_and_changes_nothing_else() -> None:
    record = {A: Exposure(False, ("h1",))}
    assert with_found(record, {A: True}) is record
    assert with_found(record, {A: True, B: True}) == {**record, B: Exposure(True)}


def test_what_is_hidden_is_gone_and_what_is_unknown_no_matter() -> None:
    record = {A: Exposure(), B: Exposure()}
    assert without(record, [A, parse_cidr("10.9.9.9/24")]) == {B: Exposure()}
