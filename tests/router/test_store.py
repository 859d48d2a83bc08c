"""The router's memory on real files: whole after any crash, and no obstacle when it can't be kept."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.router.mesh.worlds import names as peer_names
from weave_http.addresses import parse_cidr, parse_ip
from weave_http.errors import HostError
from weave_http.records import replace
from weave_http.router import store as module
from weave_http.router.database import Database
from weave_http.router.names.register import Name
from weave_http.router.state import Exposure, State, parse_addresses, targets_of
from weave_http.router.store import Store

ID, OTHER = "0123456789abcdef" * 4, "ab" * 32
A, B = parse_cidr("10.2.1.1/24"), parse_cidr("10.2.2.1/24")
_states = st.builds(
    State,
    st.just("") | peer_names,
    st.integers(0, 2**62 - 1),
    st.sampled_from(["", ID]),
    st.lists(st.text(st.characters(codec="utf-8"), max_size=9)).map(tuple),
    st.dictionaries(st.sampled_from([ID, OTHER]), st.sampled_from([(A, B), (B,)])),
    st.dictionaries(
        st.sampled_from([A, B]),
        st.builds(Exposure, st.booleans(), st.lists(st.text(st.characters(codec="utf-8"), max_size=9)).map(tuple)),
    ),
    st.frozensets(
        st.sampled_from(
            [Name("a.weave.local", parse_ip("10.2.1.1"), ID), Name("b.weave.local", parse_ip("10.2.1.1"), OTHER)]
        )
    ),
)
FULL = State(
    "7a:00:00:00:00:01",
    7,
    ID,
    ("h1", "h2:99"),
    {ID: (A, B), OTHER: (B,)},
    {A: Exposure(False, ("h1.weave.local", "a b"))},
    frozenset({Name("a.weave.local", parse_ip("10.2.1.1"), ID)}),
    places={parse_ip("192.0.2.1"): "7a:00:00:00:00:02", parse_ip("fd00::1"): "7a:00:00:00:00:03"},
)


def keep(folder: Path, *states: State) -> Store:
    """Bring a store to some states, one after the other, and have it close its file; it opens that when it must."""
    store = Store(folder)

    async def change() -> None:
        for state in states:
            await store.change(lambda _, state=state: state)  # type: ignore[misc]
        await store.close()

    asyncio.run(change())
    return store


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(_states, min_size=1, max_size=4))
def test_what_is_kept_is_read_back_after_any_changes(tmp_path: Path, states: list[State]) -> None:
    (tmp_path / module.FILE).unlink(missing_ok=True)
    store = keep(tmp_path, *states)
    assert store.state == states[-1]
    assert (Store(tmp_path).state, store.trouble) == (states[-1], "")


def test_changes_at_once_follow_one_another_and_are_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "new")
    writes: list[State] = []
    write = Database.write

    def noted(database: Database, after: State) -> None:
        writes.append(after)
        write(database, after)

    monkeypatch.setattr(Database, "write", noted)

    async def change() -> None:
        def add(number: int) -> Callable[[State], State]:
            return lambda state: replace(state, targets=(*state.targets, f"h{number}"))

        await asyncio.gather(*(store.change(add(number)) for number in range(20)))
        assert Store(tmp_path / "new").state == store.state, "others can read it meanwhile"
        await store.close()

    asyncio.run(change())
    assert store.state.targets == tuple(f"h{number}" for number in range(20))
    assert len(writes) == 1
    assert Store(tmp_path / "new").state == store.state
    assert [path.name for path in (tmp_path / "new").iterdir()] == [module.FILE]


def test_an_edit_that_fails_fails_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail(state: State) -> State:
        raise HostError("no")

    async def change() -> list[object]:
        edits = [lambda state: replace(state, uid=1), fail, lambda state: replace(state, launch=ID)]
        return await asyncio.gather(*map(store.change, edits), return_exceptions=True)

    assert list(map(str, asyncio.run(change()))) == ["None", "no", "None"]
    assert (Store(tmp_path).state.uid, Store(tmp_path).state.launch) == (1, ID)


def test_a_change_that_nobody_waits_for_any_more_is_in_memory_and_on_the_disk(tmp_path: Path) -> None:
    store = Store(tmp_path)

    async def change() -> None:
        task = asyncio.create_task(store.change(lambda state: replace(state, uid=5)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await store.change(lambda state: replace(state, launch=ID))

    asyncio.run(change())
    assert (store.state.uid, store.state.launch) == (5, ID)
    assert Store(tmp_path).state == store.state


def failing(error: Exception) -> Callable[..., Any]:
    def connect(*_: object, **__: object) -> Any:
        raise error

    return connect


def test_a_write_that_fails_leaves_memory_as_it_was_and_the_caller_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = keep(tmp_path, FULL)

    async def change() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sqlite3, "connect", failing(sqlite3.OperationalError("database or disk is full")))
            for _ in range(2):
                with pytest.raises(HostError, match=r"^can't keep the router's state in .*: database or disk is full$"):
                    await store.change(lambda state: replace(state, targets=()))
        assert (store.state, "disk is full" in store.trouble) == (FULL, True)
        await store.change(lambda state: replace(state, targets=("h3",)))

    caplog.set_level(logging.INFO)
    asyncio.run(change())
    assert (store.trouble, Store(tmp_path).state.targets) == ("", ("h3",))
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"], "said once, and when it is over"


def test_a_router_starts_with_what_it_can_read_and_says_that_it_keeps_nothing(tmp_path: Path) -> None:
    """A quota on the file's size is to a program what a full disk is."""
    keep(tmp_path, FULL)
    code = f"""
import asyncio, resource, signal
from pathlib import Path
from weave_http.router.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
store = Store(Path({str(tmp_path)!r}))
asyncio.run(store.begin(uid=8))
print(store.state.uid, store.state.name, store.trouble)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    uid, name, trouble = done.stdout.strip().split(" ", 2)
    assert (uid, name) == ("8", FULL.name)
    assert trouble.startswith(f"can't keep the router's state in {tmp_path / module.FILE}: ")
    assert Store(tmp_path).state == FULL


def test_what_could_not_be_written_at_the_start_is_written_with_the_next_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = keep(tmp_path, FULL)

    async def change() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sqlite3, "connect", failing(sqlite3.OperationalError("disk I/O error")))
            await store.begin(uid=9)
        await store.change(lambda state: replace(state, launch=""))

    asyncio.run(change())
    assert Store(tmp_path).state == replace(FULL, uid=9, launch="")


def test_without_a_folder_that_can_be_used_it_runs_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file")
    asyncio.run(store.begin(uid=3))
    assert (store.state.uid, "can't keep the router's state in" in store.trouble) == (3, True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"{" * 5000,
        lambda data: data[:100],
        lambda data: data[: len(data) // 2],
        lambda data: data[:4096] + os.urandom(len(data) - 4096),
    ],
    ids=["other", "head", "half", "noise"],
)
def test_a_file_that_makes_no_sense_is_kept_under_a_number_of_its_own(
    tmp_path: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        keep(tmp_path, FULL)
        path = tmp_path / module.FILE
        broken = damage(path.read_bytes())
        path.write_bytes(broken)
        caplog.clear()
        store = Store(tmp_path)
        assert (store.state, store.trouble, len(caplog.records)) == (State(), "", 1)
        assert (tmp_path / f"{module.FILE}.corrupt-{number}").read_bytes() == broken
    assert keep(tmp_path, FULL).trouble == ""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE identity SET name = 'x'",
        "UPDATE attachment SET addresses = '10.2.1.300/24'",
        "INSERT INTO attachment VALUES ('short', '10.2.1.1/24')",
        "UPDATE exposed SET address = 'x'",
        "UPDATE exposed SET names = '['",
        "UPDATE name SET address = '::x'",
        "UPDATE name SET hostname = 'a b'",
        "DROP TABLE name",
        "PRAGMA user_version = 5",
    ],
)
def test_a_row_that_makes_no_sense_and_a_later_format_are_put_aside(tmp_path: Path, statement: str) -> None:
    keep(tmp_path, FULL)
    with closing(sqlite3.connect(tmp_path / module.FILE, isolation_level=None)) as database:
        database.execute(statement)
    assert Store(tmp_path).state == State()
    assert (tmp_path / f"{module.FILE}.corrupt-1").exists()


def test_a_file_that_was_taken_away_is_written_anew_as_a_whole(tmp_path: Path) -> None:
    store = keep(tmp_path, FULL)
    (tmp_path / module.FILE).unlink()
    asyncio.run(store.change(lambda state: replace(state, uid=8)))
    assert Store(tmp_path).state == replace(FULL, uid=8)
    (tmp_path / module.FILE).unlink()  # while it is open
    asyncio.run(store.change(lambda state: replace(state, uid=9)))
    assert Store(tmp_path).state == replace(FULL, uid=9)


_WRITER = """
import asyncio, sys
from weave_http.records import replace
from pathlib import Path
from weave_http.addresses import parse_cidr, parse_ip
from weave_http.router.store import Store

store = Store(Path(sys.argv[1]))
async def work():
    number = store.state.uid
    while True:
        number += 1
        cidr = (parse_cidr(f"10.2.{number // 250 % 250}.{number % 250 + 1}/24"),)
        await store.change(lambda state: replace(
            state, uid=number, targets=(f"h{number}",), attachments={f"{number % 9:064x}": cidr, f"{9:064x}": cidr}))
        print(number, flush=True)
asyncio.run(work())
"""


def test_a_writer_killed_at_any_moment_leaves_all_of_its_last_change_or_nothing(tmp_path: Path) -> None:
    last = 0
    for round_ in range(25):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.003 * round_ % 0.04)
            os.kill(writer.pid, signal.SIGKILL)
            said = [int(line) for line in writer.stdout.read().split()]
        store = Store(tmp_path)
        state = store.state
        assert store.trouble == ""
        assert state.uid > last, "a change that returned is lost"
        assert state.uid in (said[-1:] or [state.uid]) or state.uid == said[-1] + 1
        assert state.targets == (f"h{state.uid}",)
        assert state.attachments.keys() == {f"{state.uid % 9:064x}", f"{9:064x}"}
        last = state.uid
    assert not list(tmp_path.glob("*corrupt*"))


def test_thousands_of_stale_attachments_go_in_one_change_and_one_costs_little(tmp_path: Path) -> None:
    many = {f"{number:064x}": (A,) for number in range(2000)}
    store = keep(tmp_path, State(attachments=many))

    async def work() -> tuple[float, float]:
        began = time.monotonic()
        for number in range(50):
            await store.change(
                lambda state, number=number: replace(  # type: ignore[misc]
                    state, attachments={**state.attachments, f"{number:064x}": (A, B)}
                )
            )
        each = (time.monotonic() - began) / 50
        began = time.monotonic()
        await store.change(lambda state: replace(state, attachments={}))
        return each, time.monotonic() - began

    each, all_ = asyncio.run(work())
    print(f"one of 2,000: {each * 1000:.1f} ms; all away: {all_ * 1000:.0f} ms")
    assert each < 0.1
    assert all_ < 1.0
    assert Store(tmp_path).state == State()


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
    with pytest.raises(ValueError, match=r"expected|at most|no interface"):
        parse_addresses(value)
