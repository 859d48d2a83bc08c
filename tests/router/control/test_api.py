from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tests.router.control.test_status import REPORT
from weave_http import __version__
from weave_http.addresses import Cidr, parse_cidr, parse_ip, parse_peer_address
from weave_http.errors import HostError, WeaveError
from weave_http.host.router_client import NotOffered, RouterClient, RouterError, RouterUnavailable
from weave_http.router.control.as_json import as_json
from weave_http.router.control.control import Control
from weave_http.router.control.http_api import Api
from weave_http.router.control.late_server import LateServer
from weave_http.router.control.name_routes import routes, routes_when_off
from weave_http.router.control.report import Report
from weave_http.router.mesh.identity import PeerName
from weave_http.router.names.gossip import NameGossip
from weave_http.router.names.options import DnsOptions
from weave_http.router.names.service import NameService
from weave_http.router.rejoin import Joined
from weave_http.router.state import Exposure, State
from weave_http.router.store import Store

_ID = "ab" * 32


class Pretender(Control):
    """Stands for the router behind the API and notes what it is asked to do."""

    def __init__(self) -> None:
        self.ready = True
        self.done: list[str] = []
        self.complaints: list[str] = []
        self.failure: WeaveError | None = None
        self._addresses = self._names = None
        self._enforce = False
        self.overlay = cast("Any", self)
        self.store = cast("Any", self)
        self.reattacher = cast("Any", self)
        self.removed: set[str] = set()
        self.state = State(exposed={parse_cidr("10.2.1.254/24"): Exposure()})

    def status(self, section: str) -> str | None:
        return {"": "summary\n", "peers": "peers\n"}.get(section)

    @property
    def report(self) -> Report:
        return REPORT

    def is_removed(self, container: str) -> bool:
        return container in self.removed

    async def connect(self, peers: Sequence[str], *, instead: bool) -> list[str]:
        self.done.append(f"connect {' '.join(peers)}{' instead' if instead else ''}")
        return self.complaints

    async def forget(self, peers: Collection[str]) -> None:
        self.done.append(f"forget {' '.join(peers)}")

    def again(self, containers: Collection[str]) -> None:
        self.done += [f"join {each} again" for each in containers]

    async def change(self, edit: Callable[[State], State]) -> None:
        if self.failure:
            raise self.failure
        self.state = edit(self.state)

    async def expose(self, addresses: Collection[Cidr], *, masquerade: bool, name: str) -> None:
        if self.failure:
            raise self.failure
        self.done.append(f"expose {' '.join(map(str, addresses))} {masquerade} {name}".rstrip())

    async def hide(self, addresses: Collection[Cidr]) -> None:
        self.done.append(f"hide {' '.join(map(str, addresses))}")

    async def remove_peer(self, who: str) -> int:
        self.done.append(f"remove {who}")
        return 0

    async def leave(self) -> None:
        self.done.append("leave")


def server_of(api: Api, port: int) -> LateServer:
    return LateServer("127.0.0.1", port, lambda: api.runner, when_taken="another router runs there")


class Served:
    """The API at a free port, in a thread of its own."""

    def __init__(self) -> None:
        self.control = Pretender()
        self.names: NameService | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.client = RouterClient(port=self.port)

    @contextmanager
    def running(self) -> Iterator[None]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        more = routes(self.names) if self.names else routes_when_off()
        api = server_of(Api(self.control, "127.0.0.1", more=more), self.port)
        try:
            asyncio.run_coroutine_threadsafe(api.start(), loop).result(10)
            yield
        finally:
            asyncio.run_coroutine_threadsafe(api.stop(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()

    def raw(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


@pytest.fixture
def served() -> Iterator[Served]:
    it = Served()
    with it.running():
        yield it


def test_texts_and_the_report_come_through(served: Served) -> None:
    client = served.client
    assert (client.status(), client.status("peers"), client.version()) == ("summary\n", "peers\n", __version__)
    assert client.report() == as_json(REPORT)


def test_the_report_is_json_to_read_and_templates_are_for_the_command(served: Served) -> None:
    status, text = served.raw("GET", "/report")
    assert (status, text.splitlines()[:2]) == (200, ["{", '    "Router": {'])
    assert served.raw("GET", "/report?format=%7B%7B.Ready%7D%7D") == (
        400,
        "templates are filled by `weave report -f`; this is JSON alone\n",
    )


def test_a_peer_that_is_gone_has_left_no_addresses(served: Served) -> None:
    assert served.client.remove_peer("aa:00:00:00:00:01") == "0 IPs taken over from aa:00:00:00:00:01"
    assert served.client.remove_peer("host 2/a") == "0 IPs taken over from host 2/a"
    assert served.control.done == ["remove aa:00:00:00:00:01", "remove host 2/a"]


def test_peers_are_connected_replaced_and_forgotten(served: Served) -> None:
    served.client.connect([parse_peer_address("h1"), parse_peer_address("h2:1")])
    served.client.connect([parse_peer_address("h3")], replace=True)
    served.client.forget([parse_peer_address("h1"), parse_peer_address("h2:1")])
    served.client.leave()
    assert served.control.done == ["connect h1 h2:1", "connect h3 instead", "forget h1 h2:1", "leave"]


def test_complaints_are_one_line_together(served: Served) -> None:
    served.control.complaints = ["a: no", "b: no"]
    with pytest.raises(RouterError, match=r"^a: no; b: no$"):
        served.client.connect([parse_peer_address("a"), parse_peer_address("b")])
    assert served.raw("POST", "/connect", b"peer=a&peer=b", Content_Type="application/x-www-form-urlencoded") == (
        400,
        "a: no\nb: no\n",
    )


def test_what_is_taken_over_comes_to_what_is_kept_already() -> None:
    control = Pretender()
    first, second = parse_cidr("10.2.1.1/24"), parse_cidr("10.2.2.1/24")
    control.state = State(attachments={_ID: (first,)})
    asyncio.run(control.adopt(_ID, Joined((second, first), "")))
    assert control.state.attachments == {_ID: (first, second)}
    control._enforce = True
    asyncio.run(control.adopt(_ID, Joined((parse_cidr("10.2.3.1/24"),), "")))
    assert control.state.attachments == {_ID: (first, second)}, "it may have given itself that address"
    third = parse_cidr("10.2.4.1/24")
    asyncio.run(control.adopt(_ID, Joined((first, third), "", known=True)))
    assert control.state.attachments == {_ID: (first, second, third)}
    assert control.done == [f"join {_ID} again"]


def test_who_was_removed_meanwhile_is_not_kept(served: Served) -> None:
    served.control.removed.add(_ID)
    with pytest.raises(RouterError, match="abababababab is no more"):
        served.client.set_attachment(_ID, [parse_cidr("10.2.1.1/24")])
    assert served.client.attachments() == {}


def test_attachments_are_kept_listed_and_dropped(served: Served) -> None:
    served.client.set_attachment(_ID, [parse_cidr("10.2.1.1/24"), parse_cidr("10.2.2.1/24")])
    assert served.client.attachments() == {_ID: ["10.2.1.1/24", "10.2.2.1/24"]}
    for _ in range(2):
        served.client.delete_attachment(_ID)
    assert served.client.attachments() == {}


def test_the_host_is_exposed_and_hidden_by_several_addresses_at_once(served: Served) -> None:
    client = served.client
    client.expose([parse_cidr("10.2.1.254/24"), parse_cidr("10.2.2.254/24")])
    client.expose([parse_cidr("10.2.1.254/24")], masquerade=False, name="h1.weave.local")
    client.hide([parse_cidr("10.2.1.254/24"), parse_cidr("10.2.2.254/24")])
    assert served.control.done == [
        "expose 10.2.1.254/24 10.2.2.254/24 True",
        "expose 10.2.1.254/24 False h1.weave.local",
        "hide 10.2.1.254/24 10.2.2.254/24",
    ]
    assert client.exposed() == {"10.2.1.254/24": {"masquerade": True, "names": []}}
    served.control.failure = HostError("no rules")
    with pytest.raises(RouterError, match=r"^no rules$"):
        client.expose([parse_cidr("10.2.1.254/24")])


def test_weaves_own_paths_for_exposing_work(served: Served) -> None:
    assert served.raw("POST", "/expose/10.2.1.254/24")[0] == 204
    assert served.raw("POST", "/expose/10.2.1.254/24?skipNAT=true")[0] == 204
    assert served.raw("DELETE", "/expose/10.2.1.254/24")[0] == 204
    assert served.control.done == ["expose 10.2.1.254/24 True", "expose 10.2.1.254/24 False", "hide 10.2.1.254/24"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/expose", b"", 400),
        ("POST", "/expose", b"address=x", 400),
        ("POST", "/expose/10.2.1.300/24", b"", 400),
        ("POST", "/expose/10.2.1.1/24", b"fqdn=" + b"x" * 300, 400),
        ("DELETE", "/expose", None, 400),
        ("DELETE", "/expose/x/y", None, 400),
        ("GET", "/nowhere", None, 404),
        ("GET", "/status/nothing", None, 404),
        ("DELETE", "/status", None, 405),
        ("POST", "/connect", b"", 400),
        ("POST", "/forget", b"x=1", 400),
        ("PUT", f"/attachment/{_ID}", b"{", 400),
        ("PUT", f"/attachment/{_ID}", b"[]", 400),
        ("PUT", f"/attachment/{_ID}", b"{}", 400),
        ("PUT", f"/attachment/{_ID}", b"\xff\xfe", 400),
        ("PUT", f"/attachment/{_ID}", b'{"addresses": ["x"]}', 400),
        ("PUT", "/attachment/c1", b'{"addresses": ["10.2.1.1/24"]}', 400),
        ("DELETE", "/attachment/..%2f..", None, 400),
        ("PUT", f"/attachment/{_ID}", b" " * 300_000, 413),
        ("PUT", f"/attachment/{_ID}", b"[" * 200_000, 400),
    ],
)
def test_bad_requests_are_answered_by_a_line(
    served: Served, method: str, path: str, body: bytes | None, status: int
) -> None:
    got, text = served.raw(method, path, body, Content_Type="application/x-www-form-urlencoded")
    assert got == status
    assert 0 < len(text.splitlines()) <= 2
    assert "Traceback" not in text


@pytest.mark.parametrize("path", ["/connect", "/forget", "/expose", "/name"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"peer=a"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=" + "x" * 200, b""),
        ("application/x-www-form-urlencoded; charset=nope", b"peer=a"),
        ("application/x-www-form-urlencoded", b"peer=%ff&peer=\xff"),
        ("application/x-www-form-urlencoded; charset=utf-16", b"p"),
        ("text/plain; charset=\xe9", b"peer=a"),
    ],
)
def test_a_body_that_can_not_be_read_is_a_line_and_no_traceback(
    naming: Served, path: str, kind: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    method = "PUT" if path == "/name" else "POST"
    status, text = naming.raw(method, f"{path}/{_ID}/10.2.1.1" if path == "/name" else path, body, Content_Type=kind)
    assert 200 <= status < 500, text
    assert len(text.splitlines()) == (status >= 300), text
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET http://[::1/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
    ids=["line", "field", "no field", "no request", "no url", "tls"],
)
def test_what_is_no_request_is_refused_and_not_logged(
    served: Served, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read().decode()
    assert answer == "" or answer.split()[1].startswith("4"), answer
    assert "Traceback" not in answer
    assert len(answer) < 500, answer
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]


def test_a_failure_of_the_router_is_its_sentence(served: Served) -> None:
    served.control.failure = HostError("the disk is full")
    with pytest.raises(RouterError, match=r"^the disk is full$"):
        served.client.set_attachment(_ID, [parse_cidr("10.2.1.1/24")])


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "evil.example:6784"}, {"Origin": "http://evil.example"}]
)
def test_a_browser_cannot_be_made_to_talk_to_it(served: Served, headers: dict[str, str]) -> None:
    status, _ = served.raw("DELETE", "/peer", None, **headers)
    assert status == 403
    assert served.control.done == []


def test_localhost_is_this_host(served: Served) -> None:
    assert served.raw("GET", "/version", None, Host=f"localhost:{served.port}")[0] == 200


def test_before_it_is_ready_it_says_so(served: Served) -> None:
    served.control.ready = False
    with pytest.raises(RouterUnavailable, match="not ready yet"):
        served.client.status()
    assert served.raw("GET", "/status")[0] == 503
    assert served.client.version() == __version__


def test_no_router_is_one_line_with_advice() -> None:
    with pytest.raises(RouterUnavailable, match=r"no router answers at 127\.0\.0\.1:1; start one: weave launch"):
        RouterClient(port=1).status()


def test_something_else_at_the_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-x\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(RouterError, match=r"\(the router\) did not answer in HTTP to GET /status"):
            RouterClient(port=server.getsockname()[1]).status()
        thread.join()


def test_a_silent_router_is_one_line() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(RouterError, match=r"silent for 0\.2 s during GET /status"),
    ):
        RouterClient(port=server.getsockname()[1], timeout=0.2).status()


def test_a_taken_port_is_one_line() -> None:
    async def test(port: int) -> None:
        api = server_of(Api(Pretender(), "127.0.0.1"), port)
        try:
            with pytest.raises(HostError, match=f"TCP port {port} is taken on this host"):
                await api.start()
        finally:
            await api.stop()

    with socket.create_server(("127.0.0.1", 0)) as server:
        asyncio.run(test(server.getsockname()[1]))


@pytest.fixture
def naming(tmp_path: Path) -> Iterator[Served]:
    """The API of a router that knows names, and can't serve them."""
    it = Served()
    it.names = NameService(
        DnsOptions(),
        NameGossip(PeerName("7a:00:00:00:00:01"), 1),
        Store(tmp_path),
        changed=lambda: it.control.done.append("names changed"),
        is_running=lambda container: False,
        default_gateway=lambda: None,
    )
    with it.running():
        yield it


def _names(served: Served) -> list[str]:
    status, text = served.raw("GET", "/name")
    assert status == 200
    return [f"{entry['Hostname']} {entry['Address']} {entry['ContainerID'][:12]}" for entry in json.loads(text)]


def test_names_are_given_listed_and_taken(naming: Served) -> None:
    client = naming.client
    client.put_name(_ID, parse_ip("10.2.1.1"), "C1.weave.local")
    client.put_name(_ID, parse_ip("10.2.1.2"), "c1.weave.local")
    client.put_name("weave:extern", parse_ip("10.9.9.9"), "printer.weave.local.")
    client.put_name(_ID, parse_ip("10.2.1.1"), "c1.example.com")
    assert _names(naming) == [
        "c1.weave.local. 10.2.1.1 abababababab",
        "c1.weave.local. 10.2.1.2 abababababab",
        "printer.weave.local. 10.9.9.9 weave:extern",
    ]
    client.delete_name(_ID, parse_ip("10.2.1.1"), "other.weave.local")
    client.delete_name(_ID, parse_ip("10.2.1.1"))
    client.delete_name("weave:extern", name="printer")
    assert _names(naming) == ["c1.weave.local. 10.2.1.2 abababababab"]
    assert naming.raw("DELETE", "/name") == (204, "")
    assert (_names(naming), len(naming.control.done)) == ([], 6)
    assert client.domain() == "weave.local."


@pytest.mark.parametrize(
    ("method", "path", "body", "why"),
    [
        ("PUT", f"/name/{_ID}/10.2.1.1", b"", "no name given, expected fqdn=NAME"),
        ("PUT", f"/name/{_ID}/10.2.1.1", b"fqdn=a+b", "invalid name 'a b'"),
        ("PUT", f"/name/{_ID}/10.2.1.300", b"fqdn=a", "invalid address"),
        ("PUT", f"/name/{_ID}/fd00::g", b"fqdn=a", "invalid address"),
        ("PUT", "/name/abc/10.2.1.1", b"fqdn=a", "invalid container id"),
        ("DELETE", f"/name/{_ID}/x", None, "invalid address"),
        ("DELETE", f"/name/{_ID}?fqdn=a..b", None, "invalid name"),
    ],
)
def test_what_is_no_name_is_a_bad_request(naming: Served, method: str, path: str, body: bytes | None, why: str) -> None:
    status, text = naming.raw(method, path, body, Content_Type="application/x-www-form-urlencoded")
    assert (status, text.startswith(why), text.count("\n")) == (400, True, 1), text
    assert _names(naming) == []


def test_where_names_are_served_is_told_or_why_they_are_not(naming: Served, served: Served) -> None:
    assert naming.names is not None
    naming.names.trouble = "no bridge"
    with pytest.raises(NotOffered, match=r"^names are not served: no bridge$"):
        naming.client.dns_address()
    naming.names.address = (parse_ip("172.17.0.1"), 53)
    assert naming.client.dns_address() == (parse_ip("172.17.0.1"), 53)
    assert naming.raw("GET", "/dns-address") == (200, "172.17.0.1")
    off = r"^names are switched off: the router was launched with --no-dns$"
    with pytest.raises(NotOffered, match=off):
        served.client.dns_address()
    with pytest.raises(NotOffered, match=off):
        served.client.put_name(_ID, parse_ip("10.2.1.1"), "c1")
