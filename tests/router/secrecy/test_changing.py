"""The password is changed on one host, and all others take it over: those that are there, and those that come later."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import time

import pytest

from tests.router.mesh.loopback import Node, connected, until
from tests.router.mesh.worlds import name
from tests.router.secrecy.loopback import node
from weave_http.errors import HostError
from weave_http.operations import passwords
from weave_http.router.secrecy.channel import Encrypted
from weave_http.router.secrecy.gossip import PasswordGossip
from weave_http.router.secrecy.keyring import Keyring, read
from weave_http.router.secrecy.options import SecrecyOptions
from weave_http.router.secrecy.service import Secrecy


@asynccontextmanager
async def member(
    number: int, folder: Path, *targets: str, keyring: Keyring | None = None
) -> AsyncIterator[tuple[Node, Secrecy]]:
    """A node whose password is kept in a folder, and may be changed."""
    home = folder / str(number)
    home.mkdir(exist_ok=True)
    gossip = PasswordGossip(name(number), number)
    nodes: list[Node] = []

    def changed() -> None:
        nodes[0].wake()
        nodes[0].hurry()

    secrecy = Secrecy(SecrecyOptions(keyring or Keyring("old")), gossip, home, changed)
    channel = Encrypted(secrecy.candidates, secrecy.trusts)
    async with node(number, *targets, channel=channel, topics=[gossip]) as it:
        nodes.append(it)
        yield it, secrecy


def kept(folder: Path, number: int) -> Keyring | None:
    """What a node has kept."""
    path = folder / str(number) / passwords.FILE
    return read(path.read_bytes()) if path.exists() else None


def counting(secrecy: Secrecy) -> list[str]:
    """The passwords that count."""
    return [each.password for each in secrecy.candidates(time()) if each.counts]


def test_a_change_goes_to_all_and_breaks_no_connection(tmp_path: Path) -> None:
    async def test() -> None:
        async with member(1, tmp_path) as (one, first), member(2, tmp_path, one.target) as (two, second):
            async with member(3, tmp_path, two.target) as (three, third):
                await until(lambda: connected(one, two)() and connected(two, three)(), within=15)
                await first.change("new", 60)
                await until(lambda: all(counting(each) == ["new", "old"] for each in (first, second, third)))
                await until(lambda: all(kept(tmp_path, each) for each in (1, 2, 3)))
                for number in (1, 2, 3):
                    keyring = kept(tmp_path, number)
                    assert keyring is not None
                    assert (keyring.password, keyring.former) == ("new", "old")
                    mode = (tmp_path / str(number) / passwords.FILE).stat().st_mode
                    assert stat.S_IMODE(mode) == 0o600
                await asyncio.sleep(0.3)
                assert not one.terminations + two.terminations + three.terminations
            # One that was away has the old password, and is told; one with the new one alone gets in, too.
            async with (
                member(4, tmp_path, one.target) as (four, fourth),
                member(5, tmp_path, one.target, keyring=Keyring("new")) as (five, fifth),
            ):
                await until(lambda: connected(one, four)() and connected(one, five)(), within=15)
                await until(lambda: counting(fourth) == ["new", "old"] and "new" in counting(fifth))

    asyncio.run(test())


def test_without_grace_the_old_password_counts_no_more_at_once(tmp_path: Path) -> None:
    async def test() -> None:
        async with member(1, tmp_path) as (one, first), member(2, tmp_path, one.target) as (two, second):
            await until(connected(one, two), within=15)
            await first.change("new", 0)
            await until(lambda: counting(second) == ["new"])
            assert connected(one, two)()
            async with member(3, tmp_path, one.target) as (three, _):
                await until(lambda: "changed while this host was away" in "".join(three.errors), within=15)

    asyncio.run(test())


def test_two_sides_that_changed_it_apart_agree_on_the_later_one(tmp_path: Path) -> None:
    async def test() -> None:
        now = time()
        here = Keyring("old").replaced("here", now - 20, now + 60)
        there = Keyring("old").replaced("there", now - 10, now + 60)
        async with (
            member(1, tmp_path, keyring=here) as (one, first),
            member(2, tmp_path, one.target, keyring=there) as (two, second),
        ):
            await until(connected(one, two), within=15)
            await until(lambda: counting(first)[0] == counting(second)[0] == "there")

    asyncio.run(test())


def test_a_change_far_in_the_future_is_nobody_s(tmp_path: Path) -> None:
    async def test() -> None:
        far = Keyring("old").replaced("far", time() + 10 * 86400, time() + 11 * 86400)
        async with (
            member(1, tmp_path) as (one, first),
            member(2, tmp_path, one.target, keyring=far) as (two, _),
        ):
            await until(connected(one, two), within=15)
            await asyncio.sleep(0.3)
            assert counting(first) == ["old"]
            await first.change("new", 60)
            assert counting(first) == ["new", "old"]

    asyncio.run(test())


def test_a_change_that_can_t_be_kept_is_none(tmp_path: Path) -> None:
    async def test() -> None:
        async with member(1, tmp_path) as (_, secrecy):
            (tmp_path / "1").rmdir()
            with pytest.raises(HostError, match="can't keep the password"):
                await secrecy.change("new", 60)
            assert counting(secrecy) == ["old"]

    asyncio.run(test())
