"""Who joins: what a container's environment, labels and network say of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from weave_http.addresses import Subnet, Wanted, parse_wanted
from weave_http.operations.create_body import LEFT_ALONE as VARIABLE

LABEL = "weave.cidr"
"""Label that says the same as the variable: compose files and tools often set no environment."""
NONE = "none"
"""What says that a container is to be left alone."""
_OWN_NETWORKS = frozenset({"", "default", "bridge", "none"})
"""Networks of which a container joins that says nothing: whoever chose another one has a network already."""


def wanted(container: Mapping[str, Any], *images: Mapping[str, Any], default: bool) -> tuple[Wanted, ...] | None:
    """Return the addresses that a container asks for; None if it is to be left alone.

    Args:
        container: a create body, or what inspect says with its `Config` spread out (`spread`).
        images: the `Config` of its image, which counts where the container says nothing.
        default: whether one joins that says nothing.

    Raises:
        UsageError: it asks for something that is no address.
    """
    mode = str((container.get("HostConfig") or {}).get("NetworkMode") or "")
    if mode == "host" or mode.startswith("container:"):
        return None  # its interfaces are somebody else's
    asked = next((text for text in map(_asked, (container, *images)) if text is not None), None)
    if asked is None:
        return (Subnet(),) if default and mode in _OWN_NETWORKS else None
    if asked == NONE:
        return None
    return tuple(map(parse_wanted, asked.split())) or (Subnet(),)


def spread(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what inspect says in the form of a create body."""
    return {**(found.get("Config") or {}), "HostConfig": found.get("HostConfig") or {}}


def labels_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a container's labels."""
    labels = config.get("Labels")
    return labels if isinstance(labels, Mapping) else {}


def _asked(config: Mapping[str, Any]) -> str | None:
    """Return what a container says: by its environment, else by its label; None if it says nothing."""
    value = _last(config.get("Env") or ())
    return value if value is not None else labels_of(config).get(LABEL)


def _last(environment: Iterable[Any]) -> str | None:
    found: Sequence[str] = [
        str(item).partition("=")[2] for item in environment if str(item).partition("=")[0] == VARIABLE
    ]
    return found[-1].strip() if found else None
