"""What the router says of its tunnels."""

from __future__ import annotations

import logging
import os

import pytest

from weave_http.net import tunnel
from weave_http.net.tunnel import DIRECT
from weave_http.net.wireguard import Change, State
from weave_http.router.data.tunnel import Tunnel

KERNELS = os.uname_result(("Linux", "host1", "6.5.0", "", "x86_64"))
"""One that loses what comes out of a tunnel of a program joined."""


class Made:
    """A device that takes whatever it is told."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._private = b""

    def read(self) -> State:
        return State(self._private, 6783, {})

    def write(self, change: Change) -> None:
        self._private = change.private or self._private


@pytest.mark.parametrize(("kind", "warnings"), [("user-space", 1), ("kernel", 0)])
def test_a_kernel_that_loses_joined_packets_is_warned_of_once_where_a_program_encrypts(
    kind: str, warnings: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = Made(kind)
    monkeypatch.setattr(tunnel, "ensure", lambda *_: made)
    monkeypatch.setattr(os, "uname", lambda: KERNELS)
    ours = Tunnel("02:00:00:00:00:01", DIRECT, 6783, lambda name: name)
    for _ in range(3):
        ours.ensure(1440)
    said = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(said) == warnings
    assert all("Linux 6.5.0" in each and "CVE-2024-35884" in each for each in said)
