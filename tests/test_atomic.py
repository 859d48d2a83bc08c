"""A file is replaced whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from weave_http import atomic


def test_a_file_gets_its_content_and_mode(tmp_path: Path) -> None:
    atomic.write(tmp_path / "key", b"new", mode=0o600)

    assert (tmp_path / "key").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["key"]


def test_the_old_file_stays_when_the_writer_fails(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")

    def fail() -> None:
        with atomic.replacing(tmp_path / "f") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert (tmp_path / "f").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_a_file_that_cannot_be_replaced_is_an_os_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)

    with pytest.raises(OSError, match="directory"):
        atomic.write(tmp_path / "folder", b"x")

    assert os.listdir(tmp_path) == ["folder"]


def test_writers_at_the_same_time_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "f"
    contents = [bytes([65 + number]) * 100_000 for number in range(8)]
    seen = []

    def work(content: bytes) -> None:
        for _ in range(5):
            atomic.write(path, content)
            seen.append(path.read_bytes())

    threads = [threading.Thread(target=work, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(seen) <= set(contents)
    assert os.listdir(tmp_path) == ["f"]


def test_what_a_killed_writer_left_is_found(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    code = "import sys,os,signal; from pathlib import Path; from weave_http import atomic\n"
    code += "with atomic.replacing(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run([sys.executable, "-c", code, str(path)], timeout=60, check=False)

    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    (left,) = atomic.leftovers(path)
    assert left.name.startswith(".f.")


def test_file_and_folder_reach_the_disk_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda fd: flushed.append(os.readlink(f"/proc/self/fd/{fd}")))

    atomic.write(tmp_path / "f", b"x")

    unfinished, folder = flushed
    assert unfinished.startswith(f"{tmp_path}/.f.")
    assert folder == str(tmp_path)
