from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.router.mesh.worlds import names
from weave_http.errors import HostError
from weave_http.router.daemon import targets_of
from weave_http.router.state import Exposure, State, Store, parse, parse_addresses, render

_ID = "0123456789abcdef" * 4
_states = st.builds(
    State,
    st.just("") | names,
    st.integers(0, 2**62 - 1),
    st.sampled_from(["", _ID]),
    st.lists(st.text(max_size=9)).map(tuple),
    st.dictionaries(st.just(_ID), st.just(("10.2.1.1/24", "10.2.2.1/24"))),
    st.dictionaries(
        st.sampled_from(["10.2.1.254/24", "10.2.2.254/24"]),
        st.builds(Exposure, st.booleans(), st.lists(st.text(max_size=9)).map(tuple)),
    ),
)


@given(_states)
def test_what_is_kept_is_read_back(state: State) -> None:
    assert parse(render(state)) == state


@given(
    st.binary().filter(lambda text: not text.lstrip().startswith(b"{")) | _states.map(lambda state: render(state)[:-5])
)
def test_a_damaged_file_is_a_value_error_and_nothing_worse(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse(text)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"name": "x"},
        {"uid": -1},
        {"uid": "1"},
        {"launch": 1},
        {"targets": "h1"},
        {"targets": [1]},
        {"attachments": []},
        {"attachments": {"short": ["10.2.1.1/24"]}},
        {"attachments": {_ID: ["10.2.1.1"]}},
        {"attachments": {_ID: []}},
        {"exposed": []},
        {"exposed": {"10.2.1.254/24": True}},
        {"exposed": {"10.2.1.254": {}}},
        {"exposed": {"10.2.1.254/24": {"masquerade": 1}}},
        {"exposed": {"10.2.1.254/24": {"names": "x"}}},
        {"exposed": {"10.2.1.254/24": {"names": ["x" * 300]}}},
    ],
)
def test_each_field_is_checked(value: object) -> None:
    with pytest.raises(ValueError, match=r"invalid|no JSON object|expected"):
        parse(json.dumps(value).encode())


def test_changes_are_on_the_disk_when_they_return(tmp_path: Path) -> None:
    async def change() -> None:
        store = Store(tmp_path / "new")
        await store.change(targets=("h1",))
        await asyncio.gather(*(store.change(uid=number) for number in range(20)))
        assert Store(tmp_path / "new").state == store.state

    asyncio.run(change())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["state.json"]


def test_a_corrupt_file_is_put_aside_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "state.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        assert Store(tmp_path).state == State()
    assert len(caplog.records) == 1
    assert (tmp_path / "state.corrupt").read_text() == "{"


def test_a_folder_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="can't keep the router's state in"):
        Store(tmp_path / "file")


def test_a_launch_says_whom_to_dial_and_a_restart_keeps_what_became_of_it() -> None:
    state = State(launch="one", targets=("h1", "added"))
    assert targets_of(state, "one", ("h1",)) == ("h1", "added")
    assert targets_of(state, "two", ("h1",)) == ("h1",)
    assert targets_of(state, "two", ()) == ()
    assert targets_of(State(targets=("h9",)), "", ("h1",)) == ("h1",)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        ["x"],
        ["10.2.1.1"],
        ["10.2.1.1/33"],
        ["10.2.1.1/255.255.255.0"],
        [1],
        ["10.2.1.1/24"] * 300,
        ["::1/64"],
    ],
)
def test_addresses_are_checked(value: object) -> None:
    with pytest.raises(ValueError, match=r"expected|at most"):
        parse_addresses(value)
