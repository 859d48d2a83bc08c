"""Fields of a create request that not every daemon knows.

A daemon drops what it does not know without a word, and the container is not what was asked for. So the client knows
since when there is which field. What can do without is left out, with a warning; where the container would be another
one than was meant (a whole volume instead of a part of it), there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weave_http.engine.errors import VersionError
from weave_http.engine.version import Version, version_text
from weave_http.hints import Any
from weave_http.records import dataclass

ANY = "*"
"""In a path: every item of a list or an object."""

_DOCKER = {41: "20.10", 42: "23", 43: "24", 44: "25", 45: "26", 46: "27", 48: "28", 52: "29"}
_ENDPOINT_MAC_SINCE = (1, 44)
_SEVERAL_NETWORKS_SINCE = (1, 44)
_CONTAINER_MAC_UNTIL = (1, 52)


@dataclass(frozen=True, slots=True)
class Gate:
    """One field and the versions that know it.

    Args:
        path: keys from the top of the body to the field.
        since: the first version that knows it.
        until: the first that does not know it any more; None if there is none yet.
        refuse: without it the container would not be what was asked for.
        value: the value that is meant; None for any.
    """

    path: tuple[str, ...]
    since: Version = (1, 0)
    until: Version | None = None
    refuse: bool = False
    value: object = None

    @property
    def words(self) -> str:
        """The field as people write it: `HostConfig.Mounts.VolumeOptions.Subpath`."""
        name = ".".join(step for step in self.path if step != ANY)
        return f"{name} {self.value!r}" if self.value is not None else name


_BIND = ("HostConfig", "Mounts", ANY, "BindOptions")
_NETWORKS = ("NetworkingConfig", "EndpointsConfig", ANY)

GATES: tuple[Gate, ...] = (
    Gate(("HostConfig", "CgroupnsMode"), (1, 41)),
    Gate((*_BIND, "CreateMountpoint"), (1, 42)),
    Gate(("HostConfig", "KernelMemory"), until=(1, 42)),
    Gate(("HostConfig", "Annotations"), (1, 43)),
    Gate(("Healthcheck", "StartInterval"), (1, 44)),
    Gate((*_BIND, "ReadOnlyNonRecursive"), (1, 44)),
    Gate((*_BIND, "ReadOnlyForceRecursive"), (1, 44), refuse=True),
    Gate((*_NETWORKS, "MacAddress"), _ENDPOINT_MAC_SINCE),
    Gate(("HostConfig", "Mounts", ANY, "VolumeOptions", "Subpath"), (1, 45), refuse=True),
    Gate(("HostConfig", "Mounts", ANY, "TmpfsOptions", "Options"), (1, 46)),
    Gate((*_NETWORKS, "DriverOpts", "com.docker.network.endpoint.sysctls"), (1, 46)),
    Gate((*_NETWORKS, "GwPriority"), (1, 48)),
    Gate(("HostConfig", "Mounts", ANY, "Type"), (1, 48), refuse=True, value="image"),
)


def gate(config: Mapping[str, Any], version: Version, where: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a create request as a daemon understands it, and a warning for each field that is left out.

    Args:
        config: the body of `POST /containers/create`; it stays as it is.
        version: the API version in use.
        where: the daemon, for messages.

    Raises:
        VersionError: the daemon lacks something that the container can't do without.
    """
    from copy import deepcopy

    adapted: dict[str, Any] = deepcopy(dict(config))
    _count_networks(adapted, version, where)
    _move_mac_address(adapted, version)
    warnings: list[str] = []
    for entry in GATES:
        if entry.since <= version and (entry.until is None or version < entry.until):
            continue
        # All of it first: what is left out changes what is walked through.
        found = [holder for holder in _holders(adapted, entry.path) if _is_meant(entry, holder[entry.path[-1]])]
        if not found:
            continue
        reason = _reason(entry, version, where)
        if entry.refuse:
            raise VersionError(reason, hint="a newer Docker is needed for it")
        warnings.append(f"{reason}: left out")
        for holder in found:
            del holder[entry.path[-1]]
    return adapted, tuple(warnings)


def _count_networks(config: Mapping[str, Any], version: Version, where: str) -> None:
    """Refuse several networks at once where the daemon takes one."""
    networking = config.get("NetworkingConfig")
    endpoints = networking.get("EndpointsConfig") if isinstance(networking, dict) else None
    if isinstance(endpoints, dict) and len(endpoints) > 1 and version < _SEVERAL_NETWORKS_SINCE:
        needed = Gate(("NetworkingConfig", "EndpointsConfig", "of several networks"), _SEVERAL_NETWORKS_SINCE)
        raise VersionError(_reason(needed, version, where), hint="connect the others once it is created")


def _reason(entry: Gate, version: Version, where: str) -> str:
    spoken = f"{where} speaks {version_text(version)}"
    if entry.until is not None and version >= entry.until:
        return f"{entry.words} is gone since API {version_text(entry.until)}, and {spoken}"
    docker = _DOCKER.get(entry.since[1], "")
    return f"{entry.words} needs API {version_text(entry.since)} (Docker {docker}), and {spoken}"


def _is_meant(entry: Gate, value: object) -> bool:
    """Tell whether a field says anything: zero values mean that it was not set."""
    return value == entry.value if entry.value is not None else bool(value)


def _holders(value: object, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield the objects that hold the field at the end of a path."""
    step, *rest = path
    if step == ANY:
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for item in items:
            yield from _holders(item, tuple(rest))
    elif isinstance(value, dict) and step in value:
        if rest:
            yield from _holders(value[step], tuple(rest))
        else:
            yield value


def _move_mac_address(config: dict[str, Any], version: Version) -> None:
    """Put a MAC address where the daemon looks for it: it was the container's once, and now is the endpoint's."""
    host = config.get("HostConfig")
    network = (host.get("NetworkMode") if isinstance(host, dict) else None) or "default"
    if version < _ENDPOINT_MAC_SINCE:
        endpoint = ((config.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}).get(network)
        if isinstance(endpoint, dict) and endpoint.get("MacAddress"):
            address = endpoint.pop("MacAddress")
            config["MacAddress"] = config.get("MacAddress") or address
    elif version >= _CONTAINER_MAC_UNTIL and config.get("MacAddress"):
        address = config.pop("MacAddress")
        networking = config.get("NetworkingConfig") or {}
        endpoints = networking.get("EndpointsConfig") or {}
        endpoint = endpoints.get(network) or {}
        endpoint["MacAddress"] = endpoint.get("MacAddress") or address
        config["NetworkingConfig"] = {**networking, "EndpointsConfig": {**endpoints, network: endpoint}}
