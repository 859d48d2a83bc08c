"""Our rules where packets meet them: there, complete, once, and gone without a trace.

They stand in chains of our own (`weave_http.net.rules`), each jumped to from a built-in chain before anything else:
Docker accepts whatever comes out of its bridges, so what must be kept apart has to be dropped before. Docker puts its
chains in front now and then; the next check moves ours back.

They belong into the rule set, nf_tables or legacy, that decides about forwarding on this host: where Docker has put
its chains, else (an engine with rules of nf_tables alone has none of these) where there are any rules.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from weave_http import constants
from weave_http.net import iptables, links, rules
from weave_http.net.iptables import RuleSet
from weave_http.net.netlink import Netlink
from weave_http.net.netns import host_locked
from weave_http.net.rules import Chain, Guard

_ENGINE_BRIDGE = re.compile(r"(docker|podman)\d+|docker_gwbridge|br-[0-9a-f]{12}")
Exposed = Mapping[str, bool]
"""Addresses of the host on the network, in CIDR notation, and whether each masquerades."""


def ensure(engine_bridge: str = constants.DOCKER_BRIDGE) -> None:
    """Have the rules there, where they belong. Converges.

    Args:
        engine_bridge: name of the engine's default bridge.

    Raises:
        HostError: the kernel, or iptables, refused.
    """
    with host_locked():
        converge(engine_bridge)


def converge(
    engine_bridge: str, exposed: Exposed | None = None, *, hidden: Collection[str] = (), guard: Guard | None = None
) -> tuple[dict[str, bool], bool]:
    """Do as `ensure`, for a caller who holds the host's lock.

    Args:
        engine_bridge: name of the engine's default bridge.
        exposed: what is to be exposed; what is found to be, stays so.
        hidden: addresses of which that is no longer true.
        guard: ports to protect; None to leave that as it is.

    Returns:
        all that is exposed, and whether anything had to be changed.

    Raises:
        HostError: the kernel, or iptables, refused.
    """
    rule_sets = iptables.read()
    chosen = choose(rule_sets)
    with Netlink() as kernel:
        present = _exposed(kernel, chosen)
        bridges = {engine_bridge, *_engine_bridges(kernel, chosen)}
    kept = {cidr: masquerade for cidr, masquerade in present.items() if cidr not in hidden} | dict(exposed or {})
    changed = False
    for rule_set in rule_sets:
        wanted = rules.chains(kept, bridges, guard) if rule_set is chosen else rules.none()
        changed |= _apply(rule_set, wanted)
    return kept, changed


def remove() -> None:
    """Take all of ours away, wherever it is. Idempotent. Raises `HostError`."""
    with host_locked():
        for rule_set in iptables.read():
            _apply(rule_set, rules.none())


def exposed_addresses() -> dict[str, bool]:
    """Return which addresses of the bridge are exposed, in CIDR notation, and whether each masquerades.

    One that has no rules was put there by somebody else. Raises `HostError`.
    """
    with host_locked(shared=True), Netlink() as kernel:
        return _exposed(kernel, choose(iptables.read()))


def choose(rule_sets: Sequence[RuleSet]) -> RuleSet:
    """Return the one that the rules belong into: with Docker's chains, else with any rules or a policy, else the first.

    Chains of ours don't count: they must not hold the place where they are.
    """
    return next(filter(_has_docker, rule_sets), None) or next(filter(_in_use, rule_sets), rule_sets[0])


def _has_docker(rule_set: RuleSet) -> bool:
    return any(line.startswith(":DOCKER") for line in rule_set.tables.get("filter", ()))


def _in_use(rule_set: RuleSet) -> bool:
    lines = rule_set.tables.get("filter", ())
    return any(" DROP [" in line if line[0] == ":" else "WEAVE" not in line for line in lines)


def _exposed(kernel: Netlink, rule_set: RuleSet) -> dict[str, bool]:
    networks = rules.exposed_networks(rule_set.rules("filter", rules.EXPOSE))
    bridge = links.get_link(kernel, constants.BRIDGE) if networks else None
    if bridge is None:
        return {}
    natted = rule_set.rules("nat", rules.NAT)
    return {
        cidr: rules.masquerade_rules(network)[-1] in natted
        for cidr in links.list_addresses(kernel, bridge)
        if (network := rules.network(cidr)) in networks
    }


def _engine_bridges(kernel: Netlink, rule_set: RuleSet) -> set[str]:
    """Return the bridges of the engine's networks: the usual names, and what another command was told of."""
    there = {link.name for link in links.list_links(kernel) if link.kind == "bridge"}
    told = rules.guarded_bridges(rule_set.rules("filter", rules.FORWARD)) & there
    found = {name for name in there if _ENGINE_BRIDGE.fullmatch(name)}
    return found | told


def _apply(rule_set: RuleSet, wanted: Sequence[Chain]) -> bool:
    """Have these chains as they must be, in one transaction a table; return whether they were not."""
    changed = False
    for table in ("filter", "nat"):
        chains = [chain for chain in wanted if chain.table == table]
        lines = [line for chain in chains for line in _changes(rule_set, chain)]
        # What is no more goes last: until then there may be jumps to it.
        lines += [f"-X {chain.name}" for chain in chains if not chain.rules and rule_set.has_chain(table, chain.name)]
        if lines:
            iptables.restore(rule_set.program, table, lines)
            changed = True
    return changed


def _changes(rule_set: RuleSet, chain: Chain) -> list[str]:
    """Return what makes a chain and the jump to it right; nothing if they are."""
    is_there = rule_set.has_chain(chain.table, chain.name)
    jump = f"-j {chain.name}"
    hooked = rule_set.rules(chain.table, chain.hook) if chain.hook else []
    lines = []
    if is_there if not chain.rules else rule_set.rules(chain.table, chain.name) != list(chain.rules):
        # Declaring a chain makes it, or empties it.
        lines = [f":{chain.name} - [0:0]", *(f"-A {chain.name} {rule}" for rule in chain.rules)]
    if chain.hook and (hooked.count(jump) != 1 or hooked[0] != jump if chain.rules else jump in hooked):
        lines += [f"-D {chain.hook} {jump}"] * hooked.count(jump)
        lines += [f"-I {chain.hook} {jump}"] if chain.rules else []
    return lines
