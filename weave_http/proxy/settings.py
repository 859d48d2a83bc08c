"""What the proxy is told: who joins by default, and what is changed of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from weave_http.errors import UsageError
from weave_http.records import dataclass

_GROUP = re.compile(r"\$(\$|(\w+)|\{(\w+)\})")
FLAGS = (
    *("no-default-ipalloc", "without-dns", "no-rewrite-hosts", "rewrite-inspect"),
    *("hostname-from-label", "hostname-match", "hostname-replacement"),
)
"""The flags of `weave launch` and options of `weave proxy` that make settings."""
MATCH, REPLACEMENT = "(.*)", "$1"
"""What makes a hostname of a container's name, unless something else is wished for: the name as it is."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the proxy treats containers.

    Args:
        default: whether a container joins that says nothing about it.
        dns: whether containers use the router's names, and get one.
        rewrite_hosts: whether a container's own name, in its hosts file, means its addresses of the network.
        rewrite_inspect: whether inspect shows these addresses instead of the engine's.
        label: whose value makes the hostname, instead of the container's name; empty for none.
        match: regular expression for what the hostname is made of.
        replacement: what it becomes, with groups of `match` as `$1` or `${name}`.
    """

    default: bool = True
    dns: bool = True
    rewrite_hosts: bool = True
    rewrite_inspect: bool = False
    label: str = ""
    match: re.Pattern[str] = re.compile(MATCH)
    replacement: str = REPLACEMENT

    def hostname(self, name: str, labels: Mapping[str, Any]) -> str:
        """Return the hostname for a container that has none; empty for the engine's choice.

        Args:
            name: the container's, if somebody chose it.
            labels: the container's.
        """
        source = str(labels.get(self.label) or "") if self.label else ""
        source = source or name
        return self.match.sub(_template(self.replacement), source, count=1) if source else ""


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Return the settings that flags make.

    Args:
        values: by the names of `FLAGS`; what is not in it is as by default.

    Raises:
        UsageError: the regular expression or its replacement makes no sense.
    """
    text = values.get("hostname-match") or MATCH
    try:
        match = re.compile(text)
    except re.error as error:
        raise UsageError(f"invalid --hostname-match {text!r}: {error}", hint="expected a regular expression") from error
    made = Settings(
        default=not values.get("no-default-ipalloc"),
        dns=not values.get("without-dns"),
        rewrite_hosts=not values.get("no-rewrite-hosts"),
        rewrite_inspect=bool(values.get("rewrite-inspect")),
        label=values.get("hostname-from-label") or "",
        match=match,
        replacement=values.get("hostname-replacement") or REPLACEMENT,
    )
    for group in _groups(made.replacement):
        if not (int(group) <= match.groups if group.isdigit() else group in match.groupindex):
            hint = f"--hostname-match {match.pattern!r} has no group {group}"
            raise UsageError(f"invalid --hostname-replacement {made.replacement!r}", hint=hint)
    return made


def _groups(replacement: str) -> Iterable[str]:
    """Yield the groups that a replacement names."""
    for found in _GROUP.finditer(replacement):
        if found[1] != "$":
            yield found[2] or found[3]


def _template(replacement: str) -> str:
    """Return Python's form of a replacement in Go's."""
    escaped = replacement.replace("\\", "\\\\")
    return _GROUP.sub(lambda found: "$" if found[1] == "$" else rf"\g<{found[2] or found[3]}>", escaped)
