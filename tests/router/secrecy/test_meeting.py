"""Routers with and without passwords meet: who gets in, and what those are told who don't."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.router.mesh.loopback import connected, ip, until
from tests.router.secrecy.loopback import PASSWORD, encrypted, node
from weave_http.router.mesh.channels import Channel
from weave_http.router.secrecy.channel import Encrypted
from weave_http.router.secrecy.keyring import Keyring

OLD = Keyring("the old one")
IN_GRACE = OLD.replaced("the new one", 1.0, 1e11)
AFTER = OLD.replaced("the new one", 1.0, 2.0)


def test_three_nodes_with_one_password_mesh_and_say_that_data_is_not_for_all() -> None:
    async def test() -> None:
        async with (
            node(1, channel=encrypted()) as one,
            node(2, one.target, channel=encrypted()) as two,
            node(3, one.target, two.target, channel=encrypted()) as three,
        ):
            await until(connected(one, two, three), within=15)
            assert not any(each.clear for it in (one, two, three) for each in it.connections.values())
            await asyncio.sleep(2.5)  # a heartbeat, and its acknowledgement
            assert one.terminations == two.terminations == three.terminations == 0

    asyncio.run(test())


@pytest.mark.parametrize(
    ("dialler", "listener", "told", "logged"),
    [
        (None, encrypted, "a password is set there, and none here", "no password there, and one is set here"),
        (encrypted, None, "no password there, and one is set here", "a password is set there, and none here"),
        (lambda: encrypted("another"), encrypted, "another password there", "another password there"),
    ],
    ids=["only the listener has one", "only the dialler has one", "both have one"],
)
def test_both_sides_say_why_they_don_t_connect(
    dialler: type[Encrypted] | None,
    listener: type[Encrypted] | None,
    told: str,
    logged: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def channel(make: object) -> Channel | None:
        return make() if callable(make) else None

    async def test() -> None:
        caplog.set_level(logging.INFO)
        async with node(1, channel=channel(listener)) as one, node(2, one.target, channel=channel(dialler)) as two:
            await until(lambda: two.errors == [told], within=15)
            await until(lambda: any(f"refused: {logged}" in line for line in caplog.messages))
            assert not one.connections
            assert not two.connections
            (target,) = two.targets
            assert target.next_at - two.now() > 30  # it is no use to try again soon
            assert PASSWORD not in caplog.text

    asyncio.run(test())


@pytest.mark.parametrize("one_has", [OLD, IN_GRACE, Keyring("the new one")], ids=["the old", "both", "the new"])
@pytest.mark.parametrize("outbound", [True, False])
def test_while_both_passwords_are_taken_either_one_will_do(one_has: Keyring, outbound: bool) -> None:
    async def test() -> None:
        here, there = (IN_GRACE, one_has) if outbound else (one_has, IN_GRACE)
        async with node(1, channel=encrypted(here)) as one, node(2, one.target, channel=encrypted(there)) as two:
            await until(connected(one, two), within=15)

    asyncio.run(test())


@pytest.mark.parametrize("outbound", [True, False])
def test_who_has_the_old_password_after_that_time_is_told_so(outbound: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        caplog.set_level(logging.INFO)
        here, there = (AFTER, OLD) if outbound else (OLD, AFTER)
        late = "the password was changed while this host was away: launch it again with the new one"
        news = "the password was changed, and the other side still has the old one: launch it again with the new one"
        async with node(1, channel=encrypted(here)) as one, node(2, one.target, channel=encrypted(there)) as two:
            await until(lambda: two.errors == [late if outbound else news], within=15)
            await until(lambda: any(f"refused: {news if outbound else late}" in line for line in caplog.messages))
            assert not one.connections

    asyncio.run(test())


def test_data_may_be_in_the_clear_only_if_both_sides_say_so() -> None:
    async def test() -> None:
        def trusting(*numbers: int) -> Encrypted:
            return Encrypted(Keyring(PASSWORD).candidates, lambda address: address in map(ip, numbers))

        async with (
            node(1, channel=trusting(2, 3)) as one,
            node(2, one.target, channel=trusting(1)) as two,
            node(3, one.target, two.target, channel=trusting()) as three,
        ):
            await until(connected(one, two, three), within=15)
            assert one.connections[two.me.name].clear
            assert two.connections[one.me.name].clear
            assert not one.connections[three.me.name].clear
            assert not three.connections[one.me.name].clear

    asyncio.run(test())


def test_without_a_password_all_data_may_be_in_the_clear() -> None:
    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two:
            await until(connected(one, two))
            assert one.connections[two.me.name].clear
            assert two.connections[one.me.name].clear

    asyncio.run(test())
