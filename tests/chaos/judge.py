"""What is wrong with hosts that should have come to rest: each line names the host, and what. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from ipaddress import IPv4Network
from itertools import combinations

from tests.chaos.look import Look

DOMAIN = "weave.local."


def wrong(looks: Sequence[Look], excused: Collection[str] = (), nameless: Collection[str] = ()) -> list[str]:
    """Return what is wrong; nothing when all is well.

    Args:
        looks: at all hosts, at about the same time.
        excused: names of containers that need not be on the network: their command was killed, or refused.
        nameless: names of containers that were run while no router answered, which was said.
    """
    silent = [f"{look.host}: its router does not answer" for look in looks if not look.report]
    if silent:
        return silent
    found = [*_mesh(looks), *_addresses(looks, excused), *_names(looks, nameless)]
    for one in looks:
        found += [*_ports(one), *_destinations(one, looks), *_health(one)]
        found += [f"{one.host}: left behind: {path}" for path in one.left]
    return found


def _mesh(looks: Sequence[Look]) -> Iterator[str]:
    everybody = {look.peer for look in looks}
    for look in looks:
        peers = {peer["Name"] for peer in look.report["Router"]["Peers"]}
        if peers != everybody:
            yield f"{look.host}: knows the peers {sorted(peers)} instead of {sorted(everybody)}"
        states = [(each["State"], each["Address"], each["Info"]) for each in look.report["Router"]["Connections"]]
        if [state for state, *_ in states] != ["established"] * (len(looks) - 1):
            yield f"{look.host}: connections {states}"
        for path in look.report["Paths"]:
            if path["State"] != "direct" or path["Reason"]:
                yield f"{look.host}: the path to {path['NickName']} is {path['State']}: {path['Reason']}"


def _health(look: Look) -> Iterator[str]:
    for section in ("Overlay", "Engine", "Memory", "DNS"):
        if trouble := look.report[section]["Trouble"]:
            yield f"{look.host}: {section}: {trouble}"
    if (status := look.report["IPAM"]["Status"]) not in ("ready", "idle"):
        yield f"{look.host}: addresses: {status}"
    if clash := look.report["Router"]["NameClash"]:
        yield f"{look.host}: {clash}"


def _addresses(looks: Sequence[Look], excused: Collection[str]) -> Iterator[str]:
    """An address has one owner, as every kernel and every router says, and no router keeps one of nobody."""
    owners: dict[str, set[str]] = defaultdict(set)
    for look in looks:
        records: dict[str, list[str]] = look.report["Attachments"]
        there = {container.id: container for container in look.containers}
        for identity in records.keys() - there.keys():
            yield f"{look.host}: keeps {records[identity]} for {identity[:12]}, which is no more"
        for container in look.containers:
            kept = tuple(records.get(container.id, ()))
            if container.runs and sorted(kept) != sorted(container.addresses):
                yield f"{look.host}: {container.name} has {container.addresses}, and its router keeps {kept}"
            if container.runs and not container.addresses and container.name not in excused:
                yield f"{look.host}: {container.name} runs, and is not on the network"
            for cidr in {*kept, *container.addresses}:
                owners[cidr.partition("/")[0]].add(f"{look.host} {container.name}")
        for owner, held in look.held.items():
            if owner not in there:
                yield f"{look.host}: {held} are held for {owner[:12]}, which is no more"
                continue
            container = there[owner]
            if container.runs and not set(held) <= set(container.addresses) and container.name not in excused:
                yield f"{look.host}: {held} are held for {container.name}, which has {container.addresses}"
    for address, who in owners.items():
        if len(who) > 1:
            yield f"{address} is there twice: {', '.join(sorted(who))}"
    yield from _shares(looks)


def _shares(looks: Sequence[Look]) -> Iterator[str]:
    numbers = {look.report["IPAM"]["Number"] for look in looks}
    if len(numbers) > 1:
        yield f"the hosts go by different agreements on addresses: {sorted(numbers)}"
    for look in looks:
        entries = look.report["IPAM"]["Entries"]
        shares = [(share["Peer"], IPv4Network(block)) for share in entries for block in share["Blocks"]]
        for (one, block), (other, another) in combinations(shares, 2):
            if one != other and block.overlaps(another):
                yield f"{look.host}: {block} is {one}'s, and {another} {other}'s"


def _names(looks: Sequence[Look], nameless: Collection[str]) -> Iterator[str]:
    """Every host answers the same names: those of the containers that run and are on the network."""
    expected = {
        (f"{container.name}.{DOMAIN}", cidr.partition("/")[0], look.peer)
        for look in looks
        for container in look.containers
        for cidr in container.addresses
        if container.name not in nameless
    }
    for look in looks:
        said = {(entry["Hostname"], entry["Address"], entry["Origin"]) for entry in look.report["DNS"]["Entries"]}
        if said != expected:
            yield f"{look.host}: names missing {sorted(expected - said)}, names too many {sorted(said - expected)}"


def _ports(look: Look) -> Iterator[str]:
    expected = {container.port for container in look.containers if container.mac}
    if look.ports != expected:
        yield f"{look.host}: cables {sorted(look.ports)}, and on the network are {sorted(expected)}"


def _destinations(one: Look, looks: Sequence[Look]) -> Iterator[str]:
    """Frames for all go to all other hosts, and those for a container to the host that has it."""
    others = {look.place for look in looks if look is not one}
    if one.floods != others:
        yield f"{one.host}: frames for all go to {sorted(one.floods)} instead of {sorted(others)}"
    for look in looks:
        for container in look.containers:
            seen = one.learnt.get(container.mac)
            if seen is not None and seen != look.place:
                yield f"{one.host}: frames for {container.name} of {look.host} go to {seen}"


def stale_neighbours(looks: Sequence[Look]) -> list[str]:
    """Return which containers take a wrong MAC for another one's, after they have spoken with each other."""
    macs = {
        cidr.partition("/")[0]: container.mac
        for look in looks
        for container in look.containers
        for cidr in container.addresses
    }
    return [
        f"{look.host}: {container.name} takes {mac} for {address}, which is {macs[address]}"
        for look in looks
        for container in look.containers
        for address, mac in container.neighbours
        if macs.get(address, mac) != mac
    ]
