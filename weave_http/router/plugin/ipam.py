"""The IPAM driver: addresses of Docker's endpoints, out of the range that all hosts share.

All networks have one address space, so none is handed out twice, even where the subnets of two are the same.

A pool's id is the pool itself, so that none has to be remembered. An address belongs to the MAC that the engine chose
for the endpoint: it is told in every request, and tells a repeated one from another's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from time import monotonic
from typing import Any

from weave_http.addresses import Network
from weave_http.errors import HostError
from weave_http.net import sysctl
from weave_http.router.addresses import spans
from weave_http.router.addresses.service import AddressService
from weave_http.router.plugin import bodies
from weave_http.router.plugin.bodies import Body
from weave_http.router.plugin.registry import free_subnet
from weave_http.router.plugin.server import Call

SPACE = "weave"
"""The address space: one, whatever the network."""
OWNER = "weave:docker:"
"""Owner of an address, before the endpoint's MAC."""
GRACE = 60.0
"""Seconds for which an address is left alone that no endpoint has (yet)."""
_MAC = "com.docker.network.endpoint.macaddress"
_KIND, _GATEWAY = "RequestAddressType", "com.docker.network.gateway"


class Ipam:
    """The calls of an IPAM driver.

    Args:
        addresses: hands them out; None if nobody does.
        taken: returns the subnets of the networks that there are.
    """

    def __init__(self, addresses: AddressService | None, taken: Callable[[], Collection[Network]] = lambda: ()) -> None:
        self._given = addresses
        self._taken = taken
        self._asked: dict[str, float] = {}

    @property
    def calls(self) -> dict[str, Call]:
        """The calls by their names."""
        return {
            "IpamDriver.GetCapabilities": self.capabilities,
            "IpamDriver.GetDefaultAddressSpaces": self.spaces,
            "IpamDriver.RequestPool": self.request_pool,
            "IpamDriver.ReleasePool": self.release_pool,
            "IpamDriver.RequestAddress": self.request_address,
            "IpamDriver.ReleaseAddress": self.release_address,
        }

    async def capabilities(self, body: Body) -> Mapping[str, Any]:
        """Ask for the MAC with each request, and for no repetition after the engine's start."""
        return {"RequiresMACAddress": True, "RequiresRequestReplay": False}

    async def spaces(self, body: Body) -> Mapping[str, Any]:
        """Name the address space."""
        return {"LocalDefaultAddressSpace": SPACE, "GlobalDefaultAddressSpace": SPACE}

    async def request_pool(self, body: Body) -> Mapping[str, Any]:
        """Return the pool that is asked for, one that no network has yet if none is."""
        options = self._addresses.options
        version = 6 if body.get("V6") else 4
        ranges = [each for each in options.ranges if each.version == version]
        if not ranges:
            hint = "launch all hosts with a range of both, --ipalloc-range 10.32.0.0/12,fd00:32::/64"
            raise HostError(f"no addresses of IPv{version} are handed out", hint=hint)
        if version == 6:
            sysctl.check_ipv6()
        given = bodies.text(body, "Pool")
        pool = bodies.network(given) if given else free_subnet(ranges, options.defaults, self._taken())
        if pool is None:
            shown = ", ".join(map(str, ranges))
            raise HostError(f"no subnet of {shown} is free for one more network", hint="give one by --subnet")
        part = bodies.network(given) if (given := bodies.text(body, "SubPool")) else None
        if not spans.within(ranges, pool):
            shown = ", ".join(map(str, ranges))
            raise HostError(f"{pool} is not within {shown}, out of which addresses are handed out")
        if part is not None and not spans.within((pool,), part):
            raise HostError(f"the range {part} is not within the subnet {pool}")
        # There is no gateway; the engine wants one to be named.
        data = {_GATEWAY: str(pool)}
        return {"PoolID": f"{pool} {part or ''}".strip(), "Pool": str(pool), "Data": data}

    async def release_pool(self, body: Body) -> Mapping[str, Any]:
        """Do nothing: a pool is no more than its name."""
        return {}

    async def request_address(self, body: Body) -> Mapping[str, Any]:
        """Return an address that nobody else has, on any host."""
        pool, part = _pool(body)
        options = bodies.mapping(body, "Options")
        given = bodies.text(body, "Address")
        if bodies.text(options, _KIND) == _GATEWAY:
            if given and bodies.address(given) not in pool:
                raise HostError(f"the gateway {given} is not within the subnet {pool}")
            return {"Address": str(bodies.of_network(bodies.address(given), pool)) if given else str(pool), "Data": {}}
        mac = bodies.text(options, _MAC)
        if not mac:
            raise HostError(f"{given or 'an address'} is for no endpoint", hint="leave out --aux-address")
        owner = f"{OWNER}{mac}"
        self._asked[owner] = monotonic()
        if given:
            cidr = bodies.of_network(bodies.address(given), pool)
            if cidr.ip not in pool:
                raise HostError(f"{given} is not within the subnet {pool}")
            await self._addresses.claim(owner, cidr)
        else:
            (found,) = await self._addresses.allocate(owner, part or pool)
            cidr = bodies.of_network(found.ip, pool)
        return {"Address": str(cidr), "Data": {}}

    async def release_address(self, body: Body) -> Mapping[str, Any]:
        """Take an address back, if an endpoint has it."""
        ip = bodies.address(bodies.text(body, "Address").partition("/")[0])
        owner = self._addresses.allocator.holdings.owner(ip)
        if owner is not None and owner.startswith(OWNER):
            await self._addresses.release(owner, [ip])
            self._asked.pop(owner, None)
        return {}

    @property
    def in_use(self) -> bool:
        """Whether any endpoint has an address."""
        return self._given is not None and any(each.startswith(OWNER) for each in self._given.allocator.holdings.held)

    async def keep_only(self, macs: Collection[str]) -> list[str]:
        """Take back what endpoints had that are no more: the engine died before it could say so.

        Args:
            macs: of all endpoints that there are.

        Returns:
            the addresses.
        """
        if self._given is None:
            return []
        due = monotonic() - GRACE
        alive = {f"{OWNER}{mac}" for mac in macs}
        gone = [
            owner
            for owner in self._given.allocator.holdings.held
            if owner.startswith(OWNER) and owner not in alive and self._asked.get(owner, due) <= due
        ]
        self._asked = {owner: at for owner, at in self._asked.items() if at > due}
        return [str(cidr.ip) for owner in gone for cidr in await self._given.release(owner)]

    @property
    def _addresses(self) -> AddressService:
        if self._given is None:
            raise HostError("no addresses are handed out: the router was launched with an empty --ipalloc-range")
        return self._given


def _pool(body: Body) -> tuple[Network, Network | None]:
    """Return a pool, and the part of it that addresses are from. Raises `HostError`."""
    pool, _, part = bodies.text(body, "PoolID").partition(" ")
    return bodies.network(pool), bodies.network(part) if part else None
