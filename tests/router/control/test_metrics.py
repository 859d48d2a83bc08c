"""The metrics: what Prometheus reads, what the page lists, and what the dashboard shows are the same."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.net.kernel import Space
from tests.router.control.test_status import REPORT
from weave_http.net.vxlan import ensure_vxlan
from weave_http.records import replace
from weave_http.router.control import metrics_server
from weave_http.router.control.metrics import render
from weave_http.router.control.metrics_server import MetricsServer
from weave_http.router.control.report import Memory, Report
from weave_http.router.control.report import Path as Path_

DOCS = Path(__file__).parents[3] / "docs"
WORDS = r"weave_[a-z_]+"


def samples(report: Report = REPORT) -> dict[tuple[str, tuple[str, ...]], float]:
    """The values by name and by the values of the labels."""
    text = render(report, "")[0].decode()
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def all_names() -> set[str]:
    """The names of all samples of a router with a VXLAN device."""
    with Space() as space:
        space.run("ip link add weave type bridge; ip link set weave up")
        space.call(ensure_vxlan, "weave", 6784, 1450)
        report = replace(REPORT, paths=(Path_("7a:00:00:00:00:02", "host2", "direct", "", 0.0005, 1400, ()),))
        return {name for name, _ in space.call(samples, report)}


def test_weaves_metrics_have_weaves_names_and_labels() -> None:
    found = samples(replace(REPORT, router=replace(REPORT.router, termination_count=3)))
    assert found["weave_connections", ("", "established", "fastdp")] == 1
    assert found["weave_connections", ("", "failed", "")] == 1
    assert found["weave_connections", ("", "connecting", "")] == 0
    assert found["weave_connection_terminations_total", ()] == 3
    assert found["weave_dns_entries", ()] == 2


def test_queries_are_counted_by_who_knew() -> None:
    assert REPORT.dns
    found = samples(replace(REPORT, dns=replace(REPORT.dns, queries={"local": 5, "failed": 1})))
    assert [found["weave_dns_queries_total", (source,)] for source in ("local", "upstream", "failed")] == [5, 0, 1]


def test_each_peers_path_has_its_round_trip_and_its_mtu() -> None:
    path = Path_("7a:00:00:00:00:02", "host2", "direct", "", 0.0005, 1400, ())
    found = samples(replace(REPORT, paths=(path, replace(path, nickname="host3", state="unreachable", rtt=0.0, mtu=0))))
    peer = "7a:00:00:00:00:02"
    assert found["weave_peer_round_trip_seconds", ("host2", peer)] == 0.0005
    assert found["weave_peer_mtu_bytes", ("host2", peer)] == 1400
    assert found["weave_peer_path", ("host3", peer, "unreachable")] == 1
    assert ("weave_peer_round_trip_seconds", ("host3", peer)) not in found


def test_a_router_without_names_has_no_metrics_of_them() -> None:
    assert not {name for name, _ in samples(replace(REPORT, dns=None)) if "dns" in name}


def test_what_the_status_complains_of_is_a_trouble() -> None:
    found = samples(replace(REPORT, memory=Memory("disk full")))
    assert (found["weave_trouble", ("memory",)], found["weave_trouble", ("overlay",)]) == (1, 0)


@pytest.mark.programs
def test_promtool_finds_nothing_to_complain_of() -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=render(REPORT, "")[0], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.kernel
def test_the_page_lists_all_metrics_and_no_others(all_names: set[str]) -> None:
    page = (DOCS / "metrics.md").read_text()
    listed = set(re.findall(rf"^\| `({WORDS})`", page, re.MULTILINE))
    for whole, rest in re.findall(rf"`({WORDS}_bytes_total)`((?:, `…\w+`)+)", page):
        listed |= {whole, *(whole.replace("_bytes_total", tail) for tail in re.findall(r"…(\w+)", rest))}
    assert listed == all_names


@pytest.mark.kernel
def test_the_dashboard_names_only_metrics_that_there_are(all_names: set[str]) -> None:
    dashboard = json.loads((DOCS / "grafana.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions += [variable["query"] for variable in dashboard["templating"]["list"]]
    named = {name for expression in expressions for name in re.findall(WORDS, expression)}
    assert named <= all_names
    assert len(named) > 10


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def started(where: tuple[str, int] | None, ask: Callable[[], str] = str) -> tuple[tuple[str, str], str]:
    """Start a server, ask it, stop it; return what it said of itself, and the answer."""

    async def work() -> tuple[tuple[str, str], str]:
        server = MetricsServer(lambda: REPORT, where)
        said = await server.start()
        try:
            return said, await asyncio.to_thread(ask)
        finally:
            await server.stop()

    return asyncio.run(work())


def test_they_are_served_where_it_was_asked_for() -> None:
    port = free_port()

    def ask() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            return f"{answer.headers['Content-Type']} {answer.read().decode()}"

    said, text = started(("127.0.0.1", port), ask)
    assert said == (f"127.0.0.1:{port}", "")
    assert text.startswith("text/plain; version=0.0.4")
    assert "weave_dns_entries 2.0" in text


def test_without_an_address_nothing_is_served() -> None:
    assert started(None)[0] == ("", "")


def test_a_taken_port_is_said_and_is_no_failure_of_the_router() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = started(("127.0.0.1", port))[0]
    hint = "choose another one by --metrics-addr"
    assert said == ("", f"not served: TCP port {port} is taken on this host; {hint}")


def test_a_missing_library_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "find_spec", lambda name: None)
    said = started(("127.0.0.1", free_port()))[0]
    expected = "not served: the Python library prometheus_client is not installed; build the image anew"
    assert said == ("", expected)
