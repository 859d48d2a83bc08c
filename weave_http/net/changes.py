"""Computes the lines for iptables-restore that turn a rule set into the wanted one. Pure.

Chains of ours are there with exactly their rules, and each is jumped to once, before anything else. Whatever else has a
name of Weave's was left by another version of it (2.8.1 has some twenty rules and a dozen chains in three tables), and
goes: chains, jumps to them, whatever stands before the `-j`, and the rules that it put among those of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from weave_http import constants
from weave_http.net.iptables import RuleSet
from weave_http.net.rules import Chain

_OURS = re.compile(r"WEAVE(-[A-Z0-9-]+)?")
"""A chain of some version of Weave."""
_BRIDGE = constants.BRIDGE
_ENDS = {
    f"-i {_BRIDGE} -o {_BRIDGE} -j ACCEPT",
    f"-i {_BRIDGE} ! -o {_BRIDGE} -j ACCEPT",
    f"-o {_BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    f"-o {_BRIDGE} -m state --state RELATED,ESTABLISHED -j ACCEPT",
    f"-o {_BRIDGE} -j DROP",
}
"""Rules that Weave 2.8.1 has in `FORWARD` itself, …"""
_PATTERNS = re.compile(
    rf"-i docker\d+ -o {_BRIDGE} -j DROP"
    rf"|-o {_BRIDGE} .*-j NFLOG --nflog-group 86( .*)?"
    r"|-d \S+ -i docker\d+ -p (tcp|udp) -m (tcp|udp) --dport 678[34] -j DROP"
    r'|-d 127\.0\.0\.1/32 .*--comment "Block non-local access to Weave Net control port" -j DROP'
    r"|! -p esp -m policy --dir out --pol none -m mark --mark 0x20000/0x20000 -j DROP"
)
"""… and those, there, in `INPUT` and in `OUTPUT`, that have a part which differs."""
_NAMES = re.compile(r"-i docker\d+ -p (tcp|udp) -m (tcp|udp) --dport 53 -j ACCEPT")
"""What lets containers ask for names there."""


def tables(rule_set: RuleSet, wanted: Sequence[Chain]) -> list[str]:
    """Return the names of the tables to look at."""
    return sorted({chain.table for chain in wanted} | {*rule_set.tables})


def changes(rule_set: RuleSet, table: str, wanted: Sequence[Chain]) -> list[str]:
    """Return what has to be done in a table, in one transaction; nothing if all is as it must be.

    Args:
        rule_set: as it is.
        table: `filter`, `nat`, `mangle` or `raw`.
        wanted: chains of ours; one without rules must not be.
    """
    chains = {chain.name: chain for chain in wanted if chain.table == table and chain.rules}
    others = [name for name in rule_set.chains(table) if _OURS.fullmatch(name) and name not in chains]
    lines = [f"-D {chain} {rule}" for chain, rule in left_over(rule_set, table, chains)]
    lines += [f":{name} - [0:0]" for name in others]
    for chain in chains.values():
        lines += _content(rule_set, chain)
    # What is no more goes last: until then there may be jumps to it.
    lines += [f"-X {name}" for name in others]
    for chain in chains.values():
        if chain.hook:
            lines += _hook(rule_set, chain)
    return lines


def left_over(rule_set: RuleSet, table: str, chains: Mapping[str, Chain]) -> Iterator[tuple[str, str]]:
    """Yield the rules among those of others that some version of Weave put there, but for the hooks of ours.

    Args:
        rule_set: as it is.
        table: where.
        chains: those that must be.
    """
    closed_ports = False
    for chain, rule in map(_parts, rule_set.tables.get(table, ())):
        if not rule or _OURS.fullmatch(chain):
            continue
        target = _target(rule)
        if _OURS.fullmatch(target):
            hooked = chains.get(target)
            if not (hooked and hooked.hook == chain and rule == f"-j {target}"):
                yield chain, rule
        elif table == "filter" and chain in ("FORWARD", "INPUT", "OUTPUT") and _is_left(rule):
            closed_ports |= chain == "INPUT"
            yield chain, rule
    if closed_ports:
        # Somebody else may well have such a rule; but beside those for the ports it is Weave's.
        yield from (("INPUT", rule) for rule in rule_set.rules(table, "INPUT") if _NAMES.fullmatch(rule))


def is_foreign(line: str) -> bool:
    """Tell whether a line of the table `filter` is a rule of anybody but Weave, or a policy that drops."""
    if line.startswith(":"):
        return " DROP [" in line
    chain, rule = _parts(line)
    return not (_OURS.fullmatch(chain) or _OURS.fullmatch(_target(rule)) or _is_left(rule))


def _parts(line: str) -> tuple[str, str]:
    """Return chain and rule of a line that adds one; two empty texts if it does something else."""
    if not line.startswith("-A "):
        return "", ""
    chain, _, rule = line.removeprefix("-A ").partition(" ")
    return chain, rule


def _target(rule: str) -> str:
    return next((after for word, after in pairwise(rule.split()) if word in ("-j", "-g")), "")


def _is_left(rule: str) -> bool:
    return rule in _ENDS or _PATTERNS.fullmatch(rule) is not None


def _content(rule_set: RuleSet, chain: Chain) -> list[str]:
    if rule_set.has_chain(chain.table, chain.name) and rule_set.rules(chain.table, chain.name) == list(chain.rules):
        return []
    # Declaring a chain makes it, or empties it.
    return [f":{chain.name} - [0:0]", *(f"-A {chain.name} {rule}" for rule in chain.rules)]


def _hook(rule_set: RuleSet, chain: Chain) -> list[str]:
    jump = f"-j {chain.name}"
    hooked = rule_set.rules(chain.table, chain.hook)
    if hooked.count(jump) == 1 and hooked[0] == jump:
        return []
    return [*[f"-D {chain.hook} {jump}"] * hooked.count(jump), f"-I {chain.hook} {jump}"]
