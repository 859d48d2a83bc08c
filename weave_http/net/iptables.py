"""The iptables programs: what the rule sets hold, and how they are changed, all at once.

There are two rule sets in a kernel, nf_tables and the legacy one, each with its own programs, and a packet must pass
both. Reading costs one run of `…-save` a rule set that is in use, some milliseconds; it makes no table that was not
there. A change is one run of `…-restore` a table, which is a transaction. Who looks every few seconds keeps what was
read: the kernel numbers the states of its nf_tables.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from shutil import which

from weave_http.errors import HostError
from weave_http.net import nftables, sysctl
from weave_http.records import dataclass

FAMILIES = {4: "iptables", 6: "ip6tables"}
"""The programs of IPv4 and of IPv6."""
_NFT, _LEGACY = "-nft", "-legacy"
_LEGACY_TABLES = {4: "/proc/thread-self/net/ip_tables_names", 6: "/proc/thread-self/net/ip6_tables_names"}
_PATH = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin"
_LOCK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The tables of one backend as its `-save` prints them.

    Args:
        program: `iptables-nft`, `iptables-legacy`, or `iptables`; the same with `ip6tables` for IPv6.
        tables: chains (`:NAME …`) and rules (`-A NAME …`) by table.
    """

    program: str
    tables: Mapping[str, tuple[str, ...]]

    def chains(self, table: str) -> list[str]:
        """Return the names of the chains of a table."""
        return [line[1:].partition(" ")[0] for line in self.tables.get(table, ()) if line.startswith(":")]

    def has_chain(self, table: str, name: str) -> bool:
        """Return whether there is a chain of that name."""
        return any(line.startswith(f":{name} ") for line in self.tables.get(table, ()))

    def rules(self, table: str, chain: str) -> list[str]:
        """Return the rules of a chain, without the `-A CHAIN` that each begins with."""
        start = f"-A {chain} "
        return [line.removeprefix(start) for line in self.tables.get(table, ()) if line.startswith(start)]


class Kept:
    """What was read of the nf_tables of one network namespace, and stays true until they change."""

    def __init__(self) -> None:
        self._generation = 0
        self._texts: dict[str, str] = {}

    def save(self, program: str) -> str:
        """Return what `PROGRAM-save` prints, which is run if anything has changed. Raises `HostError`."""
        generation = nftables.generation()
        if generation != self._generation:
            self._generation, self._texts = generation, {}
        if generation and program in self._texts:
            return self._texts[program]
        text = _run([f"{program}-save"])
        self._texts[program] = text  # of this generation or a later one, which is then read again
        return text


def parse(program: str, text: str) -> RuleSet:
    """Return the rule set that a `-save` printed.

    Args:
        program: of which backend.
        text: its output.
    """
    tables: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            tables[line[1:]] = lines = []
        elif line.startswith((":", "-")):
            lines.append(line)
    return RuleSet(program, {name: tuple(lines) for name, lines in tables.items()})


def read(version: int = 4, kept: Kept | None = None) -> list[RuleSet]:
    """Return the rule sets that there are programs for; none of IPv6 where the kernel has none.

    Args:
        version: of IP: 4 or 6.
        kept: what the caller has read before, if it has.

    Raises:
        HostError: there is no program, or it failed.
    """
    if version == 6 and not sysctl.has_ipv6():
        return []
    name = FAMILIES[version]
    programs = [each for each in (name + _NFT, name + _LEGACY) if where(each)] or [
        each for each in (name,) if where(each)
    ]
    if not programs:
        raise HostError(f"there is no {name} program on this host", hint="install iptables")
    return [parse(program, _save(program, version, kept)) for program in programs]


def restore(program: str, table: str, lines: Sequence[str]) -> None:
    """Change a table, all or nothing.

    Args:
        program: of which backend.
        table: `filter`, `nat`, `mangle` or `raw`.
        lines: as `-save` prints them (`:CHAIN - [0:0]` makes a chain, or empties it), and `-D`, `-I`, `-X` too.

    Raises:
        HostError: in the program's own words.
    """
    text = "\n".join([f"*{table}", *lines, "COMMIT", ""])
    _run([f"{program}-restore", "-w", str(_LOCK_SECONDS), "--noflush"], text)


@cache
def where(program: str) -> str | None:
    """Return a program's path, or nothing if it is not installed."""
    return which(program, path=_PATH)


def _save(program: str, version: int, kept: Kept | None) -> str:
    if program.endswith(_LEGACY) and not _legacy_tables(version):
        return ""
    if kept is not None and program.endswith(_NFT):
        return kept.save(program)
    return _run([f"{program}-save"])


def _legacy_tables(version: int) -> str:
    """Return the names of the legacy tables in use, in the network namespace of the calling thread."""
    try:
        with open(_LEGACY_TABLES[version]) as file:
            return file.read()
    except OSError:
        return ""


def _run(arguments: list[str], text: str = "") -> str:
    """Run a program and return its standard output; raise `HostError` with the program's own words."""
    program = arguments[0]
    try:
        done = subprocess.run(
            [where(program) or program, *arguments[1:]], input=text, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise HostError(f"can't run {program}: {error.strerror or error}") from error
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise HostError(f"{program} failed: {'; '.join(lines) or f'exit code {done.returncode}'}")
    return done.stdout
