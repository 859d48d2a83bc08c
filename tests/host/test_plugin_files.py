from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from weave_http.host import plugin_files
from weave_http.host.plugin_stub import answering

LONGEST = 108
"""Bytes of a unix socket's path; an engine refuses a longer one at once."""


@pytest.fixture
def procfs(tmp_path: Path) -> str:
    """A host whose first process has a root folder of its own, and whose /proc knows this process."""
    (tmp_path / "proc" / "1" / "root" / "etc" / "docker").mkdir(parents=True)
    (tmp_path / "proc" / "self").symlink_to(str(os.getpid()))
    return str(tmp_path / "proc")


def test_the_engine_finds_the_socket_only_while_its_process_lives(procfs: str, tmp_path: Path) -> None:
    path = tmp_path / "plugin.sock"
    links = Path(procfs, "1/root/run/docker/plugins")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        for _ in range(2):
            plugin_files.offer(procfs, path)
        assert sorted(each.name for each in links.iterdir()) == ["weave.sock", "weavemesh.sock"]
        assert all(each.is_socket() for each in links.iterdir())
        for each in links.iterdir():
            assert os.readlink(each) == f"/proc/{os.getpid()}/root{path}"
    plugin_files.withdraw(procfs, mine=True)
    assert list(links.iterdir()) == []


def test_the_links_of_another_process_are_left(procfs: str, tmp_path: Path) -> None:
    plugin_files.offer(procfs, tmp_path)
    links = Path(procfs, "1/root/run/docker/plugins")
    (links / "weave.sock").unlink()
    (links / "weave.sock").symlink_to("/proc/4194305/root/x")
    plugin_files.withdraw(procfs, mine=True)
    assert [each.name for each in links.iterdir()] == ["weave.sock"]
    plugin_files.withdraw(procfs, mine=False)
    assert list(links.iterdir()) == []


def test_an_engine_refuses_the_address_of_a_router_that_is_not_there_at_once(procfs: str) -> None:
    plugin_files.guard(procfs)
    for name in ("weave", "weavemesh"):
        value = json.loads(Path(procfs, f"1/root/etc/docker/plugins/{name}.json").read_text())
        assert value["Name"] == name
        assert len(value["Addr"].removeprefix("unix://").encode()) > LONGEST


@pytest.mark.parametrize("there", [True, False])
def test_folders_stay_if_they_were_there(procfs: str, there: bool) -> None:
    folder = Path(procfs, "1/root/etc/docker/plugins")
    if there:
        folder.mkdir()
    for _ in range(2):
        plugin_files.guard(procfs)
    plugin_files.unguard(procfs)
    assert folder.exists() == there
    assert folder.parent.exists()
    plugin_files.unguard(procfs)


def test_a_file_of_somebody_else_is_left_alone(procfs: str) -> None:
    folder = Path(procfs, "1/root/etc/docker/plugins")
    folder.mkdir()
    (folder / "weave.json").write_text('{"Name": "weave", "Addr": "tcp://192.0.2.1:9"}')
    plugin_files.guard(procfs)
    plugin_files.unguard(procfs)
    assert [each.name for each in folder.iterdir()] == ["weave.json"]


def test_without_a_router_somebody_agrees_with_the_engine(procfs: str) -> None:
    link = Path(procfs, "1/root/run/docker/plugins/weave.sock")
    with answering(procfs), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(os.readlink(link).removeprefix(f"/proc/{os.getpid()}/root"))
        client.sendall(b"POST /NetworkDriver.DeleteNetwork HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert not link.is_symlink()
