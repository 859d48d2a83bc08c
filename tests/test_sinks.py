"""Every byte arrives, whatever kind of sink it is: one that writes a part, one that doesn't block, one that is full."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_engine import FakeEngine, Run
from weave_http import constants
from weave_http.sinks import NOWHERE, PatientFile, Sink, write_all

DATA = bytes(range(256)) * 4096


@pytest.fixture
def pipe() -> Iterator[tuple[int, list[bytes], threading.Thread]]:
    """A pipe's end for writing, and a slow reader that keeps what comes."""
    reading, writing = os.pipe()
    found: list[bytes] = []

    def read() -> None:
        while chunk := os.read(reading, 50_000):
            found.append(chunk)
            time.sleep(0.002)

    reader = threading.Thread(target=read)
    reader.start()
    yield writing, found, reader
    reader.join()
    os.close(reading)


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("kind", ["raw", "buffered", "patient"])
def test_every_byte_arrives_at_a_slow_reader(
    pipe: tuple[int, list[bytes], threading.Thread], kind: str, blocking: bool
) -> None:
    writing, found, reader = pipe
    os.set_blocking(writing, blocking)
    sinks: dict[str, Sink] = {
        "raw": io.FileIO(writing, "w", closefd=False),
        "buffered": io.BufferedWriter(io.FileIO(writing, "w", closefd=False)),
        "patient": PatientFile(writing),
    }
    for start in range(0, len(DATA), 300_000):
        write_all(sinks[kind], DATA[start : start + 300_000])
    os.close(writing)
    reader.join()
    assert b"".join(found) == DATA


def test_a_sink_of_ones_own_may_return_what_it_likes() -> None:
    class Own:
        def __init__(self) -> None:
            self.kept: list[bytes] = []

        def write(self, data: bytes) -> None:
            self.kept.append(data)

        def flush(self) -> None:
            pass

    own = Own()
    write_all(own, b"abc")
    write_all(NOWHERE, b"abc")
    assert own.kept == [b"abc"]


def test_a_full_disk_is_an_error() -> None:
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space"):
        write_all(full, b"abc")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("blocking", [True, False])
def test_a_command_prints_every_byte(tmp_path: Path, unbuffered: str, blocking: bool) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, blocking)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "WEAVE_"))}
    with FakeEngine(tmp_path / "d.sock") as fake:
        fake.images[constants.DEFAULT_IMAGE] = {"Id": "sha256:1"}
        fake.program = lambda config: Run([(1, DATA[:400_000]), (1, DATA[400_000:])])
        done = subprocess.Popen(
            [sys.executable, "-m", "weave_http", "report"],
            env={**clean, "DOCKER_HOST": fake.endpoint.url, "PYTHONUNBUFFERED": unbuffered},
            stdout=writing,
            stderr=subprocess.PIPE,
        )
        os.close(writing)
        found = b""
        while chunk := os.read(reading, 30_000):
            found += chunk
            time.sleep(0.001)
        os.close(reading)
        _, said = done.communicate(timeout=60)
    assert (done.returncode, said, found == DATA) == (0, b"", True)
