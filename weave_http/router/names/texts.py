"""What the router says about names: the texts of Weave 2.x, and their part of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weave_http.router.names.service import NameService
from weave_http.router.names.zone import Entry

_ID_LENGTH = 12


def summary(service: NameService) -> list[tuple[str, str]]:
    """Return the lines of `weave status` about names, as labels and texts."""
    lines = [
        ("", ""),
        ("Service", "dns"),
        ("Domain", f"{service.options.domain}."),
        ("Upstream", ", ".join(service.upstream) or "none"),
        ("TTL", str(service.options.ttl)),
        ("Entries", str(len(service.entries))),
    ]
    return [*lines, ("Status", f"not serving: {service.trouble}")] if service.trouble else lines


def entries_text(entries: Sequence[Entry], domain: str) -> str:
    """Return the text of `weave status dns`."""
    return "".join(
        f"{entry.name.hostname.removesuffix('.' + domain):<12} {entry.name.address:<15}"
        f" {entry.name.owner[:_ID_LENGTH]:<12} {entry.origin}\n"
        for entry in entries
    )


def entries_report(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return names as `GET /name` and the report show them. What was taken away is not shown."""
    return [
        {
            "Hostname": f"{entry.name.hostname}.",
            "Origin": entry.origin,
            "ContainerID": entry.name.owner,
            "Address": entry.name.address,
            "Version": entry.version,
            "Tombstone": 0,
        }
        for entry in entries
    ]


def report(service: NameService) -> dict[str, Any]:
    """Return what `weave report` shows under `DNS`."""
    host, port = service.address or ("", 0)
    return {
        "Domain": f"{service.options.domain}.",
        "Upstream": service.upstream,
        "Address": f"{host}:{port}" if host else "",
        "TTL": service.options.ttl,
        "Entries": entries_report(service.entries),
        "Trouble": service.trouble,
    }
