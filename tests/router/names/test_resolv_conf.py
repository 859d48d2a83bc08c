from __future__ import annotations

from pathlib import Path

import pytest

from weave_http.addresses import parse_ip
from weave_http.host.host_files import inside, name_servers
from weave_http.router.names.resolv_conf import REREAD, NameServers


def test_name_servers_are_those_lines_and_nothing_else() -> None:
    lines = ["# nameserver 9.9.9.9", "search x", "nameserver 10.0.0.1", "nameserver\tfd00::1 # two", "nameserver x"]
    lines += ["nameserver 10.0.0.1", "nameserver fe80::1%eth0", ""]
    assert list(map(str, name_servers("\n".join(lines)))) == ["10.0.0.1", "fd00::1", "fe80::1%eth0"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root folder of the host's first process, under a /proc."""
    root = tmp_path / "proc" / "1" / "root"
    (root / "etc").mkdir(parents=True)
    (root / "run" / "systemd").mkdir(parents=True)
    return root


@pytest.mark.parametrize(
    "target", ["/run/systemd/stub.conf", "../run/systemd/stub.conf", "../../../../run/systemd/stub.conf"]
)
def test_links_are_followed_within_the_hosts_root(root: Path, target: str) -> None:
    (root / "run" / "systemd" / "stub.conf").write_text("nameserver 127.0.0.53\n")
    (root / "etc" / "resolv.conf").symlink_to(target)
    assert list(map(str, NameServers(str(root.parents[1])).get(0.0))) == ["127.0.0.53"]


def test_a_folder_that_is_a_link_is_followed_too_and_a_circle_is_an_error(root: Path) -> None:
    (root / "var").symlink_to("/run")
    (root / "run" / "here").write_text("")
    assert inside(root, "/var/here") == root / "run" / "here"
    (root / "a").symlink_to("/b")
    (root / "b").symlink_to("/a")
    with pytest.raises(OSError, match="too many links"):
        inside(root, "/a")


def test_the_file_is_read_again_after_a_while_and_our_own_address_is_left_out(root: Path) -> None:
    file = root / "etc" / "resolv.conf"
    file.write_text(
        "nameserver 10.0.0.1\nnameserver 172.17.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n"
    )
    servers = NameServers(str(root.parents[1]), own=parse_ip("172.17.0.1"))
    assert list(map(str, servers.get(0.0))) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    file.write_text("nameserver 10.0.0.9\n")
    assert list(map(str, servers.get(REREAD - 0.1))) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert list(map(str, servers.get(REREAD))) == ["10.0.0.9"]


def test_without_the_hosts_root_the_path_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    assert list(map(str, NameServers(str(tmp_path / "proc"), str(file)).get(0.0))) == []
    file.write_text("nameserver 10.0.0.1\n")
    assert list(map(str, NameServers(str(tmp_path / "proc"), str(file)).get(0.0))) == ["10.0.0.1"]
