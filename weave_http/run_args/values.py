"""The little languages inside option values: environment, labels, volumes, ports, restart policies."""

from __future__ import annotations

import ipaddress
import posixpath
from collections.abc import Mapping
from pathlib import PurePosixPath

from weave_http.run_args.grammar import RunArgumentError

PROTOCOLS = frozenset({"tcp", "udp", "sctp"})
LAST_PORT = 65535


def environment(value: str, environ: Mapping[str, str]) -> str:
    """Return an `Env` item: `K=V` as it is; `K` alone with the caller's value, or bare where there is none."""
    name, equals, _ = value.partition("=")
    if not name:
        raise RunArgumentError(f"invalid environment variable: {value}")
    if equals or name not in environ:
        return value
    return f"{name}={environ[name]}"


def label(value: str) -> tuple[str, str]:
    """Return key and value of `key[=value]`."""
    key, _, text = value.partition("=")
    if not key or any(character.isspace() for character in key):
        raise RunArgumentError(f"invalid label: {value!r}")
    return key, text


def address(value: str) -> str:
    """Return an IP address in its usual form."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as error:
        raise RunArgumentError(f"invalid IP address: {value}") from error


def restart_policy(value: str) -> dict[str, object]:
    """Return a `RestartPolicy` from `name[:retries]`."""
    name, colon, count = value.partition(":")
    if colon and (not name or not count.isascii() or not count.isdigit()):
        raise RunArgumentError(f"invalid restart policy format: {value}")
    return {"Name": name, "MaximumRetryCount": int(count) if colon else 0}


def volume(value: str, directory: PurePosixPath) -> tuple[str, bool]:
    """Return a volume as it is sent, and whether it has a source.

    A source that starts with a dot is a path of the caller's and is made absolute; any other path is the Docker
    host's own.

    Args:
        value: `target`, `source:target` or `source:target:options`.
        directory: the caller's working directory.
    """
    parts = value.split(":")
    if len(parts) > 3 or not all(parts):
        raise RunArgumentError(f"invalid volume specification: {value!r}")
    if len(parts) == 1:
        return value, False
    if parts[0].startswith("."):
        parts[0] = _absolute(parts[0], directory)
    return ":".join(parts), True


def _absolute(path: str, directory: PurePosixPath) -> str:
    return posixpath.normpath(directory / path)


def ports(value: str) -> list[tuple[str, dict[str, str]]]:
    """Return the bindings of one `--publish`, as pairs of `port/protocol` and `{HostIp, HostPort}`.

    Args:
        value: `[[ip:][host port]:]container port[/protocol]`; ranges on both sides, or on the host's alone.

    Raises:
        RunArgumentError: not of that form.
    """
    rest, _, protocol = value.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in PROTOCOLS:
        raise RunArgumentError(f"invalid proto: {protocol} in {value!r}")
    outer, _, inner = rest.rpartition(":")
    ip, _, host = outer.rpartition(":")
    ip = ip.removeprefix("[").removesuffix("]")
    if ip:
        address(ip)
    inside = _range(inner, value)
    outside = _range(host, value) if host else None
    if outside is None:
        return [(f"{port}/{protocol}", {"HostIp": ip, "HostPort": ""}) for port in inside]
    if len(outside) == len(inside):
        return [
            (f"{port}/{protocol}", {"HostIp": ip, "HostPort": str(outer_port)})
            for port, outer_port in zip(inside, outside, strict=True)
        ]
    if len(inside) == 1:
        return [(f"{inside[0]}/{protocol}", {"HostIp": ip, "HostPort": host})]
    raise RunArgumentError(f"invalid ranges specified for container and host ports: {value}")


def _range(text: str, value: str) -> range:
    first, dash, last = text.partition("-")
    bounds = (first, last if dash else first)
    if not all(bound.isascii() and bound.isdigit() and int(bound) <= LAST_PORT for bound in bounds):
        raise RunArgumentError(f"invalid port in {value!r}: expected 0 to {LAST_PORT}")
    low, high = (int(bound) for bound in bounds)
    if low > high:
        raise RunArgumentError(f"invalid port range in {value!r}")
    return range(low, high + 1)
