"""Changes of a create body: what `run` makes of the one that docker run would send. Pure, for both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from weave_http import constants
from weave_http.hints import Any
from weave_http.operations.hostnames import is_inside
from weave_http.records import dataclass
from weave_http.run_args import RunArgumentError

WAITER_FAILURES = (125, 126, 127)
"""Exit codes of the waiter itself: it can't wait; the program can't be run; there is no such program."""
WAITER_SAYS = "weave: exec: "
"""How the line begins in which it says why."""
LONGEST_HOSTNAME = 64
"""Characters that a hostname may have, in Linux."""
NAMELESS = "this container can't use the network's names"
"""How a warning begins whose end says why."""
LEFT_ALONE = "WEAVE_CIDR"
"""Variable by which Weave's own tools on the host know a container that is joined by somebody else."""


@dataclass(frozen=True, slots=True)
class Names:
    """The network's name server, as containers are told of it.

    Args:
        address: where it listens.
        domain: of the names, without its last dot; may be empty.
    """

    address: str
    domain: str

    @classmethod
    def of(cls, options: Sequence[str]) -> Names | None:
        """Return the server that the words of `weave dns-args` name; None if they name none.

        Args:
            options: as `--dns=172.17.0.1 --dns-search=weave.local.`.
        """
        given = dict(word.partition("=")[::2] for word in options)
        server = given.get("--dns")
        return cls(server, given.get("--dns-search", "").strip(".")) if server else None


def check_network(config: Mapping[str, Any]) -> None:
    """Raise `RunArgumentError` if a container has no network namespace of its own, and so can't be joined."""
    mode = str((config.get("HostConfig") or {}).get("NetworkMode") or "")
    if mode == "host":
        raise RunArgumentError("a container with --network host can't be joined: it has the host's own interfaces")
    if mode.startswith("container:"):
        raise RunArgumentError(
            f"a container with --network {mode} can't be joined: its interfaces are the other container's",
            hint="attach that one: `weave attach CIDR… CONTAINER`",
        )


def marked(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a create body that says that the container is joined already, for what else there is of Weave."""
    environment = list(config.get("Env") or ())
    if any(item.partition("=")[0] == LEFT_ALONE for item in environment):
        return dict(config)
    return {**config, "Env": [f"{LEFT_ALONE}=none", *environment]}


def named(config: Mapping[str, Any], name: str, names: Names | None) -> dict[str, Any]:
    """Return a create body of a container that asks the network's name server, and has the name that it is given.

    A hostname in the server's domain is a name on the network. What the body says itself stays.

    Args:
        config: the create body.
        name: of the container; empty for none.
        names: the server; None where no names are served.
    """
    host, hostname = config.get("HostConfig") or {}, str(config.get("Hostname") or "")
    if names is None or host.get("Dns"):
        return dict(config)
    domain = names.domain
    changed = dict(config)
    if name and not hostname and domain and len(name) + 1 + len(domain) <= LONGEST_HOSTNAME:
        changed["Hostname"] = hostname = f"{name}.{domain}"
    # With none, a resolver searches the domain of its own hostname.
    elsewhere = "." in hostname.strip(".") and not is_inside(hostname.rstrip("."), domain)
    search = "." if elsewhere or not domain else f"{domain}."
    return {**changed, "HostConfig": {**host, "Dns": [names.address], "DnsSearch": host.get("DnsSearch") or [search]}}


def behind_waiter(config: Mapping[str, Any], image: Mapping[str, Any], volumes: str) -> dict[str, Any]:
    """Return a create body with the waiter before the program.

    Args:
        config: the create body.
        image: what `GET /images/{name}/json` says of its image.
        volumes: name of the container that holds the waiter.

    Raises:
        RunArgumentError: there is no program, or something else is to be mounted where the waiter is.
    """
    entrypoint, command = _program(config, image.get("Config") or {})
    if not entrypoint and not command:
        raise RunArgumentError("no command specified")
    if constants.WAITER_FOLDER in _mounted(config):
        raise RunArgumentError(
            f"weave itself mounts something at {constants.WAITER_FOLDER}", hint="use another path, or say --no-wait"
        )
    before = (
        [] if entrypoint[:1] == [constants.WAITER] else [constants.WAITER]
    )  # an image made of such a container has it
    host = config.get("HostConfig") or {}
    changed = {
        **config,
        "Entrypoint": [*before, *entrypoint],
        "HostConfig": {**host, "VolumesFrom": [*(host.get("VolumesFrom") or ()), f"{volumes}:ro"]},
    }
    if command:
        changed["Cmd"] = command
    return changed


def _program(config: Mapping[str, Any], image: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return entrypoint and command as the daemon would put them together of a create body and its image."""
    entrypoint, command = list(config.get("Entrypoint") or ()), list(config.get("Cmd") or ())
    if not entrypoint:
        entrypoint = list(image.get("Entrypoint") or ())
        command = command or list(image.get("Cmd") or ())
    return ([] if entrypoint == [""] else entrypoint), command


def _mounted(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths at which a create body wants something mounted."""
    host = config.get("HostConfig") or {}
    targets = [
        *(config.get("Volumes") or ()),
        *(bind.split(":")[1] for bind in host.get("Binds") or () if ":" in bind),
        *(str(mount.get("Target", "")) for mount in host.get("Mounts") or ()),
        *(host.get("Tmpfs") or ()),
    ]
    for target in targets:
        yield target.rstrip("/")
