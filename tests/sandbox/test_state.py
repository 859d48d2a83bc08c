"""The state directory: its lock, its records, its removal."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from weave_http.errors import SandboxError
from weave_http.sandbox.processes import run, start_time
from weave_http.sandbox.state import HostRecord, SandboxRecord, State


def silent() -> None:
    return None


def test_the_directory_is_made_for_root_alone(tmp_path: Path) -> None:
    with State(tmp_path / "a" / "state").locked(create=True, waiting=silent) as there:
        assert there

    assert stat.S_IMODE((tmp_path / "a" / "state").stat().st_mode) == 0o700


def test_a_missing_directory_is_not_made_in_passing(tmp_path: Path) -> None:
    with State(tmp_path / "state").locked(create=False, waiting=silent) as there:
        assert not there

    assert not (tmp_path / "state").exists()


def test_a_command_waits_for_another_one_that_removes_the_directory(
    tmp_path: Path,
) -> None:
    state = State(tmp_path / "state")
    waits = threading.Event()
    order: list[str] = []

    def second() -> None:
        with state.locked(create=True, waiting=waits.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with state.locked(create=True, waiting=silent):
        thread.start()
        assert waits.wait(10)
        order.append("first")
        state.remove()
        assert not state.directory.exists()
    thread.join()

    assert order == ["first", "second"]
    assert state.directory.is_dir()


def test_a_program_that_outlives_its_starter_keeps_the_lock(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    waits = threading.Event()
    left, right = os.pipe()
    os.set_inheritable(left, True)
    with state.locked(create=True, waiting=silent):
        # a shell that stays in the background, as `ip` does for a moment when its starter was killed
        run(["sh", "-c", f"(read line </proc/{os.getpid()}/fd/{left}) >/dev/null 2>&1 &"])

    def second() -> None:
        with state.locked(create=False, waiting=waits.set):
            pass

    thread = threading.Thread(target=second)
    thread.start()
    assert waits.wait(10)
    os.write(right, b"\n")
    thread.join(10)
    for fd in (left, right):
        os.close(fd)

    assert not thread.is_alive()


def test_records_come_back_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.save_sandbox(SandboxRecord("weave", "10.99.0.0/16"))
    for index in (10, 2, 1):
        state.save_host(HostRecord(index, "/"))
    state.mark_complete(HostRecord(2, "/"))

    assert state.sandbox() == SandboxRecord("weave", "10.99.0.0/16")
    assert state.hosts() == [HostRecord(1, "/"), HostRecord(2, "/", complete=True), HostRecord(10, "/")]
    assert state.host("host3") is None


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text("{")

    with pytest.raises(SandboxError, match=r"cannot read .*sandbox\.json"):
        State(tmp_path).sandbox()


def test_removal_spares_what_others_put_there(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.directory.mkdir()
    state.save_sandbox(SandboxRecord("weave", "10.99.0.0/16"))
    state.save_host(HostRecord(1, "/"))
    (state.directory / "mine").touch()
    (state.directory / ".sandbox.json.0123.new").touch()  # of a command that was killed

    state.remove()
    state.remove()

    assert os.listdir(state.directory) == ["mine"]


def test_a_process_is_told_from_a_later_one_of_its_number() -> None:
    first = subprocess.Popen(["sleep", "60"])
    started = start_time(first.pid)
    time.sleep(0.05)
    second = subprocess.Popen(["sleep", "60"])
    assert 0 < started < start_time(second.pid)
    for process in (first, second):
        process.kill()
    while start_time(first.pid) >= 0:  # from its death on, not only once it has been waited for
        time.sleep(0.01)
    for process in (first, second):
        process.wait()
    assert start_time(first.pid) == -1
