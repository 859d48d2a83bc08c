"""Which kernels can't take what comes out of a tunnel joined."""

from __future__ import annotations

import pytest

from weave_http.net.offload import is_faulty


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
