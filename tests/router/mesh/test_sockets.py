from __future__ import annotations

import asyncio
import errno
import socket
import time
from typing import Any

import pytest

from tests.router.mesh.loopback import ip
from weave_http.addresses import parse_ip
from weave_http.errors import HostError
from weave_http.router.mesh import sockets
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.topology import Address


def test_a_dialled_socket_comes_from_the_given_address() -> None:
    async def test() -> None:
        (socket_of_one,) = sockets.listen(ip(1), 7001)
        with socket_of_one as listening:
            dialling = asyncio.create_task(sockets.dial(Address(ip(1), 7001), ip(2), LoopClock()))
            taken, (remote, _) = await asyncio.get_running_loop().sock_accept(listening)
            with taken, await dialling:
                assert remote == str(ip(2))

    asyncio.run(test())


def test_a_port_where_nobody_listens_is_refused_and_the_socket_closed() -> None:
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(sockets.dial(Address(ip(1), 7002), sockets.ANY, LoopClock()))


def test_a_router_listens_on_both_families_side_by_side() -> None:
    found = sockets.listen(sockets.ANY, 17001)
    try:
        assert [sock.family for sock in found] == [socket.AF_INET, socket.AF_INET6]
        for ip in ("127.0.0.1", "::1"):
            with asyncio.run(sockets.dial(Address(parse_ip(ip), 17001), sockets.ANY, LoopClock())) as dialled:
                assert dialled.getpeername()[0] == ip
        with pytest.raises(HostError, match="TCP port 17001 is taken"):
            sockets.listen(sockets.ANY_6, 17001)
    finally:
        for sock in found:
            sock.close()


def test_a_taken_port_of_one_family_leaves_none_of_the_other_open() -> None:
    with socket.create_server(("::1", 17002), family=socket.AF_INET6):
        with pytest.raises(HostError, match="TCP port 17002 is taken"):
            sockets.listen(sockets.ANY, 17002)
        with socket.create_server(("0.0.0.0", 17002)):  # noqa: S104 (for a moment; it shows that nobody listens)
            pass


def test_a_host_whose_kernel_has_no_ipv6_listens_on_ipv4_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutIPv6(socket.socket):
        def __init__(self, family: int = -1, *more: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *more)

    monkeypatch.setattr(socket, "socket", WithoutIPv6)
    (listening,) = sockets.listen(sockets.ANY, 17003)
    with listening:
        assert listening.family == socket.AF_INET
    there = Address(parse_ip("2001:db8::1"), 6783)
    with pytest.raises(OSError, match="not supported") as failure:
        asyncio.run(sockets.dial(there, sockets.ANY, LoopClock()))
    assert "this host has no IPv6 that leads to 2001:db8::1" in sockets.unreached(there, failure.value)
    assert not sockets.is_own(parse_ip("2001:db8::1"))


@pytest.mark.parametrize(
    ("source", "there", "said"),
    [
        ("127.0.0.1", "::1", "uses 127.0.0.1 alone (--host), and ::1 is of IPv6"),
        ("::", "127.0.0.1", "uses IPv6 alone (--host), and 127.0.0.1 is of IPv4"),
    ],
)
def test_an_address_that_was_picked_dials_its_own_family_only(source: str, there: str, said: str) -> None:
    with pytest.raises(HostError) as failure:
        asyncio.run(sockets.dial(Address(parse_ip(there), 7001), parse_ip(source), LoopClock()))
    assert said in str(failure.value)


def test_an_address_of_another_host_can_not_be_listened_on() -> None:
    with pytest.raises(HostError, match=r"can't listen on 192\.0\.2\.1:6783"):
        sockets.listen(parse_ip("192.0.2.1"), 6783)


def test_own_addresses_are_told_from_others() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))
        own = parse_ip(sock.getsockname()[0])
    assert sockets.is_own(own)
    assert sockets.is_own(parse_ip("127.0.0.1"))
    assert sockets.is_own(parse_ip("127.9.9.9"))
    assert not sockets.is_own(parse_ip("192.0.2.1"))
    assert sockets.is_own(parse_ip("::1"))
    assert not sockets.is_own(parse_ip("2001:db8::1"))


def test_why_nobody_was_reached_names_the_port_and_what_to_open() -> None:
    there = Address(parse_ip("192.0.2.1"), 6783)
    silent = sockets.unreached(there, TimeoutError())
    assert silent == (
        "no answer from TCP port 6783: the host is down, or a firewall drops it;"
        " let TCP 6783 and UDP 6784 through there"
    )
    assert "TCP 7000 and UDP 7001" in sockets.unreached(Address(there.ip, 7000), TimeoutError())
    assert "no router listens on TCP port 6783" in sockets.unreached(there, OSError(errno.ECONNREFUSED, "x"))
    assert sockets.unreached(there, OSError(errno.EHOSTUNREACH, "x")).startswith("no route to host from TCP port 6783")
    assert sockets.unreached(there, OSError(errno.ENETUNREACH, "x")) == "network is unreachable"


def test_what_a_kernel_acknowledged_is_answered_though_nobody_reads_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sock:
        assert sockets.unanswered(sock) is None
        sock.sendall(b"x")
        deadline = time.monotonic() + 10
        while sockets.unanswered(sock) is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_where_there_is_no_tcp_nothing_is_said_of_answers() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"x")
        assert sockets.unanswered(one) is None
