"""The report in JSON, under Weave's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weave_http.records import values

_NAMES = {
    **{word: word.upper() for word in ("dns", "uid", "ttl", "mtu", "rtt", "ipam", "vni")},
    "network_id": "NetworkID",
    "nickname": "NickName",
    "other_nickname": "OtherNickName",
    "container_id": "ContainerID",
    "range_num_ips": "RangeNumIPs",
    "active_ips": "ActiveIPs",
}
"""Fields whose name in JSON is not their own name in CamelCase."""


def as_json(value: Any) -> Any:
    """Return a value of the report as JSON has it; what is None is left out."""
    if found := values(value):
        return {_json_name(name): as_json(each) for name, each in found.items() if each is not None}
    if isinstance(value, Mapping):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    return value if isinstance(value, bool | int | float | str) else str(value)


def _json_name(name: str) -> str:
    return _NAMES.get(name) or "".join(word.capitalize() for word in name.split("_"))
