"""The file of hosts, and which hosts terms mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.commands.inventory import KnownHost, endpoint_name, hosts_path, read_hosts, select, terms, write_hosts
from weave_http.errors import UsageError, WeaveError

WEB = KnownHost("web1", "tcp://10.0.0.1:2376", labels=("web", "zone=a"))
WEB2 = KnownHost("web2", "tcp://10.0.0.2:2376", labels=("web", "zone=b"))
DB = KnownHost("db", context="prod-db", advertise="10.0.0.5")
KNOWN = [WEB, WEB2, DB]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = hosts_path({"XDG_CONFIG_HOME": str(tmp_path)})
    assert read_hosts(path) == []
    write_hosts(path, KNOWN)
    assert read_hosts(path) == KNOWN
    assert path.stat().st_mode & 0o77 == 0


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_endpoint_survives_the_file(endpoint: str) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "hosts.toml"
        write_hosts(path, [KnownHost("a.b-c_d", endpoint)])
        assert read_hosts(path) == [KnownHost("a.b-c_d", endpoint)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[hosts", "is no TOML"),
        ("hosts = 1", "hosts is no table"),
        ("[hosts]\na = 1", "host 'a': it is no table"),
        ("[hosts.a]\nendpoint = 1", "host 'a': endpoint is no text"),
        ("[hosts.a]\nendpoint = 'tcp://a'\ncontext = 'b'", "host 'a' has to have an endpoint or a context"),
        ("[hosts.a]\nendpoint = 'tcp://a'\nlabels = 'db'", "host 'a': labels is no list of texts"),
        ("[hosts.a]\nendpoint = 'tcp://a'\npasword = 'x'", "host 'a': 'pasword' is unknown"),
        ("[hosts.'a b']\nendpoint = 'tcp://a'", "'a b' is no name of a host"),
    ],
)
def test_a_file_that_makes_no_sense_is_named_with_the_place(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text(text)
    with pytest.raises(WeaveError) as caught:
        read_hosts(path)
    assert str(path) in caught.value.message
    assert complaint in caught.value.message


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("db,web1", ["db", "web1"]),
        ("web*", ["web1", "web2"]),
        ("label=zone=b web1", ["web2", "web1"]),
        ("label=web,web1", ["web1", "web2"]),
        ("ssh://me@h1:22/x", ["h1"]),
        ("box=unix:///run/d.sock", ["box"]),
        ("context=prod-*", ["prod-a", "prod-b"]),
        ("tcp://[fd00::1]:2376", ["fd00::1"]),
    ],
)
def test_terms_mean_hosts_each_once(chosen: str, names: list[str]) -> None:
    assert [host.name for host in select(terms(chosen), KNOWN, ["prod-a", "prod-b", "test"])] == names


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ("nobody", "no host is meant by 'nobody'"),
        ("label=none", "no host is meant by 'label=none'"),
        ("context=x*", "no docker context is like 'x[*]'"),
        ("tcp://h1:1,tcp://h1:2", "two hosts are called 'h1'"),
        ("a,b=unix:///x", "no host is meant by 'a'"),
    ],
)
def test_terms_that_mean_nothing_are_refused(chosen: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        select(terms(chosen), KNOWN, ["prod-a"])


def test_a_host_without_a_name_is_called_as_in_its_endpoint() -> None:
    assert endpoint_name("unix:///run/docker.sock") == "/run/docker.sock"
    assert endpoint_name("10.0.0.1:2375") == "10.0.0.1"
