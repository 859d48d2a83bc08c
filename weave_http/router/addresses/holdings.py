"""Who on this host has which address, and which address of this host's share is free. Pure; time is an argument.

What a container gave back rests for a while before another one gets it, so that what was on its way to the old one does
not reach the new one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

from weave_http.addresses import IP, Cidr, Network, order
from weave_http.errors import HostError
from weave_http.router.addresses import spans

REST = 30.0
"""Seconds for which an address that was given back is handed out to nobody else, as long as Weave's reservation."""


class Holdings:
    """What was handed out on this host.

    Args:
        held: the addresses by owner: the id of a container, or `weave:expose`.
    """

    def __init__(self, held: Mapping[str, tuple[Cidr, ...]] | None = None) -> None:
        self.held: dict[str, tuple[Cidr, ...]] = dict(held or {})
        self._owners: dict[IP, str] = {cidr.ip: owner for owner, each in self.held.items() for cidr in each}
        self._resting: dict[IP, tuple[float, str]] = {}
        self._numbers: dict[int, set[int]] = {4: set(), 6: set()}
        """What is held, as numbers by the version of IP."""
        for ip in self._owners:
            self._numbers[ip.version].add(int(ip))
        self._looked_at: tuple[Sequence[Network], Sequence[Network]] = (), ()
        self._new = {cidr for each in self.held.values() for cidr in each}
        self._strays: set[Cidr] = set()
        """Of what was looked at for those ranges and that share; the new ones were not looked at yet."""

    def __len__(self) -> int:
        return len(self._owners)

    def owner(self, address: IP) -> str | None:
        """Return who has an address."""
        return self._owners.get(address)

    def of(self, owner: str, subnet: Network | None = None) -> tuple[Cidr, ...]:
        """Return what an owner has, in all or of one subnet."""
        return tuple(each for each in self.held.get(owner, ()) if subnet is None or each.network == subnet)

    def allocate(self, owner: str, subnet: Network, share: Iterable[Network], now: float) -> Cidr | None:
        """Give an owner the lowest free address of a subnet, or the one that it has; None if there is none free."""
        for cidr in self.of(owner, subnet):
            return cidr
        ip = next(self._free(subnet, share, now, owner), None)
        if ip is None:
            return None
        cidr = as_cidr(ip, subnet.prefixlen)
        self.hold(owner, cidr)
        return cidr

    def hold(self, owner: str, cidr: Cidr) -> None:
        """Note that an owner has an address. Raises `HostError`: another one on this host has it."""
        other = self._owners.get(cidr.ip)
        if other not in (None, owner):
            raise HostError(f"{cidr.ip} is already owned by {str(other)[:12]} on this host", hint="choose another one")
        self._owners[cidr.ip] = owner
        self._numbers[cidr.version].add(int(cidr.ip))
        self._new.add(cidr)
        self._resting.pop(cidr.ip, None)
        self.held[owner] = tuple(dict.fromkeys((*self.held.get(owner, ()), cidr)))

    def release(self, owner: str, now: float, addresses: Iterable[IP] | None = None) -> tuple[Cidr, ...]:
        """Take addresses back, by default all that an owner has; return them. The same owner may have them again."""
        before = self.held.pop(owner, ())
        chosen = None if addresses is None else set(addresses)
        gone = tuple(cidr for cidr in before if chosen is None or cidr.ip in chosen)
        kept = tuple(cidr for cidr in before if cidr not in gone)
        if kept:
            self.held[owner] = kept
        for cidr in gone:
            self._owners.pop(cidr.ip, None)
            self._numbers[cidr.version].discard(int(cidr.ip))
            self._new.discard(cidr)
            self._strays.discard(cidr)
            self._resting[cidr.ip] = now + REST, owner
        return gone

    def free(self, within: Network, share: Iterable[Network], now: float) -> int:
        """Return how many addresses of a network could be handed out."""
        self._wake(now)
        mine = spans.inside(within, share)
        resting = {int(ip) for ip in self._resting if ip.version == within.version}
        taken = sorted(self._numbers[within.version] | resting)
        return spans.size(mine) - sum(bisect_right(taken, high) - bisect_left(taken, low) for low, high in mine)

    def spare(self, within: Network, share: Sequence[Network], now: float) -> Network | None:
        """Return the upper half of the largest free span of a network, or all of it if it is a single address.

        A single address is what somebody chose, mostly for a container that moves with it: that does not wait for it.
        """
        self._wake(now)
        if within.num_addresses == 1:
            ip = within.network_address
            return within if spans.covers(share, ip) and ip not in self._owners else None
        taken = [
            spans.block(within, int(ip), 1) for ip in (*self._owners, *self._resting) if ip.version == within.version
        ]
        mine = spans.inside(within, share)
        free = [
            (max(first, low), min(last, high))
            for first, last in spans.gaps(within, taken)
            for low, high in mine
            if low <= last and high >= first
        ]
        if not free:
            return None
        first, last = max(free, key=lambda each: each[1] - each[0])
        middle = first + (last - first + 1) // 2
        return spans.cut(within, [(middle, last)], spans.power_of_two(last - middle + 1))

    def strays(self, ranges: Sequence[Network], share: Sequence[Network]) -> list[Cidr]:
        """Return what is held of the range, and is not of our share."""
        if self._looked_at != (ranges, share):
            self._looked_at, self._strays = (ranges, share), set()
            self._new = {cidr for each in self.held.values() for cidr in each}
        if self._new:
            everything, ours = spans.Cover(ranges), spans.Cover(share)
            self._strays |= {cidr for cidr in self._new if cidr.ip not in ours and cidr.ip in everything}
            self._new.clear()
        return sorted(self._strays, key=order)

    def _free(self, subnet: Network, share: Iterable[Network], now: float, owner: str) -> Iterator[IP]:
        self._wake(now)
        kind, used = type(subnet.network_address), self._numbers[subnet.version]
        resting = (ip for ip, (_, whose) in self._resting.items() if whose != owner and ip.version == subnet.version)
        never = {*map(int, resting), *spans.span(subnet)}
        for first, last in spans.inside(subnet, share):
            yield from (kind(each) for each in range(first, last + 1) if each not in used and each not in never)

    def _wake(self, now: float) -> None:
        if self._resting:
            self._resting = {ip: rest for ip, rest in self._resting.items() if rest[0] > now}

    @property
    def wakes_at(self) -> float | None:
        """When an address will have rested long enough."""
        return min((until for until, _ in self._resting.values()), default=None)


def as_cidr(ip: IP, length: int) -> Cidr:
    """Return an address with the length of its network's prefix."""
    from ipaddress import ip_interface

    return ip_interface((ip, length))
