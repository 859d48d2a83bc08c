"""Waiting for an engine, with a stand-in at its socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from weave_http.errors import SandboxError
from weave_http.sandbox import daemon


@contextmanager
def answering(path: Path, answer: bytes) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (b"HTTP/1.0 200 OK\r\nApi-Version: 1.41\r\nServer: Docker/20.10.24 (linux)\r\n\r\n", "Docker 20.10.24"),
        (b"HTTP/1.0 200 OK\r\n\r\n", "engine"),
        (b"HTTP/1.0 500 Internal Server Error\r\nServer: Docker/20.10.24 (linux)\r\n\r\n", ""),
        (b"garbage", ""),
        (b"", ""),
    ],
)
def test_an_engine_is_there_when_it_answers_with_200(tmp_path: Path, answer: bytes, name: str) -> None:
    with answering(tmp_path / "sock", answer):
        assert daemon.ping(tmp_path / "sock", 5) == name


def test_no_socket_is_no_engine(tmp_path: Path) -> None:
    assert daemon.ping(tmp_path / "sock", 5) == ""


def wait(cancel: threading.Event, *, seconds: float = 30, alive: bool = True) -> None:
    daemon.wait_for(lambda: False, alive=lambda: alive, cancel=cancel, seconds=seconds, what="host1 waits for x")


def test_waiting_ends_when_it_is_called_off() -> None:
    cancel = threading.Event()
    cancel.set()

    with pytest.raises(SandboxError, match="interrupted"):
        wait(cancel)


def test_waiting_ends_when_there_is_no_hope() -> None:
    with pytest.raises(SandboxError, match="it ended"):
        wait(threading.Event(), alive=False)


def test_waiting_ends_in_time() -> None:
    with pytest.raises(SandboxError, match="not within 0 s"):
        wait(threading.Event(), seconds=0.02)


def test_the_last_lines_that_tell_of_trouble_are_quoted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("level=info msg=a\nlevel=error msg=b\nfailed to start daemon: no disk\nlevel=info msg=bye\n\n")

    assert daemon.last_words(log) == "level=error msg=b failed to start daemon: no disk"
    assert daemon.last_words(tmp_path / "none") == ""
