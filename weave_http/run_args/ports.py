"""`--publish` and `--expose`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from weave_http.run_args import addresses
from weave_http.run_args.draft import Draft
from weave_http.run_args.wrong import BadValue

PROTOCOLS = frozenset({"tcp", "udp", "sctp"})
LAST_PORT = 65535
Binding = dict[str, str]


def publish(text: str) -> list[tuple[str, Binding]]:
    """Return the bindings of one `--publish`, as pairs of `port/protocol` and `{HostIp, HostPort}`.

    Args:
        text: `[[ip:][host port]:]container port[/protocol]`, ranges on both sides or on the host's alone; or
            `published=…,target=…,protocol=…`.
    """
    if "=" in text:
        text = _short(text)
    outer, _, inner = text.rpartition(":")
    ip, _, host = outer.rpartition(":")
    inner, _, protocol = inner.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in PROTOCOLS:
        raise BadValue("invalid protocol: expected tcp, udp or sctp")
    if ip.startswith("["):
        if not ip.endswith("]"):
            raise BadValue("the bracket around the address is not closed")
        ip = ip[1:-1]
    if ip:
        addresses.ip(ip)
    inside = _range(inner)
    if not host:
        return [(f"{port}/{protocol}", {"HostIp": ip, "HostPort": ""}) for port in inside]
    outside = _range(host)
    if len(outside) == len(inside):
        pairs = zip(inside, outside, strict=True)
        return [(f"{port}/{protocol}", {"HostIp": ip, "HostPort": str(other)}) for port, other in pairs]
    if len(inside) == 1:
        return [(f"{inside[0]}/{protocol}", {"HostIp": ip, "HostPort": f"{outside[0]}-{outside[-1]}"})]
    raise BadValue("the ranges of host and container differ in length")


def _short(text: str) -> str:
    """Return the long form as the short one; other keys are accepted and mean nothing, as with docker."""
    parts = {"protocol": "tcp", "published": "", "target": ""}
    for item in text.split(","):
        key, equals, rest = item.partition("=")
        if not equals:
            raise BadValue("expected published=…,target=…,protocol=…")
        parts[key] = rest.partition("=")[0]
    return f"{parts['published']}:{parts['target']}/{parts['protocol']}"


def _range(text: str) -> range:
    first, dash, last = text.partition("-")
    bounds = (first, last if dash else first)
    if not all(bound.isascii() and bound.isdigit() and len(bound) < 20 for bound in bounds):
        raise BadValue(f"invalid port: expected 0 to {LAST_PORT}")
    low, high = (int(bound) for bound in bounds)
    if high > LAST_PORT or low > LAST_PORT:
        raise BadValue(f"invalid port: expected 0 to {LAST_PORT}")
    if low > high:
        raise BadValue("invalid port range: it ends before it begins")
    return range(low, high + 1)


def expose(text: str) -> list[str]:
    """Return the ports of one `--expose`: `port[-port][/protocol]`. The daemon decides about the protocol."""
    numbers, _, protocol = text.partition("/")
    protocol = protocol or "tcp"
    return [f"{port}/{protocol.lower()}" for port in _range(numbers)]


def build(draft: Draft) -> None:
    """Put ports into `PortBindings`; all of them are exposed, too."""
    exposed: dict[str, dict[str, str]] = {}
    bindings: dict[str, list[Binding]] = {}
    for published in draft.given.get("publish", ()):
        for port, binding in published:
            exposed[port] = {}
            bindings.setdefault(port, []).append(binding)
    for ports in draft.given.get("expose", ()):
        exposed.update((port, {}) for port in ports)
    draft.config["ExposedPorts"] = exposed
    if bindings:
        draft.host["PortBindings"] = bindings


def published(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield bindings as `--publish` takes them."""
    for port, outside in ((body.get("HostConfig") or {}).get("PortBindings") or {}).items():
        inside = port.removesuffix("/tcp")
        no_binding: Binding = {}
        for binding in outside or (no_binding,):
            ip, number = binding.get("HostIp", ""), binding.get("HostPort", "")
            address = f"[{ip}]:" if ":" in ip else f"{ip}:" if ip else ""
            yield f"{address}{number}:{inside}" if address or number else inside


def exposed(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield ports that are only exposed."""
    bound = (body.get("HostConfig") or {}).get("PortBindings") or {}
    for port in body.get("ExposedPorts") or {}:
        if port not in bound:
            yield port.removesuffix("/tcp")
