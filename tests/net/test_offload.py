"""How often the way round before a tunnel is tried, and which kernels can't take what comes out of a tunnel joined."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from weave_http.errors import HostError
from weave_http.net import links, offload
from weave_http.net.offload import Offload, is_faulty
from weave_http.net.tunnel import DIRECT

TUNNELS = {DIRECT.name: DIRECT.network}


class Host:
    """A host with a tunnel, on which the way round can be had or not.

    Attributes:
        trouble: why it can't be had; empty if it can.
        tried: how often it was tried.
    """

    def __init__(self) -> None:
        self.trouble = ""
        self.tried = 0

    def ensure(self, *_: object) -> None:
        self.tried += 1
        if self.trouble:
            raise HostError(self.trouble)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(links, "get_link", lambda kernel, name: SimpleNamespace(name=name, kind="tun"))
    monkeypatch.setattr(offload, "host_locked", nullcontext)
    monkeypatch.setattr(offload, "remove", lambda kernel: None)
    monkeypatch.setattr(offload, "_ensure", host.ensure)
    return host


def test_one_failure_is_chance_and_a_second_one_is_said_and_not_tried_again_soon(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ours = Offload()
    for trouble in ("weave-gro is gone", "", "weave-gro is gone", ""):
        host.trouble = trouble
        ours.ensure(TUNNELS)
    assert not caplog.records
    host.trouble, host.tried = "this kernel can't", 0
    for _ in range(5):
        ours.ensure(TUNNELS)
    later = time.monotonic() + 700
    monkeypatch.setattr(time, "monotonic", lambda: later)
    ours.ensure(TUNNELS)
    assert host.tried == 3
    assert [each.getMessage() for each in caplog.records] == ["packets go into weave-wg one by one: this kernel can't"]


@pytest.mark.parametrize(
    "release", ["6.2.0", "6.5.0-45-generic", "6.6.25", "6.7.12-amd64", "6.8", "6.8.4-060804-generic", "6.3-rc1"]
)
def test_a_kernel_that_loses_joined_packets_is_named(release: str) -> None:
    assert is_faulty(release)


@pytest.mark.parametrize(
    "release", ["5.15.0", "6.1.0-26-amd64", "6.6.26", "6.8.5-060805-generic", "6.12.118+deb13", "6.18.44", "7.0", "odd"]
)
def test_others_are_not(release: str) -> None:
    assert not is_faulty(release)
