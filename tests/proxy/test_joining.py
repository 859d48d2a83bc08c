"""Who joins, of a create body and of what inspect says."""

from typing import Any

import pytest

from weave_http.addresses import Subnet, parse_wanted
from weave_http.errors import UsageError
from weave_http.proxy.joining import spread, wanted

FIXED = (parse_wanted("10.2.1.1/24"),)


@pytest.mark.parametrize(
    ("container", "by_default", "if_asked"),
    [
        ({}, (Subnet(),), None),
        ({"Env": None, "Labels": None, "HostConfig": None}, (Subnet(),), None),
        ({"Env": ["WEAVE_CIDR="]}, (Subnet(),), (Subnet(),)),
        ({"Env": ["WEAVE_CIDR=none"]}, None, None),
        ({"Env": ["WEAVE_CIDR=10.2.1.1/24"]}, FIXED, FIXED),
        ({"Env": ["WEAVE_CIDR=ip:10.2.1.1/24 net:default"]}, (*FIXED, Subnet()), (*FIXED, Subnet())),
        ({"Env": ["WEAVE_CIDR=none", "WEAVE_CIDR=10.2.1.1/24"]}, FIXED, FIXED),
        ({"Labels": {"weave.cidr": "10.2.1.1/24"}}, FIXED, FIXED),
        ({"Labels": {"weave.cidr": "none"}}, None, None),
        ({"Env": ["WEAVE_CIDR=10.2.1.1/24"], "Labels": {"weave.cidr": "none"}}, FIXED, FIXED),
        ({"HostConfig": {"NetworkMode": "bridge"}}, (Subnet(),), None),
        ({"HostConfig": {"NetworkMode": "none"}}, (Subnet(),), None),
        ({"HostConfig": {"NetworkMode": "mine"}}, None, None),
        ({"HostConfig": {"NetworkMode": "mine"}, "Labels": {"weave.cidr": ""}}, (Subnet(),), (Subnet(),)),
        ({"HostConfig": {"NetworkMode": "host"}, "Env": ["WEAVE_CIDR=10.2.1.1/24"]}, None, None),
        ({"HostConfig": {"NetworkMode": "container:x"}, "Env": ["WEAVE_CIDR="]}, None, None),
    ],
)
def test_environment_label_and_network_say_who_joins(container: dict[str, Any], by_default: Any, if_asked: Any) -> None:
    assert wanted(container, default=True) == by_default
    assert wanted(container, default=False) == if_asked


def test_the_image_counts_where_the_container_says_nothing() -> None:
    image = {"Env": ["WEAVE_CIDR=none"]}
    assert wanted({}, image, default=True) is None
    assert wanted({"Env": ["WEAVE_CIDR=10.2.1.1/24"]}, image, default=True) == FIXED
    found = {"Config": {"Env": ["A=1", "WEAVE_CIDR=10.2.1.1/24"]}, "HostConfig": {"NetworkMode": "default"}}
    assert wanted(spread(found), default=False) == FIXED


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(UsageError, match="invalid CIDR 'bogus'"):
        wanted({"Env": ["WEAVE_CIDR=bogus"]}, default=True)
