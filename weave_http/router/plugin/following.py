"""Follows the engine's networks of ours: their endpoints, and what these are called.

A thread reads the engine's events. Whatever happens to one of these networks, and whenever the engine could be
(re)connected to, all of them are looked at; a container is looked at once for each endpoint that it gets.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_interface
from typing import Any

from weave_http.addresses import Cidr, Network
from weave_http.engine import Engine, local_engine
from weave_http.engine.errors import NotFound
from weave_http.errors import WeaveError
from weave_http.host.dns_names import full_name
from weave_http.host.plugin_files import DRIVERS
from weave_http.net import endpoint
from weave_http.records import dataclass, replace
from weave_http.router.engine import engine_socket
from weave_http.router.mesh.backoff import delay
from weave_http.router.plugin import default_network
from weave_http.router.plugin.starting import Starting

logger = logging.getLogger(__name__)

_FILTERS = {"type": ["network"], "event": ["create", "connect", "disconnect", "destroy", "remove"]}
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container on a network of ours.

    Args:
        container: full id.
        network: id of the network.
        port: name of the host's end.
        mac: of its end.
        addresses: of its end: one, or one of each version of IP.
        names: that it has.
    """

    container: str
    network: str
    port: str
    mac: str
    addresses: tuple[Cidr, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """How things are.

    Args:
        networks: descriptions of the networks, as inspect gives them.
        endpoints: on all of them.
    """

    networks: Sequence[Mapping[str, Any]]
    endpoints: Sequence[Endpoint]


class Following:
    """The thread.

    Args:
        found: told how things are; called in the thread.
        procfs: where the host's /proc is mounted.
        subnets: of the network `weave`, one a version of IP; none not to make it.
    """

    def __init__(self, found: Callable[[Found], None], procfs: str, subnets: Sequence[Network]) -> None:
        self._found = found
        self._subnets = subnets
        self._procfs = procfs
        self._known: dict[tuple[str, str, str], Endpoint] = {}
        self._stopping = threading.Event()
        self._starting = Starting(self._stopping)

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._follow, name="networks", daemon=True).start()

    def stop(self) -> None:
        """Follow no more; what is under way is not waited for."""
        self._stopping.set()

    def _follow(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                since = str(int(time.time()) - 1)
                with local_engine(engine_socket()) as engine, engine.system.events(_FILTERS, since=since) as events:
                    if self._subnets:
                        default_network.ensure(engine, self._subnets)
                    self.look(engine)
                    self._starting.begin()
                    failures = 0
                    for event in events:
                        if (event.get("Actor") or {}).get("Attributes", {}).get("type") in DRIVERS:
                            self.look(engine)
            except (WeaveError, OSError) as error:
                logger.debug("can't follow the engine's networks: %s", error)
            failures += 1
            self._stopping.wait(min(delay(failures), _LONGEST_PAUSE))

    def look(self, engine: Engine) -> None:
        """Look at all networks, and tell what is found. Raises `EngineError`."""
        listed = engine.networks.list(filters={"driver": list(DRIVERS)})
        networks = []
        for network in listed:
            with suppress(NotFound):
                networks.append(engine.networks.inspect(str(network["Id"])))
        known: dict[tuple[str, str, str], Endpoint] = {}
        for each in _endpoints(networks):
            key = each.container, each.port, each.mac
            known[key] = self._known.get(key) or self._greeted(engine, each)
        self._known = known
        self._found(Found(networks, list(known.values())))

    def guard(self, ports: Collection[str]) -> None:
        """Have the host look again at what comes from the endpoints with these ports. Blocking."""
        for each in self._known.values():
            if each.port in ports:
                _guard(each)

    def _greeted(self, engine: Engine, each: Endpoint) -> Endpoint:
        """Set for an endpoint what the engine does not; return it with its names."""
        _guard(each)
        try:
            container = engine.containers.inspect(each.container)
            if pid := container["State"].get("Pid"):
                endpoint.settle(f"{self._procfs}/{pid}/ns/net", each.mac, each.addresses)
        except NotFound:
            return each
        except (WeaveError, OSError) as error:
            logger.warning("container %s: %s", each.container[:12], error)
            return each
        return replace(each, names=names_of(container, each.network))


def _guard(each: Endpoint) -> None:
    try:
        endpoint.guard(each.port, each.mac, each.addresses)
    except (WeaveError, OSError) as error:
        logger.warning("container %s: %s", each.container[:12], error)


def _endpoints(networks: Iterable[Mapping[str, Any]]) -> Iterable[Endpoint]:
    for network in networks:
        for container, each in (network.get("Containers") or {}).items():
            addresses = tuple(ip_interface(each[key]) for key in ("IPv4Address", "IPv6Address") if each.get(key))
            if addresses and each.get("MacAddress"):
                port = endpoint.port_name(str(each.get("EndpointID") or ""))
                yield Endpoint(str(container), str(network["Id"]), port, str(each["MacAddress"]), addresses)


def names_of(container: Mapping[str, Any], network: str) -> tuple[str, ...]:
    """Return what a container is called on a network: its hostname if that has a domain, its name, its aliases.

    Args:
        container: what inspect said.
        network: id of the network.
    """
    settings = (container.get("NetworkSettings") or {}).get("Networks") or {}
    aliases = [
        str(alias)
        for each in settings.values()
        if each.get("NetworkID") == network
        for alias in each.get("Aliases") or ()
    ]
    names = [full_name(container), str(container["Name"]).removeprefix("/"), *aliases]
    return tuple(dict.fromkeys(name for name in names if name and name != container["Id"][:12]))
