"""Where the proxy listens: an old socket is replaced, one in use and what is no socket are left alone."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.proxy.test_connection import FakeHome
from weave_http.errors import HostError
from weave_http.proxy.server import Server
from weave_http.proxy.settings import Settings


def test_a_socket_that_was_left_is_replaced_and_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "weave.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    home = FakeHome()
    server = Server(home, Settings())
    server.listen_unix(str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(HostError, match="another process does"):
        Server(home, Settings()).listen_unix(str(path))
    server.stop()
    assert not path.exists()
    home.near.close()
    home.daemon.close()


def test_it_gets_the_mode_of_docker_s_socket(tmp_path: Path) -> None:
    model = tmp_path / "docker.sock"
    home = FakeHome()
    server = Server(home, Settings())
    with socket.socket(socket.AF_UNIX) as docker:
        docker.bind(str(model))
        os.chmod(model, 0o660)
        server.listen_unix(str(tmp_path / "weave.sock"), like=str(model))
    assert (tmp_path / "weave.sock").stat().st_mode & 0o777 == 0o660
    server.stop()
    home.near.close()
    home.daemon.close()


def test_what_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "weave.sock"
    path.write_text("mine")
    home = FakeHome()
    with pytest.raises(HostError, match="it is no socket"):
        Server(home, Settings()).listen_unix(str(path))
    assert path.read_text() == "mine"
    home.near.close()
    home.daemon.close()
