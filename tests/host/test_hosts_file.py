"""A container's hosts file: our block in the engine's text."""

from __future__ import annotations

import os
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.errors import HostError
from weave_http.host.host import Host
from weave_http.host.hosts_file import own_names, rewritten, write

DOCKERS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n172.17.0.2\tweb.weave.local web\n10.9.9.9\tother\n"
OWN = ["web.weave.local", "web"]
A, B = IPv4Address("10.2.1.1"), IPv4Address("10.2.2.1")
C, D, E = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")


def test_the_own_name_means_the_addresses_on_the_network() -> None:
    assert rewritten(DOCKERS, OWN, [A, B], [("db", C)]) == (
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n10.9.9.9\tother\n"
        "# weave: begin\n10.2.1.1\tweb.weave.local web\n10.2.2.1\tweb.weave.local web\n10.0.0.1\tdb\n# weave: end\n"
    )


def test_a_loopback_line_of_the_own_name_stays() -> None:
    assert rewritten("127.0.1.1 web\n", ["web"], [A], []).startswith("127.0.1.1 web\n# weave: begin\n10.2")


def test_hosts_are_added_without_touching_the_own_name() -> None:
    once = rewritten(DOCKERS, OWN, [], [("db", C)])
    assert once == f"{DOCKERS}# weave: begin\n10.0.0.1\tdb\n# weave: end\n"
    again = rewritten(once, OWN, [A], [("db", D), ("x", E)])
    assert again.endswith("10.2.1.1\tweb.weave.local web\n10.0.0.2\tdb\n10.0.0.3\tx\n# weave: end\n")
    assert rewritten(again, OWN, [], []) == again


@given(
    st.lists(st.sampled_from([*DOCKERS.splitlines(), "", "# weave: end", "# weave: begin", "# words"])),
    st.lists(st.sampled_from([A, B]), unique=True),
    st.lists(st.tuples(st.sampled_from(["db", "x"]), st.sampled_from([C, D]))),
)
def test_doing_it_twice_is_doing_it_once(
    lines: list[str], addresses: list[IPv4Address], extra: list[tuple[str, IPv4Address]]
) -> None:
    once = rewritten("".join(f"{line}\n" for line in lines), OWN, addresses, extra)
    assert rewritten(once, OWN, addresses, extra) == once


def test_names_are_those_that_the_engine_gives() -> None:
    assert own_names("web", "weave.local") == ["web.weave.local", "web"]
    assert own_names("web.weave.local", "") == ["web.weave.local", "web"]
    assert own_names("web", "") == ["web"]
    assert own_names("", "") == []


def container(path: Path | str) -> dict[str, Any]:
    return {"Name": "/web", "HostsPath": str(path), "Config": {"Hostname": "web", "Domainname": "weave.local"}}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host whose file system, as process 1 sees it, is a folder."""
    (tmp_path / "proc" / "1").mkdir(parents=True)
    (tmp_path / "proc" / "1" / "root").symlink_to(tmp_path / "host")
    (tmp_path / "host").mkdir()
    return Host({"PROCFS": str(tmp_path / "proc")})


def test_the_file_is_written_over_in_place(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "host" / "hosts"
    file.write_text(DOCKERS)
    inode = os.stat(file).st_ino
    for _ in range(2):
        write(host, container("/hosts"), [A], [])
        assert file.read_text() == rewritten(DOCKERS, OWN, [A], [])
    assert os.stat(file).st_ino == inode
    file.write_bytes(DOCKERS.encode() + b"# \xff\n" + b"# long\n" * 100)
    write(host, container("/hosts"), [A], [])
    assert b"# \xff\n" in file.read_bytes()


def test_without_a_file_the_container_is_named(host: Host) -> None:
    with pytest.raises(HostError, match=r"^can't write the hosts file of container web: /hosts: No such file"):
        write(host, container("/hosts"), [A], [])
    with pytest.raises(HostError, match=r"^container web has no hosts file"):
        write(host, container(""), [A], [])
