"""Whole routers with a password, as processes, in namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.router.hosts import Lan, RoutedHost, until
from weave_http.host.router_client import RouterClient, RouterError
from weave_http.operations import passwords

pytestmark = pytest.mark.kernel

FIRST, SECOND = "hunter2-and-a-dog", "another-2-cats"


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    with Lan(tmp_path) as lan:
        yield lan


def give(host: RoutedHost, password: str) -> None:
    """Put a password into a router's state, as a launch does."""
    host.folder.mkdir(exist_ok=True)
    (host.folder / passwords.FILE).write_bytes(passwords.packed(password))


def connections(host: RoutedHost) -> str:
    return str(host.ask(RouterClient.status, "connections"))


def test_a_change_of_the_password_survives_restarts_and_is_in_no_log(lan: Lan) -> None:
    one, two, three = lan.add(3)
    for host in (one, two):
        give(host, FIRST)
    one.launch()
    two.launch(one.address)
    until(lambda: one.ready and two.ready and one.connected == two.connected == 1)
    assert "Encryption: enabled" in one.ask(RouterClient.status)
    assert one.ask(RouterClient.report)["Router"]["Encryption"] is True
    one.ask(RouterClient.change_password, SECOND, 0)
    until(lambda: SECOND in (two.folder / passwords.FILE).read_text())
    assert one.connected == two.connected == 1
    two.end()
    two.launch(one.address)
    until(lambda: two.ready and two.connected == 1)
    give(three, FIRST)
    three.launch(one.address)
    until(lambda: three.ready and "changed while this host was away" in connections(three))
    until(lambda: "refused: the password was changed" in one.log.read_text())
    for host in (one, two, three):
        assert host.router is not None
        seen = [host.log.read_bytes()]
        seen += [Path(f"/proc/{host.router.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
        for secret in (FIRST, SECOND):
            assert not any(secret.encode() in each for each in seen)


def test_a_password_on_one_host_only_is_said_on_both(lan: Lan) -> None:
    one, two, three = lan.add(3)
    give(one, FIRST)
    give(three, SECOND)
    one.launch()
    two.launch(one.address)
    three.launch(one.address, two.address)
    until(lambda: one.ready and two.ready and three.ready)
    until(lambda: "a password is set there, and none here" in connections(two))
    until(lambda: "no password there, and one is set here" in connections(three))
    until(lambda: "another password there" in connections(three))
    until(lambda: "no password there, and one is set here" in one.log.read_text())
    until(lambda: "another password there" in one.log.read_text())
    assert not one.connected + two.connected + three.connected
    with pytest.raises(RouterError, match="no password to change"):
        two.ask(RouterClient.change_password, SECOND, 0)


def test_a_password_that_can_t_be_read_is_no_reason_to_go_without(lan: Lan) -> None:
    (host,) = lan.add(1)
    host.folder.mkdir()
    (host.folder / passwords.FILE).write_text("{")
    code, said = host.refused()
    assert code == 1
    assert said.startswith("weave: can't read the password in ")
    assert "weave launch --password-file" in said
    (host.folder / passwords.FILE).write_bytes(b"")
    host.launch()
    until(lambda: host.ready)
    assert "Encryption: disabled" in host.ask(RouterClient.status)
    host.end()
    code, said = host.refused(WEAVE_PASSWORD=FIRST)
    assert code == 1
    assert FIRST not in said
    assert "environment" in said
