"""Packs what peers say about addresses into messages, and unpacks it with every value checked."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_network
from typing import Any

from weave_http.addresses import Network
from weave_http.records import dataclass
from weave_http.router.addresses.charter import Charter
from weave_http.router.addresses.gate import Passed
from weave_http.router.addresses.standing import NO_BALLOT, Ballot, Memory, Standing
from weave_http.router.mesh.facts import Stamp
from weave_http.router.mesh.fields import Fields, Malformed, a_flag, a_list, a_map, a_number, a_peer, a_stamp, a_text
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Message

MOST_PEERS = 1024
MOST_BLOCKS = 1024
MOST_NETWORKS = 64
_MOST_IN_ALL = 8192
"""Blocks of one charter: so that it stays well below a frame's limit."""


@dataclass(frozen=True, slots=True)
class Says(Message):
    """What a peer says about addresses."""

    origin: PeerName
    stamp: Stamp
    standing: Standing


@dataclass(frozen=True, slots=True)
class Teaches(Message):
    """The charter that I have."""

    charter: Charter


def pack_says(says: Says) -> Fields:
    """Return the fields of a message."""
    it = says.standing
    return {
        "origin": says.origin,
        "uid": says.stamp.uid,
        "version": says.stamp.version,
        "life": it.life,
        "ranges": _pack_networks(it.ranges),
        "number": it.number,
        "founding": it.founding,
        "observer": it.observer,
        "promised": list(it.promised),
        "accepted": [list(it.accepted[0]), pack_charter(it.accepted[1])] if it.accepted else [],
        "proposal": [list(it.proposal[0]), *([pack_charter(it.proposal[1])] if it.proposal[1] else [])]
        if it.proposal
        else [],
        "wants": _pack_networks(it.wants),
        "offers": _pack_networks(it.offers),
        "gone": list(it.gone),
        "used": it.used,
        "alone": it.alone,
    }


def read_says(fields: Fields, greatest: int) -> Says:
    """Return the message with these fields. Raises `Malformed` or `KeyError`."""
    accepted = a_list(fields["accepted"], 2)
    proposal = a_list(fields["proposal"], 2)
    standing = Standing(
        a_number(fields["life"], 1),
        _networks(fields["ranges"], MOST_NETWORKS),
        a_number(fields["number"]),
        a_text(fields["founding"]),
        a_flag(fields["observer"]),
        _ballot(fields["promised"]),
        (_ballot(accepted[0]), read_charter(accepted[1])) if len(accepted) == 2 else None,
        (_ballot(proposal[0]), read_charter(proposal[1]) if len(proposal) == 2 else None) if proposal else None,
        _networks(fields["wants"], MOST_NETWORKS),
        _networks(fields["offers"], MOST_BLOCKS),
        tuple(map(a_peer, a_list(fields["gone"], MOST_PEERS))),
        a_number(fields["used"]),
        a_flag(fields["alone"]),
    )
    return Says(a_peer(fields["origin"]), a_stamp(fields["uid"], fields["version"], greatest), standing)


def pack_memory(memory: Memory) -> Fields:
    """Return a memory as plain values."""
    return {
        "life": memory.life,
        "charter": pack_charter(memory.charter) if memory.charter else None,
        "promised": list(memory.promised),
        "accepted": [list(memory.accepted[0]), pack_charter(memory.accepted[1])] if memory.accepted else None,
        "offers": _pack_networks(memory.offers),
    }


def read_memory(value: Any) -> Memory:
    """Return the memory of such values. Raises `Malformed` or `KeyError`."""
    fields = a_map(value)
    accepted = a_list(fields["accepted"] or [], 2)
    return Memory(
        a_number(fields["life"], 1),
        read_charter(fields["charter"]) if fields["charter"] else None,
        _ballot(fields["promised"]),
        (_ballot(accepted[0]), read_charter(accepted[1])) if accepted else None,
        _networks(fields["offers"], MOST_BLOCKS),
    )


def pack_passed(passed: Passed) -> Fields:
    """Return what is kept of a gate as plain values."""
    agreed = [[peer, *each] for peer, each in sorted(passed.agreed.items())]
    return {"applied": passed.applied, "agreed": agreed}


def read_passed(value: Any) -> Passed:
    """Return what is kept of a gate of such values. Raises `Malformed` or `KeyError`."""
    fields = a_map(value)
    agreed = [a_list(each, 3, 3) for each in a_list(fields["agreed"], MOST_PEERS)]
    return Passed(
        a_number(fields["applied"]), {a_peer(peer): (a_number(life), a_number(number)) for peer, life, number in agreed}
    )


def pack_charter(charter: Charter) -> Fields:
    """Return a charter as plain values."""
    return {
        "number": charter.number,
        "founding": charter.founding,
        "voters": [[peer, life] for peer, life in sorted(charter.voters.items())],
        "lives": [[peer, life] for peer, life in sorted(charter.lives.items())],
        "expired": [[peer, number] for peer, number in sorted(charter.expired.items())],
        "floor": charter.floor,
        "shares": [[peer, _pack_networks(blocks)] for peer, blocks in sorted(charter.shares.items())],
    }


def read_charter(value: Any) -> Charter:
    """Return the charter of such values. Raises `Malformed` or `KeyError`."""
    fields = a_map(value)
    voters = [a_list(each, 2, 2) for each in a_list(fields["voters"], MOST_PEERS)]
    shares = [a_list(each, 2, 2) for each in a_list(fields["shares"], MOST_PEERS)]
    lives = [a_list(each, 2, 2) for each in a_list(fields["lives"], MOST_PEERS)]
    expired = [a_list(each, 2, 2) for each in a_list(fields["expired"], MOST_PEERS)]
    charter = Charter(
        a_number(fields["number"], 1),
        a_text(fields["founding"]),
        {a_peer(peer): a_number(life) for peer, life in voters},
        {a_peer(peer): _networks(blocks, MOST_BLOCKS) for peer, blocks in shares},
        {a_peer(peer): a_number(life) for peer, life in lives},
        {a_peer(peer): a_number(number, 1) for peer, number in expired},
        a_number(fields["floor"]),
    )
    if sum(map(len, charter.shares.values())) > _MOST_IN_ALL:
        raise Malformed(f"a charter of more than {_MOST_IN_ALL} blocks")
    return charter


def _ballot(value: Any) -> Ballot:
    round_, peer = a_list(value, 2, 2)
    ballot = Ballot(a_number(round_, 0, 2**40), a_text(peer))
    return ballot if ballot == NO_BALLOT else Ballot(ballot.round, a_peer(ballot.peer))


def _pack_networks(networks: tuple[Network, ...]) -> list[str]:
    return list(map(str, networks))


def _networks(value: Any, most: int) -> tuple[Network, ...]:
    return tuple(_network(each) if isinstance(each, str) else _no_network() for each in a_list(value, most))


@lru_cache(maxsize=4096)
def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        return _no_network()


def _no_network() -> Network:
    raise Malformed("something else where a block of addresses belongs")
