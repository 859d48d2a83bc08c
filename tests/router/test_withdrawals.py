"""What was taken from containers while no router ran: the next one finds it noted, and acts by it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.addresses import parse_cidr, parse_ip
from weave_http.host.withdrawals import packed, read
from weave_http.records import replace
from weave_http.router.addresses.service import EXPOSED
from weave_http.router.addresses.standing import Memory
from weave_http.router.names.register import Name
from weave_http.router.state import Exposure, Kept, State
from weave_http.router.store import FILE, Store
from weave_http.router.withdrawals import heed, without

ID, OTHER = "0123456789abcdef" * 4, "ab" * 32
A, B = parse_cidr("10.32.0.1/12"), parse_cidr("fd00::2/64")
STATE = State(
    "7a:00:00:00:00:01",
    attachments={ID: (A, B), OTHER: (A,)},
    exposed={A: Exposure()},
    names=frozenset(Name("a.weave.local", parse_ip(ip), ID) for ip in ("10.32.0.1", "fd00::2")),
    kept=Kept("7a:00:00:00:00:01", (ip_network("10.32.0.0/12"),), Memory(5), {ID: (A,), EXPOSED: (A,)}),
)


def start(folder: Path) -> Store:
    """Begin as a router does, and end."""

    async def begin() -> Store:
        store = Store(folder)
        await heed(folder, store)
        await store.close()
        return store

    return asyncio.run(begin())


def kept(folder: Path, *notes: bytes) -> None:
    """Have a router's folder with a state in it, and notes."""

    async def keep() -> None:
        store = Store(folder)
        await store.change(lambda _: STATE)
        await store.close()

    asyncio.run(keep())
    for number, each in enumerate(notes):
        (folder / f"withdrawn-{number}.json").write_bytes(each)


def test_an_owner_loses_these_addresses_their_names_and_nothing_else() -> None:
    after = without(STATE, ID, [A, parse_cidr("10.9.9.9/24")])
    assert after.attachments == {ID: (B,), OTHER: (A,)}
    assert [str(name.address) for name in after.names] == ["fd00::2"]
    assert after.kept is not None
    assert (after.kept.held, after.exposed) == ({EXPOSED: (A,)}, STATE.exposed)
    hidden = without(STATE, EXPOSED, [A])
    assert hidden.kept is not None
    assert (hidden.exposed, hidden.kept.held) == ({}, {ID: (A,)})
    assert replace(hidden, exposed=STATE.exposed, kept=STATE.kept) == STATE


def test_notes_are_heeded_once_and_what_makes_no_sense_stops_nobody(tmp_path: Path) -> None:
    kept(tmp_path, packed(ID, [A]), b"{", b'{"owner": 1, "addresses": ["x"]}', b"[" * 9999, packed(ID, [B]))
    assert start(tmp_path).state.attachments == {OTHER: (A,)}
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert start(tmp_path).state.attachments == {OTHER: (A,)}


def test_what_can_not_be_written_is_heeded_now_and_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path, packed(ID, [A, B]))

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("weave_http.router.database.write_difference", full)
        assert start(tmp_path).state.attachments == {OTHER: (A,)}
    assert Store(tmp_path).state == STATE
    assert start(tmp_path).state.attachments == {OTHER: (A,)}
    assert Store(tmp_path).state.attachments == {OTHER: (A,)}


@given(st.binary(max_size=40))
def test_a_note_is_read_or_refused(content: bytes) -> None:
    with suppress(ValueError):
        read(content)
