"""What a check finds, and what it finds that in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from functools import cached_property

from weave_http.addresses import IP, parse_ip
from weave_http.errors import HostError, UsageError
from weave_http.hints import Any
from weave_http.host import router_container
from weave_http.host.host import Host
from weave_http.host.router_container import Found
from weave_http.net import iptables
from weave_http.net.iptables import RuleSet
from weave_http.records import dataclass

_WHO = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}\([^)]*\)")


class Level(IntEnum):
    """How bad it is; the greatest one is the exit code."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Args:
        level: how bad it is.
        text: what is the case.
        hint: what to do; empty where there is nothing to do.
    """

    level: Level
    text: str
    hint: str = ""


def ok(text: str) -> Finding:
    """Return that all is well."""
    return Finding(Level.OK, text)


def warning(text: str, hint: str) -> Finding:
    """Return that something deserves a look."""
    return Finding(Level.WARNING, text, hint)


def error(text: str, hint: str) -> Finding:
    """Return that something does not work."""
    return Finding(Level.ERROR, text, hint)


class Seen:
    """What several checks look at, each asked for once. The checks change nothing.

    Args:
        host: the Docker host.
    """

    def __init__(self, host: Host) -> None:
        self.host = host

    @cached_property
    def info(self) -> dict[str, Any]:
        """What the engine says of itself (`GET /info`)."""
        return self.host.engine.system.info()

    @cached_property
    def container(self) -> Found | None:
        """The container of the router's name."""
        return router_container.find(self.host)

    @cached_property
    def report(self) -> Mapping[str, Any]:
        """The router's report (`GET /report`); empty where no router answers."""
        try:
            return self.host.router.report()
        except HostError:
            return {}

    @cached_property
    def rule_sets(self) -> list[RuleSet]:
        """The firewall's rules."""
        return iptables.read()

    @property
    def connections(self) -> list[Mapping[str, Any]]:
        """The router's connections, and targets without one."""
        found: list[Mapping[str, Any]] = self.report["Router"]["Connections"] if self.report else []
        return found

    @property
    def peers(self) -> dict[IP, str]:
        """The peers that there is a connection to: how people call each, by its address on the underlay."""
        found = {}
        for each in self.connections:
            if each["State"] == "established" and (ip := address_of(each["Address"])):
                found[ip] = who_in(each["Info"])
        return found


def who_in(info: str) -> str:
    """Return the `NAME(NICKNAME)` in what is said of a connection; all of it where there is none."""
    found = _WHO.search(info)
    return found[0] if found else info


def address_of(place: str) -> IP | None:
    """Return the address in `ADDRESS:PORT`; nothing for a name."""
    try:
        return parse_ip(place.rpartition(":")[0].strip("[]"))
    except UsageError:
        return None
