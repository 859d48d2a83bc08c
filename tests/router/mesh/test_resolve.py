from __future__ import annotations

import asyncio
import socket

import pytest

from weave_http.addresses import PeerAddress, parse_ip, parse_peer_address
from weave_http.errors import HostError, UsageError
from weave_http.router.mesh.resolve import resolve
from weave_http.router.mesh.topology import Address


def _resolve(text: str) -> list[Address]:
    return asyncio.run(resolve(parse_peer_address(text), 6783))


def test_an_address_is_where_it_says_with_the_port_that_is_meant() -> None:
    assert _resolve("192.0.2.1") == [Address(parse_ip("192.0.2.1"), 6783)]
    assert _resolve("192.0.2.1:7000") == [Address(parse_ip("192.0.2.1"), 7000)]


def test_a_name_is_where_the_resolver_says() -> None:
    assert Address(parse_ip("127.0.0.1"), 6783) in _resolve("localhost")


def test_all_addresses_of_a_name_are_returned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*_: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (ip, 6783)) for ip in ("192.0.2.2", "192.0.2.1", "192.0.2.2")]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    assert _resolve("two") == [Address(parse_ip(f"192.0.2.{number}"), 6783) for number in (1, 2)]


def test_a_name_without_an_address_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(HostError, match="nowhere does not resolve: name or service not known"):
        _resolve("nowhere")


def test_what_this_version_can_not_dial_is_refused() -> None:
    with pytest.raises(UsageError):
        asyncio.run(resolve(PeerAddress("2001:db8::1"), 6783))
