"""What the proxy changes: a create body, the body of exec-create, the answer to inspect. Pure.

A create body is changed as `weave run` does it: the waiter before the program, the router as name server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weave_http import constants
from weave_http.addresses import Cidr
from weave_http.operations.create_body import LONGEST_HOSTNAME, Names, behind_waiter
from weave_http.proxy.joining import labels_of
from weave_http.proxy.settings import Settings
from weave_http.run_args import RunArgumentError


def words_of(value: Any) -> list[str]:
    """Return a command as a list: the API takes a list or a single text."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(word) for word in value]


def check(body: Any) -> dict[str, Any]:
    """Return a create body whose parts have the types that they are read by.

    Raises:
        RunArgumentError: it is none.
    """
    parts = {"HostConfig": dict, "Labels": dict, "Env": list}
    if not isinstance(body, dict) or any(
        not isinstance(body.get(key), (kind, type(None))) for key, kind in parts.items()
    ):
        raise RunArgumentError("the body makes no container")
    return {**body, "Entrypoint": words_of(body.get("Entrypoint")), "Cmd": words_of(body.get("Cmd"))}


def created(
    body: Mapping[str, Any],
    name: str,
    image: Mapping[str, Any],
    volumes: str,
    names: Names | None,
    settings: Settings,
    *,
    in_one: bool = False,
) -> dict[str, Any]:
    """Return a create body of which a container comes about that can join.

    Args:
        body: as the client sent it, checked.
        name: that the client chose for the container, or empty.
        image: what `GET /images/{name}/json` says of its image.
        volumes: name of the container that holds the waiter.
        names: the name server, None for a container that is not to use it.
        settings: how hostnames come about.
        in_one: the hostname has the domain in it: Podman keeps no `Domainname`.

    Raises:
        RunArgumentError: it can't be changed like this.
    """
    changed = behind_waiter(body, image, volumes)
    return changed if names is None else _with_names(changed, name, names, settings, in_one=in_one)


def _with_names(
    body: Mapping[str, Any], name: str, names: Names, settings: Settings, *, in_one: bool
) -> dict[str, Any]:
    changed = dict(body)
    if not changed.get("Hostname"):
        hostname = settings.hostname(name, labels_of(body))
        full = f"{hostname}.{names.domain}"
        if hostname and len(full) <= LONGEST_HOSTNAME:
            changed |= {"Hostname": full} if in_one else {"Hostname": hostname, "Domainname": names.domain}
    host = dict(changed.get("HostConfig") or {})
    host["Dns"] = [names.address, *(host.get("Dns") or ())]
    if not host.get("DnsSearch"):
        host["DnsSearch"] = ["." if changed.get("Hostname") else names.domain]
    return {**changed, "HostConfig": host}


def has_waiter(found: Mapping[str, Any]) -> bool:
    """Tell of what inspect says whether the container's program waits for the network."""
    return bool(found.get("Path") == constants.WAITER)


def exec_waiting(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of exec-create with the waiter before the command."""
    command = words_of(body.get("Cmd"))
    if not command or command[0] == constants.WAITER:
        return dict(body)
    return {**body, "Cmd": [constants.WAITER, *command]}


def inspected(found: Mapping[str, Any], mac: str, addresses: Sequence[Cidr]) -> dict[str, Any]:
    """Return what inspect says, with the network's addresses in place of the engine's.

    Args:
        found: the engine's answer.
        mac: of the container's interface.
        addresses: of that interface; the first one is shown, and the others as secondary ones.
    """
    if not addresses:
        return dict(found)
    first, *others = addresses
    settings = dict(found.get("NetworkSettings") or {})
    shown = {"IPAddress": str(first.ip), "IPPrefixLen": first.network.prefixlen, "MacAddress": mac, "Gateway": ""}
    settings |= shown
    settings["Bridge"] = constants.BRIDGE
    settings["SecondaryIPAddresses"] = [
        {"Addr": str(each.ip), "PrefixLen": each.network.prefixlen} for each in others
    ] or None
    mode = str((found.get("HostConfig") or {}).get("NetworkMode") or "")
    networks = dict(settings.get("Networks") or {})
    own = "bridge" if mode in ("", "default") else mode
    if own not in networks and len(networks) == 1:
        (own,) = networks  # Podman's `bridge` is called `podman` there
    if own in networks:
        networks[own] = {**networks[own], **shown}
        settings["Networks"] = networks
    return {**found, "NetworkSettings": settings}
