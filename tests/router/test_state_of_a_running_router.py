"""A router whose disk is full, whose file is damaged, or that is killed: what it still does and knows."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.router.hosts import Lan, RoutedHost, until
from weave_http.addresses import parse_peer_address
from weave_http.errors import HostError
from weave_http.host.router_client import RouterClient
from weave_http.router.store import FILE

pytestmark = pytest.mark.kernel
FAR = parse_peer_address("192.0.2.88")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[RoutedHost]:
    """A host whose router keeps its state on a small disk of its own."""
    disk = tmp_path / "host1"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], check=True)
    try:
        with Lan(tmp_path) as lan:
            yield lan.add(1)[0]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def launched(host: RoutedHost, *arguments: str) -> RoutedHost:
    host.launch("--no-dns", "--metrics-addr", "", *arguments)
    until(lambda: host.ready)
    return host


def report(host: RoutedHost) -> dict[str, Any]:
    found: dict[str, Any] = host.ask(RouterClient.report)
    return found


def targets(host: RoutedHost) -> list[str]:
    found: list[str] = report(host)["Router"]["Targets"]
    return found


def fill(folder: Path) -> Path:
    """Leave no room on a disk; return the file that takes it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return filler


def test_on_a_full_disk_a_change_is_refused_whole_and_written_when_there_is_room(host: RoutedHost) -> None:
    launched(host, "192.0.2.77")
    filler = fill(host.folder)
    with pytest.raises(HostError, match=r"can't keep the router's state in .*: database or disk is full"):
        host.ask(RouterClient.connect, [FAR])
    assert targets(host) == ["192.0.2.77"]
    assert "full" in report(host)["Memory"]["Trouble"]
    # A router that is killed and started meanwhile runs with what is on the disk.
    name = report(host)["Router"]["Name"]
    host.end(signal.SIGKILL)
    launched(host, "--resume")
    assert (report(host)["Router"]["Name"], targets(host)) == (name, ["192.0.2.77"])
    assert "full" in report(host)["Memory"]["Trouble"]
    filler.unlink()
    host.ask(RouterClient.connect, [FAR])
    assert report(host)["Memory"]["Trouble"] == ""
    host.end(signal.SIGKILL)
    launched(host, "--resume")
    assert targets(host) == ["192.0.2.77", "192.0.2.88"]


def test_a_damaged_file_is_kept_aside_and_the_router_keeps_its_name(host: RoutedHost) -> None:
    launched(host, "192.0.2.77")
    name = report(host)["Router"]["Name"]
    host.end()
    path = host.folder / FILE
    assert [each.name for each in host.folder.iterdir() if each.name.startswith(FILE)] == [FILE], "at rest it is one"
    noise = path.read_bytes()[:4096] + os.urandom(8192)
    path.write_bytes(noise)
    launched(host, "192.0.2.88")
    assert (report(host)["Router"]["Name"], targets(host)) == (name, ["192.0.2.88"])
    assert report(host)["Memory"]["Trouble"] == ""
    assert (host.folder / f"{FILE}.corrupt-1").read_bytes() == noise
    assert f"{FILE} makes no sense" in host.log.read_text()


@pytest.mark.parametrize("index", ["kept", "lost"])
def test_on_a_disk_that_became_read_only_a_killed_router_comes_back_with_all_it_knew(
    host: RoutedHost, index: str
) -> None:
    launched(host, "192.0.2.77")
    host.ask(RouterClient.connect, [FAR])
    name = report(host)["Router"]["Name"]
    host.end(signal.SIGKILL)
    if index == "lost":
        (host.folder / f"{FILE}-shm").unlink()
    subprocess.run(["mount", "-o", "remount,ro", str(host.folder)], check=True)
    launched(host, "--resume")
    assert (report(host)["Router"]["Name"], targets(host)) == (name, ["192.0.2.77", "192.0.2.88"])
    assert "can't keep the router's state" in report(host)["Memory"]["Trouble"]
