"""What a stranger may try on a router with a password, and what he gets for it."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.router.mesh.loopback import PORT, Node, Stranger, connected, ip, until
from tests.router.mesh.worlds import hello, name
from tests.router.secrecy.loopback import PASSWORD, Dialler, encrypted, node
from weave_http.addresses import parse_ipv4
from weave_http.operations.passwords import GUESSES_PER_SECOND
from weave_http.router.mesh import accepting, codec
from weave_http.router.mesh.messages import Refuse
from weave_http.router.secrecy import budget, certificate
from weave_http.router.secrecy.budget import Budget
from weave_http.router.secrecy.proof import CONFIRMATION_SIZE, MESSAGE_SIZE, Proof

OPENING = bytes((1, 1))
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listener(number: int, serve: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A stranger that listens; yields how others spell it."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(served, str(ip(number)), PORT, ssl=tls)
    async with server:
        yield f"{ip(number)}:{PORT}"


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray) -> None:
    """Pass on what comes, and keep it."""
    while data := await reader.read(65536):
        record += data
        writer.write(data)


@asynccontextmanager
async def wire_tap(it: Node, number: int) -> AsyncIterator[tuple[str, bytearray, bytearray]]:
    """A place in between that passes on what it hears; yields where it listens, and what went there and back."""
    there, back = bytearray(), bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward = await asyncio.open_connection(str(it.me.host), it.me.port, local_addr=(str(ip(number)), 0))
        tasks = [asyncio.create_task(work) for work in (copy(reader, onward[1], there), copy(onward[0], writer, back))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        onward[1].transport.abort()

    async with listener(number, serve) as target:
        yield target, there, back


def test_who_listens_on_the_wire_reads_neither_names_nor_the_password_and_can_replay_nothing() -> None:
    async def test() -> None:
        async with node(1, channel=encrypted()) as one, wire_tap(one, 9) as (target, there, back):
            async with node(2, target, channel=encrypted()) as two:
                await until(connected(one, two), within=15)
                await until(lambda: one.peer(2) is not None and two.peer(1) is not None)
            heard = bytes(there + back)
            assert len(heard) > 1000
            for secret in (b"weave", b"host1", b"host2", name(1).encode(), PASSWORD.encode(), PASSWORD[:7].encode()):
                assert secret not in heard
            await until(lambda: not one.connections)
            async with await Stranger.meet(one) as stranger:
                stranger.writer.write(there)
                assert await stranger.ends()
            assert not one.connections

            async def replay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.read(1)
                writer.write(back)
                await reader.read()

            async with listener(8, replay) as target, node(2, target, channel=encrypted()) as two:
                await until(lambda: any(two.errors), within=15)
                assert not two.connections

    asyncio.run(test())


def test_who_stands_in_between_gets_in_at_neither_side(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        caplog.set_level(logging.INFO)
        async with node(1, channel=encrypted()) as one:

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                async with await Dialler.meet(one) as onward:
                    await asyncio.wait(
                        [
                            asyncio.create_task(copy(reader, onward.writer, bytearray())),
                            asyncio.create_task(copy(onward.reader, writer, bytearray())),
                        ]
                    )

            async with (
                listener(9, serve, tls=certificate.make().server) as target,
                node(2, target, channel=encrypted()) as two,
            ):
                await until(lambda: two.errors == ["another password there"], within=15)
                await until(lambda: "refused: another password there" in caplog.text)
                assert not one.connections

    asyncio.run(test())


def test_a_wrong_guess_hears_nothing_to_check_another_guess_by() -> None:
    async def test() -> None:
        async with node(1, channel=encrypted()) as one:
            for confirmation in (None, bytes(CONFIRMATION_SIZE), b"\xff" * CONFIRMATION_SIZE):
                async with await Dialler.meet(one) as stranger:
                    guess = Proof("hunter2", dialled=True, fingerprint=stranger.fingerprint, run=0)
                    stranger.writer.write(OPENING + guess.message)
                    said = await stranger.reader.readexactly(len(OPENING) + MESSAGE_SIZE)
                    guess.finish(said[len(OPENING) :])
                    stranger.writer.write((confirmation or guess.confirmation(counts=True)) + b"\1")
                    assert await stranger.hears() == b"\0"
            assert not one.connections

    asyncio.run(test())


@pytest.mark.parametrize("answer", [b"\1" + bytes(CONFIRMATION_SIZE) + b"\1", b"\0", b"", b"\1\1"])
def test_who_answers_without_the_password_is_no_peer(answer: bytes) -> None:
    async def test() -> None:
        mine = certificate.make()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(len(OPENING))
            writer.write(OPENING)
            guess = Proof("hunter2", dialled=False, fingerprint=mine.fingerprint, run=0)
            guess.finish(await reader.readexactly(MESSAGE_SIZE))
            writer.write(guess.message)
            await reader.readexactly(CONFIRMATION_SIZE + 1)
            writer.write(answer)
            await writer.drain()
            writer.write_eof() if writer.can_write_eof() else writer.close()

        async with (
            listener(9, serve, tls=mine.server) as target,
            node(2, target, channel=encrypted()) as two,
        ):
            await until(lambda: any(two.errors), within=15)
            assert not two.connections

    asyncio.run(test())


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0\1",
        b"\1\0",
        b"\1\3",
        codec.prelude(),
        OPENING + b"A" + bytes(32),  # no point of the curve that has an order worth having
        OPENING + b"A" + b"\1" + bytes(31),  # the neutral element
        OPENING + b"A" + b"\xec" + b"\xff" * 30 + b"\x7f",  # of order 2
        OPENING + b"A" + b"\xff" * 32,
        OPENING + b"B" + bytes(32),
        bytes(range(256)) * 40,
    ],
    ids=len,
)
def test_garbage_inside_of_tls_costs_only_the_connection(garbage: bytes) -> None:
    async def test() -> None:
        async with node(1, channel=encrypted()) as one:
            async with await Dialler.meet(one) as stranger:
                stranger.writer.write(garbage)
                if not garbage:
                    stranger.writer.close()
                assert len(await stranger.hears()) <= len(OPENING)
            async with node(2, one.target, channel=encrypted()) as two:
                await until(connected(one, two), within=15)

    asyncio.run(test())


def test_nobody_is_talked_down_to_plain_or_to_an_older_tls() -> None:
    async def test() -> None:
        async with node(1, channel=encrypted()) as one:
            async with await Stranger.meet(one) as stranger:
                stranger.writer.write(codec.prelude())
                stranger.say(hello(9))
                assert await stranger.reader.readexactly(codec.PRELUDE_SIZE) == codec.prelude()
                refused = await stranger.hear()
                assert isinstance(refused, Refuse)
                assert refused.code == "secret"
                assert "host1" not in refused.reason
                assert await stranger.ends()
            older = certificate.client()
            older.minimum_version = ssl.TLSVersion.TLSv1_2
            older.maximum_version = ssl.TLSVersion.TLSv1_2
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection(str(one.me.host), one.me.port, ssl=older, server_hostname="")
            assert not one.connections

        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(codec.prelude())
            await reader.read()

        async with listener(9, plain) as target, node(2, target, channel=encrypted()) as two:
            await until(lambda: any(two.errors), within=15)
            assert "TLS" in two.errors[0]
            assert not two.connections

    asyncio.run(test())


def test_a_thousand_half_open_handshakes_hold_up_nobody_else_for_long(caplog: pytest.LogCaptureFixture) -> None:
    async def half_open(it: Node, number: int) -> None:
        """Connect, say nothing or the beginning of TLS, and stay."""
        with suppress(OSError):
            _, writer = await asyncio.open_connection(str(it.me.host), it.me.port, local_addr=(str(ip(number)), 0))
            if number % 2:
                writer.write(b"\x16\x03\x01")
            try:
                await asyncio.Event().wait()
            finally:
                writer.transport.abort()

    async def test(sources: int) -> None:
        async with node(1, channel=encrypted()) as one:
            before = len(os.listdir("/proc/self/fd"))
            crowd = [asyncio.create_task(half_open(one, 200 + each % sources)) for each in range(1000)]
            await asyncio.sleep(0.5)
            async with node(2, one.target, channel=encrypted()) as two:
                await until(connected(one, two), within=20)
                for task in crowd:
                    task.cancel()
                await asyncio.gather(*crowd, return_exceptions=True)
                await asyncio.sleep(0)
                held = len(os.listdir("/proc/self/fd")) - before
                assert held < accepting.MOST_HANDSHAKES + 20, "what a stranger holds is bounded"

    caplog.set_level(logging.INFO)
    for sources in (1, 16):
        asyncio.run(test(sources))
    assert "more than 16 handshakes from there at once" in caplog.text
    assert len(caplog.messages) < 200, "nor does the log grow with the crowd"


def test_a_stranger_who_guesses_on_is_cut_off_before_anything_is_computed(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        caplog.set_level(logging.INFO)
        async with node(1, channel=encrypted()) as one:
            answers = 0
            for _ in range(budget.BURST_OF_ONE + 4):
                async with await Dialler.meet(one) as stranger:
                    guess = Proof("hunter2", dialled=True, fingerprint=stranger.fingerprint, run=0)
                    stranger.writer.write(OPENING + guess.message + bytes(CONFIRMATION_SIZE + 1))
                    answers += len(await stranger.hears()) > len(OPENING)
            assert answers < budget.BURST_OF_ONE + 4
            assert "too many wrong passwords" in caplog.text
            async with node(2, one.target, channel=encrypted()) as two:
                await until(connected(one, two), within=15)

    asyncio.run(test())


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 2)), max_size=400))
def test_strangers_get_no_more_guesses_than_the_page_says(tries: list[tuple[int, float]]) -> None:
    it, now, taken = Budget(), 1000.0, 0
    by_source: dict[int, int] = {}
    for source, wait in tries:
        now += wait
        if it.take(parse_ipv4(f"192.0.2.{source}"), now):
            taken += 1
            by_source[source] = by_source.get(source, 0) + 1
    spent = now - 1000.0
    assert taken <= budget.BURST + GUESSES_PER_SECOND * spent + 1
    assert all(count <= budget.BURST_OF_ONE + spent / budget.INTERVAL_OF_ONE + 1 for count in by_source.values())


def test_who_has_proved_the_password_is_not_held_up_by_strangers() -> None:
    it = Budget()
    friend = parse_ipv4("192.0.2.200")
    assert it.take(friend, 0.0)
    it.proved(friend, 1)
    for source in range(1, 200):
        it.take(parse_ipv4(f"192.0.2.{source}"), 0.0)
    assert not it.take(parse_ipv4("198.51.100.1"), 0.0)
    for _ in range(100):
        assert it.take(friend, 0.0)
        it.proved(friend, 1)


@settings(max_examples=12, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=9), st.text(min_size=1, max_size=9))
def test_a_proof_holds_for_one_password_one_certificate_and_one_run(shown: bytes, one: str, other: str) -> None:
    def keys(a: str, b: str, seen: bytes = shown, run: int = 0) -> tuple[Proof, Proof]:
        dialler = Proof(a, dialled=True, fingerprint=seen, run=run)
        listener = Proof(b, dialled=False, fingerprint=shown, run=0)
        return dialler.finish(listener.message), listener.finish(dialler.message)

    dialler, listener = keys(one, one)
    assert listener.confirms(dialler.confirmation(counts=True), counts=True)
    assert dialler.confirms(listener.confirmation(counts=False), counts=False)
    assert not dialler.confirms(listener.confirmation(counts=False), counts=True)
    assert not dialler.confirms(dialler.confirmation(counts=True), counts=True)
    others = [
        keys(one, one, sha256(shown).digest()),
        keys(one, one, run=1),
        *([keys(one, other)] if one != other else []),
    ]
    for dialler, listener in others:
        assert not listener.confirms(dialler.confirmation(counts=True), counts=True)
        assert not dialler.confirms(listener.confirmation(counts=True), counts=True)
