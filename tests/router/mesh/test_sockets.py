from __future__ import annotations

import asyncio
import errno
import socket
import time

import pytest

from tests.router.mesh.loopback import ip
from weave_http.addresses import parse_ip
from weave_http.errors import HostError
from weave_http.router.mesh import sockets
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.topology import Address


def test_a_dialled_socket_comes_from_the_given_address() -> None:
    async def test() -> None:
        with sockets.listen(ip(1), 7001) as listening:
            dialling = asyncio.create_task(sockets.dial(Address(ip(1), 7001), ip(2), LoopClock()))
            taken, (remote, _) = await asyncio.get_running_loop().sock_accept(listening)
            with taken, await dialling:
                assert remote == str(ip(2))

    asyncio.run(test())


def test_a_port_where_nobody_listens_is_refused_and_the_socket_closed() -> None:
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(sockets.dial(Address(ip(1), 7002), sockets.ANY, LoopClock()))


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
