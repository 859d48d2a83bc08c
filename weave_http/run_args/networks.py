"""`--network` and the options that are about the first of them; hosts and names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from weave_http.records import dataclass
from weave_http.run_args import addresses, csv_record, scalars
from weave_http.run_args.draft import Draft
from weave_http.run_args.wrong import BadValue, RunArgumentError

DEFAULT = "default"
SPECIAL = frozenset({DEFAULT, "bridge", "host", "none"})
_LONG_FORM = re.compile(r"\w+=\w+", re.ASCII)
Endpoint = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Network:
    """One `--network`.

    Args:
        target: name or id of the network, or a mode: `host`, `none`, `container:ID`.
        endpoint: the API's settings of the container's end in it, as far as given.
    """

    target: str
    endpoint: Mapping[str, Any]


def is_user_defined(target: str) -> bool:
    """Tell a network that somebody made from docker's own and from modes."""
    return target not in SPECIAL and not target.startswith("container:")


def network(text: str) -> Network:
    """Return the network of one `--network`: a name, or a record with `name=`."""
    if not _LONG_FORM.search(text):
        if not text.strip():
            raise BadValue("the network has no name")
        return Network(text, {})
    target = ""
    endpoint: Endpoint = {}
    for field in csv_record.fields(text):
        key, equals, value = field.lower().partition("=")
        key, value = key.strip(), value.strip()
        if not equals or not key:
            raise BadValue("expected name=…,key=value,…")
        if key == "name":
            target = value
        elif key in _KEYS:
            _KEYS[key](endpoint, value)
        else:
            raise BadValue(f"unknown key {key!r}")
    if not target:
        raise BadValue("the network has no name")
    return Network(target, endpoint)


def _set_ip(key: str, endpoint: Endpoint, value: str) -> None:
    if value:
        endpoint.setdefault("IPAMConfig", {})[key] = addresses.ip(value)


def _add(endpoint: Endpoint, key: str, value: str) -> None:
    endpoint.setdefault(key, []).append(value)


def _set_mac(endpoint: Endpoint, value: str) -> None:
    if not value:
        raise BadValue("expected a MAC address, as in 02:42:ac:11:00:02")
    endpoint["MacAddress"] = addresses.mac(value)


def _driver_option(endpoint: Endpoint, value: str) -> None:
    key, equals, setting = value.partition("=")
    if not equals or not key:
        raise BadValue("driver-opt needs key=value")
    endpoint.setdefault("DriverOpts", {})[key.strip()] = setting.strip()


def _priority(endpoint: Endpoint, value: str) -> None:
    endpoint["GwPriority"] = scalars.decimal_integer(value)


_KEYS = {
    "alias": lambda endpoint, value: _add(endpoint, "Aliases", value),
    "ip": lambda endpoint, value: _set_ip("IPv4Address", endpoint, value),
    "ip6": lambda endpoint, value: _set_ip("IPv6Address", endpoint, value),
    "mac-address": _set_mac,
    "link-local-ip": lambda endpoint, value: _add(
        endpoint.setdefault("IPAMConfig", {}), "LinkLocalIPs", addresses.ip(value)
    ),
    "driver-opt": _driver_option,
    "gw-priority": _priority,
}

FIRST: dict[str, tuple[str, ...]] = {
    "network-alias": ("Aliases",),
    "ip": ("IPAMConfig", "IPv4Address"),
    "ip6": ("IPAMConfig", "IPv6Address"),
    "link-local-ip": ("IPAMConfig", "LinkLocalIPs"),
    "mac-address": ("MacAddress",),
    "link": ("Links",),
}
"""Options that are about the first network, and where they are in its endpoint."""


def build(draft: Draft) -> None:
    """Set the network mode and the endpoints, those of them that say something or are more than one."""
    given: list[Network] = draft.given.get("network") or []
    if given:
        draft.host["NetworkMode"] = given[0].target
    if links := draft.texts("link"):
        draft.host["Links"] = links
    first, *others = given or [Network(DEFAULT, {})]
    networks = [Network(first.target, _with_options(draft, first)), *others]
    endpoints: dict[str, Endpoint] = {}
    for each in networks:
        if each.target in endpoints:
            raise RunArgumentError(f"--network {each.target!r} is given twice")
        if not is_user_defined(each.target) and each.endpoint.get("Aliases"):
            raise RunArgumentError(f"--network-alias: only user-defined networks have aliases, not {each.target!r}")
        endpoints[each.target] = {key: value for key, value in each.endpoint.items() if value not in (0, "", [], {})}
    if len({is_user_defined(target) for target in endpoints}) > 1:
        raise RunArgumentError("--network: a user-defined network and one of docker's own modes exclude each other")
    if len(endpoints) > 1 or any(endpoints.values()):
        draft.config["NetworkingConfig"] = {"EndpointsConfig": endpoints}


def _with_options(draft: Draft, first: Network) -> Endpoint:
    """Return the first network's endpoint with the options that are about it."""
    endpoint: Endpoint = {**first.endpoint, "IPAMConfig": dict(first.endpoint.get("IPAMConfig") or {})}
    for option, way in FIRST.items():
        value = draft.given.get(option)
        if not value or (option == "link" and not is_user_defined(first.target)):
            continue
        holder = endpoint["IPAMConfig"] if len(way) > 1 else endpoint
        if holder.get(way[-1]):
            raise RunArgumentError(f"--{option} and its like in --network exclude each other")
        holder[way[-1]] = value
    return endpoint


def link(text: str) -> str:
    """Check `container[:alias]`."""
    if not text or text.count(":") > 1:
        raise BadValue("expected container[:alias]")
    return text


def extra_host(text: str) -> str:
    """Return `host:address` from `host=address` or `host:address`; the address may be `host-gateway`."""
    host, equals, address = text.partition("=")
    if not equals:
        host, _, address = text.partition(":")
    if not host or ":" in host:
        raise BadValue("expected host:address")
    if address != "host-gateway":
        if len(address) > 2 and address[0] == "[" and address[-1] == "]":
            address = address[1:-1]
        addresses.ip(address)
    return f"{host}:{address}"


_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"(?P<name>{_LABEL}(?:\.{_LABEL})*)\.?\s*", re.ASCII)
_LONGEST_DOMAIN = 254


def search_domain(text: str) -> str:
    """Return a domain without dot and blanks at its end; `.` stands for no domain at all."""
    text = text.strip(" ")
    if text == ".":
        return text
    match = _DOMAIN.fullmatch(text)
    if match is None or len(match["name"]) > _LONGEST_DOMAIN or not re.search(r"[a-zA-Z]", text):
        raise BadValue("expected a domain")
    return match["name"]


# -- back from a body -------------------------------------------------------------------------------------


def _endpoints(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    return {target: endpoint or {} for target, endpoint in found.items()}


def _mode(body: Mapping[str, Any]) -> str:
    return (body.get("HostConfig") or {}).get("NetworkMode") or ""


def first(*way: str) -> Any:
    """Return what finds a setting of the first network as the values of an option."""

    def back(body: Mapping[str, Any]) -> Iterable[str]:
        value: Any = _endpoints(body).get(_mode(body) or DEFAULT) or {}
        for step in way:
            value = (value or {}).get(step)
        return ([value] if isinstance(value, str) else value) or ()

    return back


def networks(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield networks as `--network` takes them; what the first one's own options can say is left to them."""
    endpoints = _endpoints(body)
    mode = _mode(body)
    for target in {**({mode: None} if mode else {}), **endpoints}:
        endpoint = endpoints.get(target) or {}
        is_first = target == (mode or DEFAULT)
        fields = list(_rest(endpoint) if is_first else _all(endpoint))
        if not mode and is_first and not fields:
            continue
        yield csv_record.record([f"name={target}", *fields]) if fields or _LONG_FORM.search(target) else target


def _rest(endpoint: Mapping[str, Any]) -> Iterator[str]:
    """Yield the settings for which there is no option."""
    yield from (f"driver-opt={key}={value}" for key, value in (endpoint.get("DriverOpts") or {}).items())
    if endpoint.get("GwPriority"):
        yield f"gw-priority={endpoint['GwPriority']}"


def _all(endpoint: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"alias={alias}" for alias in endpoint.get("Aliases") or ())
    ipam = endpoint.get("IPAMConfig") or {}
    for key, name in (("IPv4Address", "ip"), ("IPv6Address", "ip6")):
        if ipam.get(key):
            yield f"{name}={ipam[key]}"
    yield from (f"link-local-ip={address}" for address in ipam.get("LinkLocalIPs") or ())
    if endpoint.get("MacAddress"):
        yield f"mac-address={endpoint['MacAddress']}"
    yield from _rest(endpoint)
