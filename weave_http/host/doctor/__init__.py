"""`doctor`: looks for what is wrong on a Docker host. Each check is one function in a table; none changes anything.

docs/trouble.md has a paragraph on each check, under its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from weave_http.errors import WeaveError
from weave_http.host.doctor import daemons, peers, surroundings
from weave_http.host.doctor.finding import Finding, Level, Seen
from weave_http.host.host import Host
from weave_http.operations import Doctor

__all__ = ["CHECKS", "run"]

CHECKS: dict[str, Callable[[Seen], Iterable[Finding]]] = {
    "engine": daemons.engine,
    "router": daemons.router,
    "parts": daemons.parts,
    "state": daemons.state,
    "peers": peers.connections,
    "clones": peers.clones,
    "data": peers.data,
    "mtu": peers.mtu,
    "clock": peers.clock,
    "forwarding": surroundings.forwarding,
    "firewall": surroundings.firewall_rules,
    "routes": surroundings.routes_of_host,
    "leftovers": surroundings.leftovers,
    "resolver": surroundings.resolver,
    "ipv6": surroundings.ipv6,
}
"""By name, in the order in which they are printed: what is below first."""
_WIDTH = max(map(len, CHECKS))


def run(host: Host, op: Doctor) -> int:
    """Print a line a finding; return how bad the worst one is."""
    seen = Seen(host)
    found = [(name, finding) for name, check in CHECKS.items() for finding in _made(check, seen)]
    if op.json:
        entries = [
            {"Check": name, "Level": it.level.name.lower(), "Text": it.text, "Hint": it.hint} for name, it in found
        ]
        host.say(json.dumps(entries, indent=4))
    else:
        for name, it in found:
            host.say(f"{it.level.name.lower():<7}  {name:<{_WIDTH}}  {it.text}{f'; {it.hint}' if it.hint else ''}")
    return max(it.level for _, it in found)


def _made(check: Callable[[Seen], Iterable[Finding]], seen: Seen) -> list[Finding]:
    """Return what a check finds; that it can't look is a finding, too."""
    try:
        return list(check(seen))
    except WeaveError as error:
        return [Finding(Level.ERROR, f"can't be checked: {error.message}", error.hint)]
