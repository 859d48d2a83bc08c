"""What a command gets to work with: streams, environment, the engine, the router."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from weave_http import constants
from weave_http.addresses import Cidr, parse_cidr
from weave_http.errors import HostError, UsageError

if TYPE_CHECKING:
    from weave_http.engine import Engine
    from weave_http.host.router_client import RouterClient
    from weave_http.net.guest import Target


class Host:
    """The Docker host as a command sees it; engine and router are spoken to when first asked for.

    Args:
        env: environment of the command.
        stdout: for what was asked for.
        stderr: for what went wrong.
    """

    def __init__(self, env: Mapping[str, str], stdout: TextIO, stderr: TextIO) -> None:
        self.env = env
        self.stdout = stdout
        self.stderr = stderr

    def close(self) -> None:
        """Let go of the connections that were made. Idempotent."""
        engine = self.__dict__.pop("engine", None)
        if engine is not None:
            engine.close()

    @cached_property
    def engine(self) -> Engine:
        """The engine behind the mounted socket."""
        from weave_http.engine import local_engine

        return local_engine(constants.DOCKER_SOCKET)

    @cached_property
    def router(self) -> RouterClient:
        """The router's API, at `WEAVE_HTTP_ADDR` or where it is by default. Raises `UsageError`."""
        from weave_http.host.router_client import RouterClient, http_address

        where = self.env.get("WEAVE_HTTP_ADDR")
        return RouterClient(*http_address(where)) if where else RouterClient()

    @property
    def procfs(self) -> str:
        """Where the host's /proc is."""
        return self.env.get("PROCFS") or constants.PROCFS

    @property
    def router_container(self) -> str:
        """Name of the router's container."""
        return self.env.get("WEAVE_CONTAINER_NAME") or constants.ROUTER_CONTAINER

    @property
    def docker_bridge(self) -> str:
        """Name of the engine's default bridge."""
        return self.env.get("DOCKER_BRIDGE") or constants.DOCKER_BRIDGE

    def wanted_mtu(self) -> int | None:
        """Return the overlay's MTU in bytes as `WEAVE_MTU` wants it, or nothing. Raises `HostError`."""
        text = self.env.get("WEAVE_MTU", "")
        if not text:
            return None
        if text.isascii() and text.isdecimal() and constants.LEAST_MTU <= int(text) <= constants.GREATEST_MTU:
            return int(text)
        raise HostError(
            f"WEAVE_MTU is {text!r}", hint=f"expected {constants.LEAST_MTU} to {constants.GREATEST_MTU} bytes"
        )

    def say(self, line: str) -> None:
        """Print a line that was asked for."""
        self.stdout.write(f"{line}\n")

    def warn(self, line: str) -> None:
        """Print a line about something that went wrong."""
        self.stderr.write(f"{line}\n")

    def warn_of_overlaps(self, addresses: Sequence[str]) -> None:
        """Print a warning for each address whose network the host has another way to. Raises `HostError`."""
        from weave_http.net import routes

        for cidr, route in routes.overlaps(map(parse_cidr, addresses)).items():
            self.warn(f"WARNING: {cidr} overlaps the route {route} of this host")

    def container(self, reference: str) -> dict[str, Any]:
        """Return what the engine knows of a container (`GET /containers/{id}/json`).

        Raises:
            HostError: there is none of that name or id.
            EngineError: the engine can't be asked.
        """
        from weave_http.engine.errors import InvalidReference, NotFound

        try:
            return self.engine.containers.inspect(reference)
        except (InvalidReference, NotFound) as error:
            raise HostError(error.message) from error

    def record(self, container: Mapping[str, Any], addresses: Sequence[Cidr]) -> None:
        """Tell the router which addresses a container has, so that it gets them again when it restarts.

        Without a router there is nobody to tell; the network of this host works without one.

        Args:
            container: what inspect said.
            addresses: all that it had after the change, none to have it forgotten. Where several commands change a
                container at once, what it has by now is what the router is told.

        Raises:
            RouterError: the router refused.
        """
        from weave_http.host.router_client import RouterUnavailable
        from weave_http.net import guest

        target = guest.Target(container["State"]["Pid"], container["Id"], self.procfs)
        with suppress(RouterUnavailable), guest.settled(target, addresses) as now:
            if now:
                self.router.set_attachment(container["Id"], list(map(str, now)))
            else:
                self.router.delete_attachment(container["Id"])


def running_target(host: Host, container: Mapping[str, Any], name: str) -> Target:
    """Return a container as `weave_http.net.guest` wants it.

    Args:
        host: where it is.
        container: what inspect said.
        name: what the user called it.

    Raises:
        HostError: it is not running.
    """
    from weave_http.net.guest import Target

    state = container["State"]
    pid = state["Pid"]
    if not pid:
        ended = f"it ended with exit code {state.get('ExitCode')}" if state.get("Status") == "exited" else ""
        raise HostError(f"container {name} not running", hint=ended)
    return Target(pid, name, host.procfs)


def take_format(words: list[str]) -> tuple[list[str], bool]:
    """Take `--format text` or `--format json` out of words; return the others, and whether it is JSON.

    Raises:
        UsageError: it is another format, or another option.
    """
    others: list[str] = []
    form = "text"
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if option == "--format":
            form = value if equals else next(rest, "")
        elif word.startswith("-"):
            raise UsageError(f"unknown option {word!r}")
        else:
            others.append(word)
    if form not in ("text", "json"):
        raise UsageError(f"unknown format {form!r}", hint="expected text or json")
    return others, form == "json"


def no_arguments(words: list[str]) -> None:
    """Raise `UsageError` if there are any."""
    if words:
        raise UsageError(f"unexpected argument {words[0]!r}")
