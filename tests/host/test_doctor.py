"""Each check of the doctor finds the fault that is made for it, and finds nothing where all is well."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.host.stage import FakeRouter, Stage, identity
from tests.net.kernel import Space
from tests.router.control.test_status import REPORT
from weave_http import __version__, constants
from weave_http.host import Host, perform_words
from weave_http.host.doctor import CHECKS
from weave_http.host.doctor.finding import Finding, Level, Seen
from weave_http.net import firewall
from weave_http.net.bridge import ensure_bridge
from weave_http.operations.outcome import Outcome
from weave_http.records import replace
from weave_http.router.control.as_json import as_json

DOCS = Path(__file__).parents[2] / "docs"
OURS = {constants.ROLE_LABEL: "router"}
WARNING, ERROR = Level.WARNING, Level.ERROR


@pytest.fixture(autouse=True)
def _engine(stage: Stage) -> None:
    stage.engine.on("GET", "/info", lambda _, reply: reply.json({"FirewallBackend": {"Driver": "nftables"}}))


def found(stage: Stage, check: str, **env: str) -> list[Finding]:
    """What a check finds on the host."""
    host = Host(env)
    try:
        return stage.host.call(lambda: list(CHECKS[check](Seen(host))))
    finally:
        host.close()


def doctor(stage: Stage, *words: str) -> Outcome:
    """Do the command as a whole."""
    return stage.host.call(perform_words, Host({}), ("doctor", *words))


def only(stage: Stage, check: str, **env: str) -> Finding:
    """The one thing that a check finds."""
    (finding,) = found(stage, check, **env)
    assert bool(finding.hint) == (finding.level is not Level.OK), finding
    return finding


def level(stage: Stage, check: str, **env: str) -> Level:
    return only(stage, check, **env).level


def reports(router: FakeRouter, **changes: Any) -> None:
    """Have the router report what all is well with, but for changes."""
    router.answers["GET /report"] = (200, json.dumps(as_json(REPORT) | changes))


def launched(stage: Stage) -> None:
    stage.engine.images[constants.DEFAULT_IMAGE] = {"Id": constants.DEFAULT_IMAGE}
    stage.running("weave", image=constants.DEFAULT_IMAGE, labels=OURS)


# -- the page, and the command as a whole ----------------------------------------------------------------


def test_the_page_on_trouble_has_a_paragraph_on_each_check() -> None:
    page = (DOCS / "trouble.md").read_text()
    assert re.findall(r"^\*\*`(\S+)`\*\*", page, re.MULTILINE) == list(CHECKS)


def test_a_line_a_finding_and_the_worst_is_the_exit_code(stage: Stage) -> None:
    result = doctor(stage)
    assert result.code == 2
    lines = result.out.splitlines()
    assert "error    router      no router runs; start one: weave launch" in lines
    assert {line.split()[0] for line in lines} <= {"ok", "warning", "error"}
    entries = json.loads(doctor(stage, "--format", "json").out)
    assert {"Check": "router", "Level": "error", "Text": "no router runs", "Hint": "start one: weave launch"} in entries
    assert [f"{it['Level']:<7}  {it['Check']:<10}" for it in entries] == [line[:19] for line in lines]


def test_an_engine_that_can_not_be_asked_is_a_finding(stage: Stage) -> None:
    stage.engine.on("GET", "/version", lambda _, reply: reply.error(500, "out of order"))
    result = doctor(stage)
    assert result.code == 2
    assert re.search(r"^error    engine      can't be checked: .*out of order", result.out, re.MULTILINE)


# -- engine, router, state -------------------------------------------------------------------------------


def test_the_engines_version_and_api_are_said(stage: Stage) -> None:
    assert "API 1.41" in only(stage, "engine").text


def test_a_router_of_this_version_is_well(stage: Stage, router: FakeRouter) -> None:
    launched(stage)
    reports(router)
    assert only(stage, "router").text == f"version {__version__}, image {constants.DEFAULT_IMAGE}"
    assert level(stage, "parts") == Level.OK


def test_a_router_of_another_version_or_image_is_to_be_replaced(stage: Stage, router: FakeRouter) -> None:
    launched(stage)
    reports(router, Version="0.0.9")
    assert (only(stage, "router").level, only(stage, "router").hint) == (WARNING, "replace it: weave upgrade")
    reports(router)
    stage.engine.containers[identity("weave")].config["Image"] = "weavehttp/weave:older"
    assert (only(stage, "router").level, only(stage, "router").hint) == (WARNING, "replace it: weave upgrade")


def test_a_router_that_is_foreign_or_silent_is_an_error(stage: Stage) -> None:
    launched(stage)
    assert "no router answers" in only(stage, "router").text
    stage.engine.containers[identity("weave")].config["Labels"] = {}
    assert "somebody else's" in only(stage, "router").text
    assert level(stage, "router") == ERROR


def test_what_the_router_complains_of_is_passed_on(stage: Stage, router: FakeRouter) -> None:
    reports(router, Memory={"Trouble": "can't keep the router's state"})
    assert (level(stage, "parts"), "the state: can't keep" in only(stage, "parts").text) == (ERROR, True)
    reports(router, DNS={"Trouble": "interface docker0 has no IPv4 address"})
    assert level(stage, "parts") == WARNING


@contextmanager
def volume(stage: Stage, folder: Path, options: str) -> Iterator[None]:
    """Have the state's volume on a file system of its own."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        where = {"Name": constants.ROUTER_VOLUME, "Mountpoint": str(folder)}
        stage.engine.on("GET", f"/volumes/{constants.ROUTER_VOLUME}", lambda _, reply: reply.json(where))
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    ("options", "expected", "words"),
    [("size=64m", Level.OK, "64 MiB free"), ("size=1m", ERROR, "is full"), ("ro,size=64m", ERROR, "read-only")],
)
def test_a_volume_that_can_not_be_written_to_is_said(
    stage: Stage, tmp_path: Path, options: str, expected: Level, words: str
) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1/root").symlink_to("/")
    with volume(stage, tmp_path / "volume", options):
        finding = only(stage, "state", PROCFS=str(tmp_path))
    assert (finding.level, words in finding.text) == (expected, True)


# -- peers, as the router reports them -------------------------------------------------------------------


def connection(state: str, info: str) -> dict[str, Any]:
    return {"Address": "192.0.2.7:6783", "Outbound": True, "State": state, "Info": info, "Attrs": {}}


def with_connections(router: FakeRouter, *connections: dict[str, Any]) -> None:
    reports(router, Router=as_json(REPORT.router) | {"Connections": list(connections)})


def test_a_peer_that_can_not_be_reached_is_an_error_if_there_is_no_other(stage: Stage, router: FakeRouter) -> None:
    refused = connection("failed", "connection refused, retry: 2026-01-01 00:00:00")
    with_connections(router, refused)
    assert (level(stage, "peers"), "connection refused" in only(stage, "peers").text) == (ERROR, True)
    with_connections(router, refused, connection("established", "fastdp 7a:00:00:00:00:02(host2)"))
    assert [it.level for it in found(stage, "peers")] == [WARNING, Level.OK]
    slow = connection("established", "fastdp 7a:00:00:00:00:02(host2), no data passes") | {"Outbound": False}
    with_connections(router, slow)
    assert only(stage, "peers").text == "1 connected; TCP 6783 of this host was reached by 7a:00:00:00:00:02(host2)"
    with_connections(router)
    assert level(stage, "peers") == Level.OK


def test_a_copied_machine_is_told_what_to_do(stage: Stage, router: FakeRouter) -> None:
    info = "one and two have the same peer name: 7a:00:00:00:00:01; if one is a copy of the other, …"
    with_connections(router, connection("failed", info))
    finding = only(stage, "clones")
    assert (finding.level, finding.text) == (ERROR, "one and two have the same peer name: 7a:00:00:00:00:01")
    assert "weave reset" in finding.hint
    assert [it.level for it in found(stage, "peers")] == []


def path(state: str, reason: str, via: tuple[str, ...] = ()) -> dict[str, Any]:
    peer = {"Peer": "7a:00:00:00:00:03", "NickName": "host3"}
    return peer | {"State": state, "Reason": reason, "RTT": 0.0, "MTU": 0, "Via": list(via)}


def test_a_peer_over_others_is_a_warning_and_one_out_of_reach_an_error(stage: Stage, router: FakeRouter) -> None:
    router_alone = as_json(REPORT.router) | {"Connections": []}
    reports(router, Router=router_alone, Paths=[path("relayed", "UDP is blocked", ("host2",))])
    finding = only(stage, "data")
    expected = "7a:00:00:00:00:03(host3) is reached over host2 only: UDP is blocked"
    assert (finding.level, finding.text) == (WARNING, expected)
    reports(router, Router=router_alone, Paths=[path("unreachable", "UDP is blocked")])
    finding = only(stage, "data")
    assert (finding.level, finding.text) == (ERROR, "7a:00:00:00:00:03(host3) is not reached: UDP is blocked")
    assert finding.hint == "UDP 6784 must pass between it and this host"


def test_with_a_password_it_is_the_port_of_the_tunnel_that_must_be_open(stage: Stage, router: FakeRouter) -> None:
    encrypted = as_json(REPORT.router) | {"Connections": [], "Encryption": True}
    reports(router, Router=encrypted, Paths=[path("unreachable", "UDP is blocked")])
    assert only(stage, "data").hint == "UDP 6783 must pass between it and this host"


def test_between_hosts_without_a_version_of_ip_in_common_no_port_is_to_be_opened(
    stage: Stage, router: FakeRouter
) -> None:
    refused = {
        "Address": "[fd00::3]:6783",
        "Outbound": True,
        "State": "failed",
        "Info": "this router uses 192.0.2.1 alone (--host), and fd00::3 is of IPv6",
    }
    router_alone = as_json(REPORT.router) | {"Connections": [refused]}
    reports(router, Router=router_alone, Paths=[path("unreachable", "no common family: and what helps")])
    expected = "give one of the two addresses of both versions of IP, and launch it without --host"
    assert [only(stage, check).hint for check in ("data", "peers")] == [expected, expected]


# -- kernel, firewall, routes ----------------------------------------------------------------------------


def test_forwarding_that_is_off_is_a_warning(stage: Stage) -> None:
    stage.host.run("echo 0 > /proc/sys/net/ipv4/ip_forward")
    assert level(stage, "forwarding") == WARNING
    stage.host.run("echo 1 > /proc/sys/net/ipv4/ip_forward")
    assert level(stage, "forwarding") == Level.OK


def test_rules_that_somebody_took_away_are_an_error(stage: Stage) -> None:
    assert "no bridge yet" in only(stage, "firewall").text
    stage.host.call(ensure_bridge)
    stage.host.call(firewall.ensure)
    well = only(stage, "firewall")
    assert (well.level, "the engine's: nftables" in well.text) == (Level.OK, True)
    before = stage.host.run("iptables-nft-save")
    stage.host.run("iptables-nft -I FORWARD -j ACCEPT")
    assert (level(stage, "firewall"), "-I FORWARD -j WEAVE-FORWARD" in only(stage, "firewall").text) == (ERROR, False)
    assert "WEAVE-FORWARD" in only(stage, "firewall").text
    stage.host.run("iptables-nft -D FORWARD -j ACCEPT")
    assert stage.host.run("iptables-nft-save | grep -v '^#'") == "\n".join(
        line for line in before.splitlines() if not line.startswith("#")
    )


def test_firewalld_is_a_warning(stage: Stage, tmp_path: Path) -> None:
    stage.host.call(ensure_bridge)
    stage.host.call(firewall.ensure)
    program = shutil.copy("/bin/sleep", tmp_path / "firewalld")
    with subprocess.Popen([program, "100"]) as process:
        try:
            finding = only(stage, "firewall")
        finally:
            process.kill()
    assert (finding.level, "--add-interface=weave" in finding.hint) == (WARNING, True)


def test_a_route_of_the_host_into_the_network_is_a_warning(stage: Stage, router: FakeRouter) -> None:
    reports(router)
    assert level(stage, "routes") == Level.OK
    stage.host.run("ip link add lan type bridge; ip link set lan up; ip route add 10.2.0.0/16 dev lan")
    assert {it.level for it in found(stage, "routes")} == {WARNING}
    assert "10.2.1.1/24 overlaps the route 10.2.0.0/16 of this host" in [it.text for it in found(stage, "routes")]


def test_what_another_weave_left_is_named(stage: Stage) -> None:
    assert level(stage, "leftovers") == Level.OK
    stage.host.run("ip link add weave type bridge; ip link add vethwe-bridge type veth peer name vethwe-datapath")
    stage.stopped("weavedb", image="weaveworks/weavedb:2.8.1")
    texts = [it.text for it in found(stage, "leftovers")]
    assert texts == [
        *(f"device {name} is of another Weave" for name in ("vethwe-bridge", "vethwe-datapath", "weave")),
        "container weavedb is of another Weave, image weaveworks/weavedb:2.8.1",
    ]


def test_a_bridge_of_ours_is_no_leftover_and_has_no_ipv6(stage: Stage) -> None:
    stage.host.call(ensure_bridge)
    assert (level(stage, "leftovers"), level(stage, "ipv6")) == (Level.OK, Level.OK)
    stage.host.run("echo 0 > /proc/sys/net/ipv6/conf/weave/disable_ipv6")
    assert level(stage, "ipv6") == ERROR


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nameserver 10.0.0.1\n", Level.OK),
        ("nameserver 127.0.0.53\n", Level.OK),
        ("# none\n", WARNING),
        ("nameserver 172.17.0.1\nnameserver 10.0.0.1\n", WARNING),
        ("nameserver 172.17.0.1\n", ERROR),
    ],
)
def test_name_servers_that_lead_nowhere_or_back_are_said(
    stage: Stage, router: FakeRouter, tmp_path: Path, text: str, expected: Level
) -> None:
    reports(router)
    (tmp_path / "1/root/etc").mkdir(parents=True)
    (tmp_path / "1/root/etc/resolv.conf").write_text(text)
    finding = only(stage, "resolver", PROCFS=str(tmp_path))
    assert finding.level == expected
    assert ("must not ask weave's 172.17.0.1" in finding.text) == ("127." in text)


def test_a_router_without_names_asks_no_name_server(stage: Stage, router: FakeRouter, tmp_path: Path) -> None:
    router.answers["GET /report"] = (200, json.dumps(as_json(replace(REPORT, dns=None))))
    assert level(stage, "resolver", PROCFS=str(tmp_path)) == Level.OK


def test_the_doctor_changes_nothing(stage: Stage, router: FakeRouter) -> None:
    def state(space: Space) -> str:
        return space.run(
            "ip link; ip addr; ip route; iptables-nft-save | grep -v '^#';"
            "sysctl -a 2>/dev/null | grep -E 'ipv[46].conf|ip_forward'"
        )

    launched(stage)
    reports(router)
    stage.host.call(ensure_bridge)
    stage.host.call(firewall.ensure)
    before = state(stage.host)
    doctor(stage)
    assert state(stage.host) == before
    assert not [call for call in stage.engine.calls() if not call.startswith(("GET", "HEAD"))]
    assert {call.split()[0] for call in router.calls} == {"GET"}
