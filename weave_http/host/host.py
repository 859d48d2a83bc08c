"""The Docker host as an operation sees it: environment, engine, router, and the sink for its output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

from weave_http import constants
from weave_http.addresses import Cidr, ips, parse_cidr
from weave_http.errors import HostError, WeaveError, error_line
from weave_http.hints import TYPE_CHECKING, Any
from weave_http.operations.outcome import ERR, OUT

if TYPE_CHECKING:
    from weave_http.engine import Engine
    from weave_http.host.router_api import RouterAPI
    from weave_http.net.guest import Target


Sink = Callable[[int, bytes], None]
"""Takes what is said: the stream, and the text."""


class Host:
    """The Docker host as an operation sees it; engine and router are spoken to when first asked for.

    It costs nothing to make, and serves one operation: what is said is collected here.

    Args:
        env: environment of the operation: `PROCFS`, `WEAVE_…`; the process's own is not looked at.
        sink: is told at once what is said; None for nobody.
        engine: the engine, where the caller has a connection already; it stays open.
        router: the router, where it is at hand; by default it is asked over HTTP.

    Attributes:
        said: what was said, in its order, each with its stream.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        sink: Sink | None = None,
        *,
        engine: Engine | None = None,
        router: RouterAPI | None = None,
    ) -> None:
        self.env = env
        self.said: list[tuple[int, bytes]] = []
        self._sink = sink
        self._given = engine
        if router is not None:
            self.router = router

    def close(self) -> None:
        """Let go of the connections that were made. Idempotent."""
        engine = self.__dict__.pop("engine", None)
        if engine is not None and engine is not self._given:
            engine.close()

    @cached_property
    def engine(self) -> Engine:
        """The engine behind the mounted socket."""
        if self._given is not None:
            return self._given
        from weave_http.engine import local_engine

        return local_engine(constants.DOCKER_SOCKET)

    @cached_property
    def router(self) -> RouterAPI:
        """The router, at `WEAVE_HTTP_ADDR` or where it is by default. Raises `HostError`."""
        from weave_http.host.router_client import RouterClient
        from weave_http.operations.flags import variable

        where = variable("http-addr", self.env)
        return RouterClient(*where) if where else RouterClient()

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
        from weave_http.operations.flags import variable

        mtu: int | None = variable("mtu", self.env)
        return mtu

    def say(self, line: object) -> None:
        """Print a line that was asked for."""
        self.write(f"{line}\n")

    def say_addresses(self, addresses: Iterable[Cidr]) -> None:
        """Print addresses as Weave 2.x does: in one line, without the lengths of their prefixes; no line for none."""
        if found := " ".join(map(str, ips(addresses))):
            self.say(found)

    def warn(self, line: str) -> None:
        """Print a line beside, about something that is no failure."""
        self.write(f"{line}\n", ERR)

    def fail(self, error: WeaveError, *, as_json: bool = False) -> None:
        """Print the line that says why an operation failed, as on any side: see `weave_http.errors.error_line`."""
        self.warn(error_line(error, as_json=as_json))

    def write(self, text: str, stream: int = OUT) -> None:
        """Print a text as it is."""
        data = text.encode(errors="backslashreplace")
        self.said.append((stream, data))
        if self._sink is not None:
            self._sink(stream, data)

    def warn_of_overlaps(self, addresses: Iterable[Cidr]) -> None:
        """Print a warning for each address whose network the host has another way to. Raises `HostError`."""
        from weave_http.net import routes

        for cidr, route in routes.overlaps(addresses).items():
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

    def record(self, container: Mapping[str, Any], addresses: Sequence[Cidr]) -> bool:
        """Tell the router which addresses a container has, so that it gets them again when it restarts.

        Without a router there is nobody to tell; the network of this host works without one.

        Returns:
            Whether there is one.

        Args:
            container: what inspect said.
            addresses: all that it had after the change, none to have it forgotten. Where several commands change a
                container at once, what it has by now is what the router is told.

        Raises:
            RouterError: the router refused.
        """
        from weave_http.net import guest

        target = guest.Target(container["State"]["Pid"], container["Id"], self.procfs)
        with guest.settled(target, addresses) as now:
            return self.tell(container, now)

    def tell(self, container: Mapping[str, Any], addresses: Sequence[Cidr]) -> bool:
        """Do what `record` does while nobody else changes the container; the same arguments, and raises the same."""
        from weave_http.host.restarting import answered
        from weave_http.host.router_api import RouterUnavailable

        with suppress(RouterUnavailable):
            if addresses:
                answered(self, lambda: self.router.set_attachment(container["Id"], addresses))
            else:
                answered(self, lambda: self.router.delete_attachment(container["Id"]))
            return True
        return False

    def noted(self, container: str) -> Sequence[Cidr] | None:
        """Return the addresses that the router knows a container to have; None if it can't be asked.

        Args:
            container: its full id.

        Raises:
            RouterError: the router refused.
        """
        from weave_http.host.router_api import RouterUnavailable

        with suppress(RouterUnavailable):
            return tuple(map(parse_cidr, self.router.attachments().get(container, ())))
        return None


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
