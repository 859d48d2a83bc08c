"""All names that are known, by origin, by hostname and by address. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Set
from typing import Any

from weave_http.addresses import IP
from weave_http.records import dataclass
from weave_http.router.mesh.facts import Stamp
from weave_http.router.mesh.identity import PeerName
from weave_http.router.names.register import Heard, Name, Register, Update

MOST_NAMES = 100_000
"""Names of other peers that are kept in all: more of them can be no more than a mistake."""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A name, and who says it.

    Args:
        name: the name.
        origin: the peer that says it.
        version: of the origin's names when it came.
    """

    name: Name
    origin: str
    version: int


class Zone:
    """The registers of all peers.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.
        most_names: how many names of others are kept.
    """

    def __init__(self, name: PeerName, uid: int, *, most_names: int = MOST_NAMES) -> None:
        self._most_names = most_names
        self._foreign = 0
        self._by_hostname: dict[str, set[tuple[str, Name]]] = {}
        self._by_address: dict[IP, set[tuple[str, Name]]] = {}
        self.own = Register(name, Stamp(uid, 1), index=self._indexer(name))
        self._registers = {name: self.own}

    def __iter__(self) -> Iterator[Register]:
        return iter(self._registers.values())

    @property
    def origins(self) -> Set[PeerName]:
        """Names of the peers something is known of, ourselves included; changes with them."""
        return self._registers.keys()

    def get(self, origin: PeerName) -> Register | None:
        """Return an origin's names, None when nothing is known of it."""
        return self._registers.get(origin)

    def stamp(self, origin: PeerName) -> Stamp | None:
        """Return up to which stamp an origin's names are known."""
        register = self._registers.get(origin)
        return register.stamp if register is not None else None

    def merge(self, update: Update) -> Heard:
        """Take in what was heard of another peer's names."""
        origin = update.origin
        register = self._registers.get(origin)
        if register is None:  # not: empty
            register = Register(origin, index=self._indexer(origin))
        heard = register.merge(update, self._most_names - self._foreign + len(register))
        if heard is Heard.NEWS:
            self._registers[origin] = register
        return heard

    def drop(self, origins: Iterable[PeerName]) -> None:
        """Forget the names of other peers."""
        for origin in origins:
            if origin != self.own.origin and origin in self._registers:
                self._registers.pop(origin).clear()

    def having(self, hostname: str, origins: Collection[str]) -> set[IP]:
        """Return the addresses of a hostname, as these origins say."""
        return {name.address for origin, name in self._by_hostname.get(hostname, ()) if origin in origins}

    def called(self, address: IP, origins: Collection[str]) -> set[str]:
        """Return the hostnames of an address, as these origins say."""
        return {name.hostname for origin, name in self._by_address.get(address, ()) if origin in origins}

    def entries(self, origins: Collection[str]) -> list[Entry]:
        """Return all names that these origins say, sorted."""
        registers = (register for register in self if register.origin in origins)
        return sorted(
            Entry(change.name, register.origin, change.version) for register in registers for change in register
        )

    def _indexer(self, origin: str) -> Callable[[Name, bool], None]:
        own = not hasattr(self, "own")

        def index(name: Name, there: bool) -> None:
            tables: tuple[tuple[dict[Any, set[tuple[str, Name]]], object], ...] = (
                (self._by_hostname, name.hostname),
                (self._by_address, name.address),
            )
            for table, key in tables:
                found = table.setdefault(key, set())
                before = len(found)
                (found.add if there else found.discard)((origin, name))
                change = len(found) - before
                if not found:
                    del table[key]
            if not own:
                self._foreign += change

        return index
