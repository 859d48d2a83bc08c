"""The network driver: endpoints of Docker's networks, as veths on a bridge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from weave_http import constants
from weave_http.errors import HostError
from weave_http.net import endpoint
from weave_http.router.blocking import in_thread
from weave_http.router.plugin import bodies
from weave_http.router.plugin.bodies import Body
from weave_http.router.plugin.catalogue import Catalogue
from weave_http.router.plugin.ipam import SPACE
from weave_http.router.plugin.networks import Networks, identity_of, is_of_all, multicast_of
from weave_http.router.plugin.server import Call

_CONNECTED = 1
"""Type of a route that leads to the interface itself."""
_MULTICAST = "224.0.0.0/4"


class Driver:
    """The calls of a network driver.

    Args:
        networks: that there are.
        catalogue: told of the further ones.
        leaving: tells whether this host leaves: what the engine removes then, the other hosts keep.
    """

    def __init__(self, networks: Networks, catalogue: Catalogue, leaving: Callable[[], bool] = lambda: False) -> None:
        self._networks = networks
        self._catalogue = catalogue
        self._leaving = leaving

    @property
    def calls(self) -> dict[str, Call]:
        """The calls by their names."""
        return {
            "NetworkDriver.GetCapabilities": self.capabilities,
            "NetworkDriver.CreateNetwork": self.create_network,
            "NetworkDriver.DeleteNetwork": self.delete_network,
            "NetworkDriver.CreateEndpoint": self.create_endpoint,
            "NetworkDriver.EndpointOperInfo": self.endpoint_info,
            "NetworkDriver.DeleteEndpoint": self.delete_endpoint,
            "NetworkDriver.Join": self.join,
            "NetworkDriver.Leave": self.leave,
            "NetworkDriver.DiscoverNew": self.nothing,
            "NetworkDriver.DiscoverDelete": self.nothing,
            "NetworkDriver.ProgramExternalConnectivity": self.nothing,
            "NetworkDriver.RevokeExternalConnectivity": self.nothing,
        }

    async def capabilities(self, body: Body) -> Mapping[str, Any]:
        """Say that networks are this engine's own to know, and reach beyond it."""
        return {"Scope": "local", "ConnectivityScope": "global"}

    async def nothing(self, body: Body) -> Mapping[str, Any]:
        """Do nothing: what is outside of the network, and published ports, are the engine's own bridge's matter."""
        return {}

    async def create_network(self, body: Body) -> Mapping[str, Any]:
        """Note a network."""
        identity = bodies.identity(body, "NetworkID")
        four, six = (bodies.spaces(body, key) for key in ("IPv4Data", "IPv6Data"))
        if not four and six:
            raise HostError("a network of weave has IPv4, with IPv6 or without", hint="leave out --ipv4=false")
        if four != [SPACE] or six not in ([], [SPACE]):
            raise HostError(
                "each engine would hand out the addresses of this network by itself, and the same ones twice",
                hint=f"have weave do it, in one subnet of each version of IP: --ipam-driver {constants.IPAM_DRIVER}",
            )
        options = bodies.mapping(bodies.mapping(body, "Options"), bodies.GENERIC)
        further = not is_of_all(options)
        new = further and identity_of(options) is None
        await self._catalogue.create(identity, further=further, multicast=multicast_of(options), new=new)
        return {}

    async def delete_network(self, body: Body) -> Mapping[str, Any]:
        """Forget a network; a further one goes from all hosts."""
        await self._catalogue.delete(bodies.identity(body, "NetworkID"), everywhere=not self._leaving())
        return {}

    async def create_endpoint(self, body: Body) -> Mapping[str, Any]:
        """Agree with the address that the endpoint has; its veth is made when a container joins by it."""
        self._networks.of(bodies.identity(body, "NetworkID"))
        bodies.identity(body, "EndpointID")
        if not bodies.text(bodies.mapping(body, "Interface"), "Address"):
            raise HostError("an endpoint without an address", hint=f"expected one of {constants.IPAM_DRIVER}")
        return {"Interface": {}}

    async def endpoint_info(self, body: Body) -> Mapping[str, Any]:
        """Say nothing more of an endpoint."""
        return {"Value": {}}

    async def delete_endpoint(self, body: Body) -> Mapping[str, Any]:
        """Remove what is left of an endpoint."""
        await in_thread(partial(endpoint.unplug, bodies.identity(body, "EndpointID")))
        return {}

    async def join(self, body: Body) -> Mapping[str, Any]:
        """Make the veth, for the engine to move into the container."""
        identity = bodies.identity(body, "NetworkID")
        bridge = self._networks.bridge(identity)
        await self._catalogue.ready(identity)
        network = self._networks.of(identity)
        name = await in_thread(partial(endpoint.plug, bodies.identity(body, "EndpointID"), bridge))
        gateway, gateway_6 = network.gateways
        routes = [{"Destination": _MULTICAST, "RouteType": _CONNECTED}] if network.multicast else []
        return {
            "InterfaceName": {"SrcName": name, "DstPrefix": constants.GUEST_INTERFACE},
            "Gateway": gateway,
            "GatewayIPv6": gateway_6,
            "StaticRoutes": routes,
        }

    async def leave(self, body: Body) -> Mapping[str, Any]:
        """Take the veth away."""
        await in_thread(partial(endpoint.unplug, bodies.identity(body, "EndpointID")))
        return {}
