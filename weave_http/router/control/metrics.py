"""The report as metrics for Prometheus: Weave's names where Weave has the thing. docs/metrics.md lists them.

They are made anew of the report whenever they are asked for, so that they can't differ from what `weave status` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from weave_http import constants
from weave_http.router.control.report import Report

STATES = ("established", "connecting", "failed", "retrying", "waiting")
_COUNTERS = "/proc/thread-self/net/dev"
"""Bytes and packets of all interfaces of the network namespace of whoever reads it."""
_SENT = 8
"""Where the sent ones begin in a line of it."""


def render(report: Report, accept: str) -> tuple[bytes, str]:
    """Return the metrics as text, and its content type.

    Args:
        report: what there is to know.
        accept: the formats that the reader takes, as its header says.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Report(report))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Report(Collector):
    def __init__(self, report: Report) -> None:
        self._report = report

    def collect(self) -> Iterable[Metric]:
        yield from families(self._report)


def families(report: Report) -> Iterator[Metric]:
    """Yield the metrics that a report makes.

    Args:
        report: what there is to know.
    """
    router = report.router
    name = InfoMetricFamily("weave_router", "The router of this host.")
    name.add_metric([], {"version": report.version, "peer": router.name, "nickname": router.nickname})
    yield name
    yield _connections(report)
    yield _counter("weave_connection_terminations", "Connections to peers that ended.", router.termination_count)
    yield _gauge("weave_peers", "Peers that this router knows, itself among them.", len(router.peers))
    yield _gauge("weave_targets", "Peers that were given to launch and connect.", len(router.targets))
    yield _gauge("weave_attachments", "Containers with addresses that the router keeps.", len(report.attachments))
    yield _gauge("weave_mtu_bytes", "MTU of the network.", report.overlay.mtu)
    yield _troubles(report)
    yield from _paths(report)
    if report.dns is not None:
        yield _gauge("weave_dns_entries", "Names of all hosts.", len(report.dns.entries))
        queries = CounterMetricFamily("weave_dns_queries", "Queries answered, by who knew.", labels=["source"])
        for source in ("local", "upstream", "failed"):
            queries.add_metric([source], report.dns.queries.get(source, 0))
        yield queries
    yield from _traffic()


def _connections(report: Report) -> Metric:
    family = GaugeMetricFamily(
        "weave_connections",
        "Connections to peers, and targets without one, by state.",
        labels=["state", "type", "encryption"],
    )
    count = Counter(
        (each.state, str(each.attrs.get("name", "")), each.encryption) for each in report.router.connections
    )
    for state in STATES:
        kinds = {(kind, encryption) for found, kind, encryption in count if found == state}
        for kind, encryption in sorted(kinds) or [("", "")]:
            family.add_metric([state, kind, encryption], count[state, kind, encryption])
    return family


def _paths(report: Report) -> Iterator[Metric]:
    labels = ["peer", "nickname"]
    times = GaugeMetricFamily("weave_peer_round_trip_seconds", "Round trip to a peer, as probed.", labels=labels)
    sizes = GaugeMetricFamily("weave_peer_mtu_bytes", "What passes to a peer on the network, as probed.", labels=labels)
    states = GaugeMetricFamily("weave_peer_path", "How a peer is reached, by state.", labels=[*labels, "state"])
    for each in report.paths:
        who = [each.peer, each.nickname]
        if each.rtt:
            times.add_metric(who, each.rtt)
        if each.mtu:
            sizes.add_metric(who, each.mtu)
        states.add_metric([*who, each.state], 1)
    yield from (times, sizes, states)


def _troubles(report: Report) -> Metric:
    family = GaugeMetricFamily(
        "weave_trouble", "Whether a part of the router says that something is wrong.", labels=["part"]
    )
    parts = {"overlay": report.overlay.trouble, "engine": report.engine.trouble, "memory": report.memory.trouble}
    if report.dns is not None:
        parts["dns"] = report.dns.trouble
    for part, trouble in parts.items():
        family.add_metric([part], int(bool(trouble)))
    return family


def _traffic() -> Iterator[Metric]:
    """Yield what crossed the VXLAN devices, which is all traffic between this host and others."""
    each = [found for name in (constants.VXLAN_DEVICE, constants.VXLAN_DEVICE_6) if (found := _counters(name))]
    numbers = [sum(several) for several in zip(*each, strict=True)]
    if numbers:
        for word, start in (("receive", 0), ("transmit", _SENT)):
            for what, index in (("bytes", 0), ("packets", 1), ("errors", 2), ("dropped", 3)):
                text = f"Of the VXLAN devices: {what}, {word}."
                yield _counter(f"weave_overlay_{word}_{what}", text, numbers[start + index])


def _counters(device: str) -> Sequence[int]:
    """Return the kernel's counters of a device in its order; none without the device."""
    with open(_COUNTERS) as file:
        for line in file:
            name, _, numbers = line.partition(":")
            if name.strip() == device:
                return [int(each) for each in numbers.split()]
    return []


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)
