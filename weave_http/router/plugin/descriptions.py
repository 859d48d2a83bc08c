"""How the engine describes a further network, and how it is told of one to make. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface, ip_network
from typing import Any

from weave_http import constants
from weave_http.errors import HostError
from weave_http.router.plugin.networks import MULTICAST, multicast_of
from weave_http.router.plugin.registry import Design, Pool, Record


def design_of(described: Mapping[str, Any]) -> Design:
    """Return how a Docker network was asked for. Raises `HostError`: it is none that there can be.

    Args:
        described: what inspect said.
    """
    try:
        pools = {pool.subnet.version: pool for pool in map(_pool, (described.get("IPAM") or {}).get("Config") or ())}
        if 4 not in pools:
            raise ValueError("it has no subnet of IPv4")
        return Design(
            pools[4],
            # The engine also keeps a subnet that it was given without `--ipv6`, and makes nothing of it.
            pools[6] if described.get("EnableIPv6") else None,
            bool(described.get("Internal")),
            multicast_of(described.get("Options") or {}),
        )
    except (ValueError, KeyError) as error:
        raise HostError(f"network {described.get('Name')} makes no sense: {error}") from error


def _pool(config: Mapping[str, Any]) -> Pool:
    subnet = ip_network(config["Subnet"])
    gateway = ip_interface(config["Gateway"]).ip if config.get("Gateway") else None
    return Pool(
        subnet,
        ip_network(config["IPRange"]) if config.get("IPRange") else None,
        gateway if gateway != subnet.network_address else None,
    )


def body_of(record: Record) -> dict[str, Any]:
    """Return the body of `POST /networks/create` for a network that another host has made."""
    design = record.design
    config = [
        {
            "Subnet": str(pool.subnet),
            **({"IPRange": str(pool.part)} if pool.part else {}),
            **({"Gateway": str(pool.gateway)} if pool.gateway else {}),
        }
        for pool in design.pools
    ]
    return {
        "Name": record.name,
        "CheckDuplicate": True,
        "Driver": constants.NETWORK_DRIVER,
        "EnableIPv6": design.ipv6 is not None,
        "Internal": design.internal,
        "IPAM": {"Driver": constants.IPAM_DRIVER, "Config": config},
        "Options": {
            constants.NETWORK_OPTION: str(record.identity),
            MULTICAST: str(design.multicast).lower(),
        },
    }
