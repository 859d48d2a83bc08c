from __future__ import annotations

import asyncio
import socket

import pytest

from weave_http.addresses import parse_ip, parse_peer_address
from weave_http.errors import HostError
from weave_http.router.mesh.resolve import resolve
from weave_http.router.mesh.topology import Address


def _resolve(text: str) -> list[Address]:
    return asyncio.run(resolve(parse_peer_address(text), 6783))


def test_an_address_is_where_it_says_with_the_port_that_is_meant() -> None:
    assert _resolve("192.0.2.1") == [Address(parse_ip("192.0.2.1"), 6783)]
    assert _resolve("192.0.2.1:7000") == [Address(parse_ip("192.0.2.1"), 7000)]
    assert _resolve("2001:db8::1") == [Address(parse_ip("2001:db8::1"), 6783)]
    assert _resolve("[2001:db8::1]:7000") == [Address(parse_ip("2001:db8::1"), 7000)]


def test_a_name_is_where_the_resolver_says() -> None:
    assert Address(parse_ip("127.0.0.1"), 6783) in _resolve("localhost")


def test_all_addresses_of_a_name_are_returned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*_: object) -> list[tuple[object, ...]]:
        texts = "2001:db8::1", "192.0.2.2", "192.0.2.1", "192.0.2.2", "fe80::1%eth0"
        return [(0, 0, 0, "", (ip, 6783)) for ip in texts]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    wanted = [Address(parse_ip(ip), 6783) for ip in ("192.0.2.1", "192.0.2.2", "2001:db8::1")]
    assert _resolve("two") == wanted, "those of IPv4 first, and none that is one link's alone"


def test_a_name_without_an_address_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(HostError, match="nowhere does not resolve: name or service not known"):
        _resolve("nowhere")


def test_a_name_with_link_local_addresses_alone_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [(0, 0, 0, "", ("fe80::1%eth0", 6783))])
    with pytest.raises(HostError, match="near does not resolve: it has link-local addresses alone"):
        _resolve("near")
