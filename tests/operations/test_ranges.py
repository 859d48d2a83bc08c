"""Out of which networks addresses are handed out, as flags say it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from weave_http.errors import UsageError
from weave_http.operations.flag_values import default_subnets
from weave_http.operations.flags import BY_NAME

READ = BY_NAME["ipalloc-range"].read
BOTH = (ip_network("10.32.0.0/12"), ip_network("fd00:32::/64"))


def test_a_range_is_of_one_version_of_ip_or_of_both() -> None:
    assert READ("") == ()
    assert READ("10.32.0.0/12") == BOTH[:1]
    assert READ("fd00:32::/64,10.32.0.0/12") == READ("10.32.0.0/12,fd00:32::/64") == BOTH


@pytest.mark.parametrize(
    "text",
    [
        *("10.32.0.0", "10.32.0.1/12", "10.32.0.0/31", "10.0.0.0/7", "x", ",", "10.32.0.0/12,"),
        *("10.32.0.0/16,10.33.0.0/16", "fd00::/64,fd01::/64", "fd00::1/64", "fd00::/127", "fe80::/64", "ff00::/8"),
    ],
)
def test_any_other_range_is_refused_with_what_was_typed(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        READ(text)
    assert repr(text) in str(caught.value) or repr(text.split(",")[-1]) in str(caught.value)


def test_a_default_subnet_is_a_part_of_its_range() -> None:
    part = ip_network("fd00:32:0:0:1::/80")
    assert default_subnets(BOTH, ()) == BOTH
    assert default_subnets(BOTH, [part]) == (BOTH[0], part)
    for wrong in (ip_network("fd00:33::/80"), ip_network("10.48.0.0/16")):
        with pytest.raises(UsageError, match="--ipalloc-default-subnet"):
            default_subnets(BOTH, [wrong])
    with pytest.raises(UsageError, match=r"expected a part of 10\.32\.0\.0/12"):
        default_subnets(BOTH[:1], [part])


def test_addresses_are_taken_back_after_a_time_or_never() -> None:
    read = BY_NAME["ipalloc-reclaim"].read
    assert [read(text) for text in ("10s", "90m", "24h", "off")] == [10.0, 5400.0, 86400.0, None]
    assert BY_NAME["ipalloc-reclaim"].default == read("24h")


@pytest.mark.parametrize("text", ["", "9s", "24", "1d", "0h", "999999h", "-1h", "never"])
def test_any_other_time_to_take_addresses_back_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="invalid --ipalloc-reclaim"):
        BY_NAME["ipalloc-reclaim"].read(text)
