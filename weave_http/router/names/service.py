"""Names as the router has them: this host's own ones, their memory, and the server that answers for all hosts.

A name sleeps while its container does not run, and goes when that is removed. Whoever gives one may be late: an
executor that looked at a container that runs, and the container dies before the name arrives. So a name for a container
that died is taken only if it runs again, which the engine is asked.

Names are written to the disk a moment after they came, many at once: thousands that are given one by one cost little.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Mapping
from time import monotonic

from weave_http import constants
from weave_http.addresses import IP
from weave_http.errors import HostError
from weave_http.net.interfaces import first_address
from weave_http.operations.hostnames import is_inside, parse_hostname
from weave_http.records import replace
from weave_http.router.blocking import in_thread
from weave_http.router.names.answers import Answerer
from weave_http.router.names.clients import Anybody, Clients
from weave_http.router.names.gossip import NameGossip
from weave_http.router.names.options import DnsOptions
from weave_http.router.names.own_networks import own_networks
from weave_http.router.names.register import Name
from weave_http.router.names.resolv_conf import NameServers
from weave_http.router.names.server import Server
from weave_http.router.names.upstream import Upstream
from weave_http.router.names.zone import Entry
from weave_http.router.store import Store
from weave_http.router.tasks import Tasks

logger = logging.getLogger(__name__)

CHECK = 5.0
"""Seconds after which it is looked whether the server can be, or has to be, elsewhere."""
SAVE = 0.5
"""Least seconds from one writing of the names to the next."""
RETRY = 30.0
"""Seconds after which names that could not be written are written again."""
MOST_OWN = 20_000
"""Names that one host may give."""
_MOST_DEAD = 1024
"""Containers whose death is remembered."""


class NameService:
    """The names of this host, and the server.

    Args:
        options: what was told about names.
        gossip: the names of all hosts.
        store: keeps our own.
        changed: called when our own names changed.
        is_running: asks the engine whether a container runs; blocks.
        default_gateway: asks the engine for the host's address on its default network; blocks.
    """

    def __init__(
        self,
        options: DnsOptions,
        gossip: NameGossip,
        store: Store,
        *,
        changed: Callable[[], None],
        is_running: Callable[[str], bool],
        default_gateway: Callable[[], IP | None],
    ) -> None:
        self.options = options
        self.address: tuple[IP, int] | None = None
        self.trouble = ""
        self._gossip = gossip
        self._store = store
        self._changed = changed
        self._is_running = is_running
        self._default_gateway = default_gateway
        self._ahead: IP | None = None
        self._dead: dict[str, None] = {}
        self._asleep: dict[str, set[Name]] = {}
        self._dirty = asyncio.Event()
        self._servers = NameServers(options.procfs, options.resolv_conf)
        answerer = Answerer(
            options.domain,
            options.ttl,
            lambda hostname: gossip.addresses(hostname, monotonic()),
            lambda address: gossip.hostnames(address, monotonic()),
        )
        # Who chose an address to listen on chose who can reach it.
        clients = Anybody() if options.listen[0] else Clients(lambda: own_networks(options.bridge))
        self._server = Server(answerer, Upstream(lambda: self.upstream, options.timeout), clients)
        self._tasks = Tasks("a name service")
        for name in sorted(store.state.names):
            if is_inside(name.hostname, options.domain):
                gossip.zone.own.say(name, present=True)

    # -- serving -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to serve, or to try to."""
        await self._listen()
        for work in (self._keep_listening(), self._keep_names()):
            self._tasks.start(work)

    async def stop(self) -> None:
        """Stop serving, and keep what is not kept yet. Idempotent."""
        await self._tasks.stop()
        await self._server.stop()
        if self._dirty.is_set():
            await self._save()

    async def _keep_listening(self) -> None:
        while True:
            await asyncio.sleep(CHECK)
            await self._listen()

    async def _listen(self) -> None:
        """Serve where it is wanted, unless we do."""
        host, port = self.options.listen
        bridge = self.options.bridge
        try:
            host = host or await in_thread(lambda: first_address(bridge))
            ahead = host is None and bridge == constants.DOCKER_BRIDGE
            if ahead:
                # Podman's bridge has another name, and is there only while a container is on it.
                host = self._ahead or await in_thread(self._default_gateway)
            if host is None:
                raise HostError(f"interface {bridge} has no IPv4 address", hint="choose one by --dns-listen-address")
            if self.address == (host, port):
                return
            await self._server.stop()
            self.address = None
            await self._server.start(host, port, ahead=ahead)
        except OSError as error:
            self._in_trouble(f"can't listen on {host}:{port}: {_reason(error)}")
        except HostError as error:
            self._in_trouble(str(error))
        else:
            self._ahead = host if ahead else None
            self._servers.own = host
            self.address, self.trouble = (host, port), ""
            logger.info("answering names in %s. on %s:%d", self.options.domain, host, port)

    def _in_trouble(self, what: str) -> None:
        if what != self.trouble:
            logger.warning("names are not served: %s", what)
        self.trouble = what

    # -- what is known -------------------------------------------------------------------------------------

    @property
    def upstream(self) -> list[IP]:
        """Addresses of the servers that are asked about other names."""
        return self._servers.get(monotonic())

    @property
    def queries(self) -> Mapping[str, int]:
        """How many queries were answered so far, by where the answer came from: `local`, `upstream`, `failed`."""
        return self._server.queries

    @property
    def entries(self) -> list[Entry]:
        """The names of all hosts."""
        return self._gossip.entries(monotonic())

    @property
    def containers(self) -> set[str]:
        """Ids of the containers of this host that have names, though they may sleep."""
        return {*self._asleep, *(change.name.owner for change in self._gossip.zone.own if ":" not in change.name.owner)}

    def given(self, ending: str) -> set[Name]:
        """Return our own names whose owner ends so."""
        return {change.name for change in self._gossip.zone.own if change.name.owner.endswith(ending)}

    # -- our own -------------------------------------------------------------------------------------------

    async def put(self, owner: str, address: IP, hostname: str) -> None:
        """Give an address a name.

        Args:
            owner: full container id, `weave:expose`, `weave:extern`, or what else has a colon: that never sleeps.
            address: what is so called.
            hostname: fully qualified, or a single label; one that is outside of the domain is passed over.

        Raises:
            UsageError: that is no name.
            HostError: there are too many.
        """
        name = parse_hostname(hostname)
        if "." not in name:
            name = f"{name}.{self.options.domain}"
        if not is_inside(name, self.options.domain):
            logger.debug("%s is outside of %s.", name, self.options.domain)
            return
        if owner in self._dead:
            if not await in_thread(lambda: self._is_running(owner)):
                return
            self.started(owner)
        if len(self._gossip.zone.own) + sum(map(len, self._asleep.values())) >= MOST_OWN:
            raise HostError(f"this host has {MOST_OWN} names already")
        self._say(Name(name, address, owner), present=True)

    def remove(self, owner: str = "", address: IP | None = None, hostname: str = "") -> None:
        """Take names away: those of an owner, of an address, and so called, or whatever is left empty.

        Raises:
            UsageError: that is no name.
        """
        name = parse_hostname(hostname) if hostname else ""
        if name and "." not in name:
            name = f"{name}.{self.options.domain}"

        def meant(it: Name) -> bool:
            called = address is None or address == it.address
            return called and owner in ("", it.owner) and name in ("", it.hostname)

        for change in list(self._gossip.zone.own):
            if meant(change.name):
                self._say(change.name, present=False)
        for container, asleep in list(self._asleep.items()):
            staying = {it for it in asleep if not meant(it)}
            if staying != asleep:
                self._set_asleep(container, staying)
                self._dirty.set()

    def died(self, container: str) -> None:
        """Have the names of a container sleep, because it does not run any more."""
        self._dead.pop(container, None)
        self._dead[container] = None
        if len(self._dead) > _MOST_DEAD:
            del self._dead[next(iter(self._dead))]
        awake = {change.name for change in self._gossip.zone.own if change.name.owner == container}
        self._set_asleep(container, self._asleep.get(container, set()) | awake)
        for name in awake:
            self._say(name, present=False)

    def started(self, container: str) -> None:
        """Wake the names of a container, and take more for it."""
        self._dead.pop(container, None)
        for name in sorted(self._asleep.pop(container, ())):
            self._say(name, present=True)

    def removed(self, container: str) -> None:
        """Forget the names of a container that is no more."""
        self.died(container)
        self.remove(container)

    def _set_asleep(self, container: str, names: set[Name]) -> None:
        self._asleep.pop(container, None)
        if names:
            self._asleep[container] = names

    def _say(self, name: Name, *, present: bool) -> None:
        if self._gossip.zone.own.say(name, present=present):
            logger.debug("%s %s %s", "name" if present else "no more name", name.hostname, name.address)
            self._dirty.set()
            self._changed()

    # -- memory --------------------------------------------------------------------------------------------

    async def _keep_names(self) -> None:
        while True:
            await self._dirty.wait()
            await self._save()
            await asyncio.sleep(RETRY if self._dirty.is_set() else SAVE)

    async def _save(self) -> None:
        self._dirty.clear()
        awake = (change.name for change in self._gossip.zone.own)
        names = frozenset(awake).union(*self._asleep.values())
        try:
            await self._store.change(lambda state: replace(state, names=names))
        except HostError:  # said by the store, and in the status
            self._dirty.set()


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another server listens there; choose another address by --dns-listen-address"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this host has no such address"
    return error.strerror or str(error)
