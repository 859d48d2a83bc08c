"""The report, and the texts made of it: Weave's names and words."""

from __future__ import annotations

from ipaddress import ip_address

from weave_http import __version__
from weave_http.addresses import parse_ip
from weave_http.records import replace
from weave_http.router.control.as_json import as_json
from weave_http.router.control.report import (
    Connection,
    Dns,
    Engine,
    Link,
    Memory,
    NameEntry,
    Network,
    Overlay,
    Path,
    Peer,
    Report,
    Router,
)
from weave_http.router.control.status import SECTIONS, summary

A, B = "7a:00:00:00:00:01", "7a:00:00:00:00:02"
REPORT = Report(
    router=Router(
        name=A,
        nickname="host1",
        port=6783,
        peer_discovery=True,
        peers=(
            Peer(A, "host1", 1, 2, (Link(B, "", "192.0.2.2:6783", True),)),
            Peer(B, "host2", 3, 4, (Link(A, "host1", "192.0.2.1:40000", False),)),
        ),
        connections=(
            Connection("192.0.2.2:6783", True, "established", f"fastdp {B}(host2)", {"name": "fastdp", "mtu": 1450}),
            Connection("h3", True, "failed", "timed out, retry: never"),
        ),
        termination_count=0,
        targets=("192.0.2.2", "h3"),
        overlay_diagnostics={"fastdp": {"FloodDestinations": ["192.0.2.2"]}},
    ),
    overlay=Overlay(1450, ""),
    paths=(Path(B, "host2", "direct", "", 0.0003, 1450, ()),),
    data_passes=True,
    engine=Engine("", ""),
    memory=Memory(""),
    attachments={"ab" * 32: ["10.2.1.1/24"]},
    exposed={"10.2.1.254/24": {"masquerade": True, "names": []}},
    dns=Dns(
        domain="weave.local.",
        upstream=(ip_address("10.0.0.1"), ip_address("fd00::1")),
        address="172.17.0.1:53",
        ttl=1,
        entries=(
            NameEntry("a-long-name-indeed.weave.local.", A, "weave:expose", parse_ip("10.2.1.254"), 1),
            NameEntry("c1.weave.local.", A, "ab" * 32, ip_address("10.2.1.1"), 2),
        ),
        trouble="",
    ),
)


def test_the_summary_is_weaves_and_says_the_mtu() -> None:
    assert summary(REPORT).splitlines() == [
        f"        Version: {__version__}",
        "",
        "        Service: router",
        "       Protocol: weave-http 1",
        f"           Name: {A}(host1)",
        "     Encryption: disabled",
        "  PeerDiscovery: enabled",
        "        Targets: 2",
        "    Connections: 2 (1 established, 1 failed)",
        "          Peers: 2 (with 2 established connections)",
        " TrustedSubnets: none",
        "            MTU: 1450",
        "",
        "        Service: dns",
        "         Domain: weave.local.",
        "       Upstream: 10.0.0.1, fd00::1",
        "            TTL: 1",
        "        Entries: 2",
    ]


def test_what_is_wrong_is_in_the_summary() -> None:
    assert REPORT.dns is not None
    report = replace(
        REPORT,
        overlay=Overlay(1450, "no rules"),
        engine=Engine("2026-11-27T20:00:00+00:00", "it refused"),
        memory=Memory("can't keep the router's state in /weavedb/weave.db: disk full"),
        dns=replace(REPORT.dns, trouble="no bridge"),
    )
    said = set(summary(report).splitlines()) - set(summary(REPORT).splitlines())
    assert said == {
        "        Overlay: no rules",
        "         Engine: lost since 2026-11-27T20:00:00+00:00: it refused",
        "         Memory: can't keep the router's state in /weavedb/weave.db: disk full",
        "         Status: not serving: no bridge",
    }


def test_further_networks_are_listed_with_their_numbers_and_hosts() -> None:
    assert SECTIONS["networks"](REPORT) is None
    assert SECTIONS["networks"](replace(REPORT, networks=())) == ""
    back = Network("back", "ab" * 32, 77, "10.32.1.0/24, internal", ("10.32.1.0/24",), True, ("host1", "host2"), "")
    late = replace(back, name="late", vni=0, hosts=(), trouble="not made yet")
    report = replace(REPORT, networks=(back, late))
    assert SECTIONS["networks"](report) == (
        "back            VNI 77       10.32.1.0/24, internal on host1, host2\n"
        "late            VNI -        10.32.1.0/24, internal on no host\n"
        "   not made yet\n"
    )
    assert "       Networks: 2 (1 not as it should be)\n" in summary(report)
    assert as_json(report)["Networks"][0]["VNI"] == 77


def test_two_hosts_of_one_name_have_a_line_in_the_summary() -> None:
    clash = "a and b have the same peer name"
    report = replace(REPORT, router=replace(REPORT.router, name_clash=clash))
    assert f"      NameClash: {clash}\n" in summary(report)
    assert "NameClash" not in summary(REPORT)


def test_sections_are_lines_as_in_weave() -> None:
    texts = {name: section(REPORT) for name, section in SECTIONS.items()}
    assert texts["targets"] == "192.0.2.2\nh3\n"
    assert texts["connections"] == (
        f"-> 192.0.2.2:6783        established fastdp {B}(host2) mtu=1450\n"
        "-> h3                    failed      timed out, retry: never\n"
    )
    assert texts["peers"] == (
        f"{A}(host1)\n"
        f"   -> 192.0.2.2:6783        {B + '(?)':<37} established\n"
        f"{B}(host2)\n"
        f"   <- 192.0.2.1:40000       {A + '(host1)':<37} established\n"
    )
    assert texts["dns"] == (
        f"a-long-name-indeed 10.2.1.254      weave:expose {A}\nc1           10.2.1.1        abababababab {A}\n"
    )


def test_without_names_there_is_neither_a_section_nor_a_line() -> None:
    report = replace(REPORT, dns=None)
    assert SECTIONS["dns"](report) is None
    assert "dns" not in summary(report)
    assert "DNS" not in as_json(report)


def test_the_report_in_json_has_weaves_names() -> None:
    value = as_json(REPORT)
    assert list(value)[-3:] == ["Ready", "Version", "VersionCheck"]
    assert value["VersionCheck"] == {"Enabled": False}
    assert value["Router"] | {"Peers": [], "Connections": []} == {
        "Protocol": "weave-http",
        "ProtocolMinVersion": 1,
        "ProtocolMaxVersion": 1,
        "Encryption": False,
        "NameClash": "",
        "PeerDiscovery": True,
        "Name": A,
        "NickName": "host1",
        "Port": 6783,
        "Peers": [],
        "Connections": [],
        "TerminationCount": 0,
        "Targets": ["192.0.2.2", "h3"],
        "TrustedSubnets": [],
        "Interface": "vxlan-6784",
        "OverlayDiagnostics": {"fastdp": {"FloodDestinations": ["192.0.2.2"]}},
    }
    assert value["Router"]["Peers"][0] == {
        "Name": A,
        "NickName": "host1",
        "UID": 1,
        "Version": 2,
        "Connections": [
            {"Name": B, "NickName": "", "Address": "192.0.2.2:6783", "Outbound": True, "Established": True}
        ],
    }
    assert value["Router"]["Connections"][0]["Attrs"] == {"name": "fastdp", "mtu": 1450}
    assert value["DNS"]["Entries"][1] == {
        "Hostname": "c1.weave.local.",
        "Origin": A,
        "ContainerID": "ab" * 32,
        "Address": "10.2.1.1",
        "Version": 2,
        "Tombstone": 0,
    }
    assert (value["Overlay"], value["Engine"], value["Memory"]) == (
        {"MTU": 1450, "Trouble": "", "Encryption": ""},
        {"LostSince": "", "Trouble": ""},
        {"Trouble": ""},
    )
    assert value["Attachments"] == {"ab" * 32: ["10.2.1.1/24"]}
    assert value["Exposed"] == {"10.2.1.254/24": {"masquerade": True, "names": []}}
