"""Installs, repairs and removes our iptables rules; which rules there must be is in `weave_http.net.rules`.

They stand in chains of our own (`weave_http.net.rules`), each jumped to from a built-in chain before anything else:
Docker accepts whatever comes out of its bridges, so what must be kept apart has to be dropped before. Docker puts its
chains in front now and then; the next check moves ours back.

There are two rule sets in a kernel, nf_tables and the legacy one, and a packet must pass both; of IPv6 as well as of
IPv4. The rules of the table `filter` belong into each that anybody else uses: where an engine moves from one to the
other, its rules and its dropping policy stay behind. Addresses are translated in one of them: where Docker has put its
chains, else (an engine with rules of nf_tables alone has none of these) where there are any rules.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain as chained

from weave_http import constants
from weave_http.addresses import Cidr, Network
from weave_http.net import changes, iptables, links, relays, rules, underlay
from weave_http.net.iptables import Kept, RuleSet
from weave_http.net.netlink import Netlink
from weave_http.net.netns import host_locked
from weave_http.net.relays import Relays
from weave_http.net.rules import Chain, Guard

Exposed = Mapping[Cidr, bool]
"""Addresses of the host on the network, and whether each masquerades."""


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
    engine_bridge: str,
    exposed: Exposed | None = None,
    *,
    hidden: Collection[Cidr] = (),
    guard: Guard | None = None,
    relayed: Relays | None = None,
    data: Mapping[int, Sequence[str]] | None = None,
    kept: Kept | None = None,
) -> tuple[dict[Cidr, bool], bool]:
    """Do as `ensure`, for a caller who holds the host's lock.

    Args:
        engine_bridge: name of the engine's default bridge.
        exposed: what is to be exposed; what is found to be, stays so.
        hidden: addresses of which that is no longer true.
        guard: ports to protect; None for those that are protected already.
        relayed: this host's part in paths over others; None for what it is already.
        data: rules for what comes in at the port for data, by version of IP; None for those that are there already.
        kept: what was read before, by who looks again and again.

    Returns:
        all that is exposed, and whether anything had to be changed.

    Raises:
        HostError: the kernel, or iptables, refused.
    """
    found = _read(kept)
    with Netlink() as kernel:
        present = _exposed(kernel, found)
        bridges = {engine_bridge, *underlay.container_bridges(kernel)}
    shown = {cidr: masquerade for cidr, masquerade in present.items() if cidr not in hidden} | dict(exposed or {})
    guard = guard or _guard(found[4])
    changed = False
    for version, rule_sets in found.items():
        coming = _data(rule_sets) if data is None else data.get(version, ())
        if relayed is None or guard is None:
            over = _relaying(rule_sets)
        else:
            over = relays.rules(relayed, guard.port + 1, sorted(bridges), version)
        wanted = rules.chains(shown, bridges, guard, over, coming, version=version)
        for rule_set in rule_sets:
            changed |= _apply(rule_set, _belonging(wanted, rule_set, rule_sets))
    return shown, changed


def pending(engine_bridge: str) -> dict[str, list[str]]:
    """Return what `ensure` would change, as lines for iptables-restore by program; empty if all is as it must be.

    Args:
        engine_bridge: name of the engine's default bridge.

    Raises:
        HostError: the kernel, or iptables, refused.
    """
    with host_locked(shared=True):
        read = _read()
        with Netlink() as kernel:
            present = _exposed(kernel, read)
            bridges = {engine_bridge, *underlay.container_bridges(kernel)}
    found = {}
    for version, rule_sets in read.items():
        over, coming = _relaying(rule_sets), _data(rule_sets)
        wanted = rules.chains(present, bridges, _guard(read[4]), over, coming, version=version)
        for each in rule_sets:
            theirs = _belonging(wanted, each, rule_sets)
            lines = [line for table in changes.tables(each, theirs) for line in changes.changes(each, table, theirs)]
            if lines:
                found[each.program] = lines
    return found


def in_use() -> list[str]:
    """Return the programs of the rule sets that anybody but weave uses. Raises `HostError`."""
    return [each.program for each in iptables.read() if _in_use(each)]


def remove() -> None:
    """Take all of ours away, and what any version of Weave left, wherever it is. Idempotent. Raises `HostError`."""
    with host_locked():
        for rule_sets in _read().values():
            for rule_set in rule_sets:
                _apply(rule_set, [])


def exposed_addresses() -> dict[Cidr, bool]:
    """Return which addresses of the bridge are exposed, and whether each masquerades.

    One that has no rules was put there by somebody else. Raises `HostError`.
    """
    with host_locked(shared=True), Netlink() as kernel:
        return _exposed(kernel, _read())


def choose(rule_sets: Sequence[RuleSet]) -> RuleSet:
    """Return the one where addresses are translated: with Docker's chains, else with any rules, else the first.

    A policy counts as a rule. Chains of ours don't count: they must not hold the place where they are.
    """
    return next(filter(_has_docker, rule_sets), None) or next(filter(_in_use, rule_sets), rule_sets[0])


def _read(kept: Kept | None = None) -> dict[int, list[RuleSet]]:
    """Return the rule sets of each version of IP that the kernel has."""
    return {version: found for version in iptables.FAMILIES if (found := iptables.read(version, kept))}


def _belonging(wanted: Sequence[Chain], rule_set: RuleSet, rule_sets: Sequence[RuleSet]) -> list[Chain]:
    """Return the chains that belong into one of the rule sets of a version of IP."""
    chosen = rule_set is choose(rule_sets)
    return [chain for chain in wanted if chosen or (chain.table == "filter" and _in_use(rule_set))]


def _has_docker(rule_set: RuleSet) -> bool:
    return any(line.startswith(":DOCKER") for line in rule_set.tables.get("filter", ()))


def _in_use(rule_set: RuleSet) -> bool:
    return any(map(changes.is_foreign, rule_set.tables.get("filter", ())))


def _guard(rule_sets: Sequence[RuleSet]) -> Guard | None:
    found = (rules.guard_of(rule_set.rules("filter", rules.INPUT)) for rule_set in rule_sets)
    return next(filter(None, found), None)


def _data(rule_sets: Sequence[RuleSet]) -> list[str]:
    return next(filter(None, (rule_set.rules("filter", rules.DATA) for rule_set in rule_sets)), [])


def _relaying(rule_sets: Sequence[RuleSet]) -> dict[str, tuple[str, ...]]:
    chosen = choose(rule_sets)
    return {name: tuple(chosen.rules("nat", name) or chosen.rules("filter", name)) for name in relays.CHAINS}


def _exposed(kernel: Netlink, found: Mapping[int, Sequence[RuleSet]]) -> dict[Cidr, bool]:
    networks: set[Network] = set()
    natted: set[str] = set()
    for rule_set in chained.from_iterable(found.values()):
        networks |= rules.exposed_networks(rule_set.rules("filter", rules.EXPOSE))
        natted.update(rule_set.rules("nat", rules.NAT))
    bridge = links.get_link(kernel, constants.BRIDGE) if networks else None
    if bridge is None:
        return {}
    return {
        cidr: rules.masquerade_rules(cidr.network)[-1] in natted
        for cidr in links.list_all_addresses(kernel, bridge)
        if cidr.network in networks
    }


def _apply(rule_set: RuleSet, wanted: Sequence[Chain]) -> bool:
    """Have these chains as they must be, and no other of Weave's; return whether that was not so."""
    changed = False
    for table in changes.tables(rule_set, wanted):
        lines = changes.changes(rule_set, table, wanted)
        if lines:
            iptables.restore(rule_set.program, table, lines)
            changed = True
    return changed
