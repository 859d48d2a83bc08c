"""`--ulimit` and `--memory-swappiness`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from weave_http.run_args import scalars
from weave_http.run_args.draft import Draft
from weave_http.run_args.wrong import BadValue

_ULIMITS = "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack"
ULIMITS = frozenset(_ULIMITS.split())
UNLIMITED = -1
MAX_SWAPPINESS = 100


def ulimit(text: str) -> tuple[str, dict[str, Any]]:
    """Return name and limits of `name=soft[:hard]`; -1 is no limit."""
    name, equals, limits = text.partition("=")
    if not equals:
        raise BadValue("expected name=soft[:hard]")
    if name not in ULIMITS:
        raise BadValue(f"there is no ulimit {name!r}; expected {', '.join(sorted(ULIMITS))}")
    values = [scalars.decimal_integer(part) for part in limits.split(":")]
    if len(values) > 2:
        raise BadValue("expected name=soft[:hard]")
    soft, hard = values[0], values[-1]
    if hard != UNLIMITED and (soft == UNLIMITED or soft > hard):
        raise BadValue("the soft limit is above the hard one")
    return name, {"Name": name, "Soft": soft, "Hard": hard}


def build_ulimits(draft: Draft) -> None:
    """Put limits into `Ulimits`, by name; the last one of a name counts."""
    draft.host["Ulimits"] = [limit for _, limit in sorted(draft.given["ulimit"].items())]


def ulimits(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield limits as `--ulimit` takes them."""
    for each in (body.get("HostConfig") or {}).get("Ulimits") or ():
        yield f"{each['Name']}={each['Soft']}:{each['Hard']}"


def swappiness(value: int) -> int:
    """Return 0 to 100, or -1 for the engine's own choice."""
    return scalars.within(value, UNLIMITED, MAX_SWAPPINESS)


def build_swappiness(draft: Draft) -> None:
    """Set the swappiness unless it is left to the engine."""
    value = draft.given["memory-swappiness"]
    if value != UNLIMITED:
        draft.host["MemorySwappiness"] = value


def swappiness_of(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the swappiness if there is one."""
    value = (body.get("HostConfig") or {}).get("MemorySwappiness")
    if value is not None and value != UNLIMITED:
        yield str(value)
