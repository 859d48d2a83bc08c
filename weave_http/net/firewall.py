"""The rule that lets frames pass between ports of the bridge where bridged frames are filtered (br_netfilter).

It stands in a chain of our own, jumped to from FORWARD, so that it is known as ours and goes without a trace.
There are two rule sets in a kernel, nf_tables and the legacy one, each with its own programs, and a frame must pass
both: the rule belongs where Docker has put its own (whose policy for FORWARD is to drop), and is taken away in both.
After a restart of dockerd the jump stands behind Docker's own chains, which don't mind: being there is enough.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from shutil import which

from weave_http import names
from weave_http.errors import HostError
from weave_http.net.netns import host_locked

CHAIN = "WEAVE-FORWARD"
_RULE = f"-A {CHAIN} -i {names.BRIDGE} -o {names.BRIDGE} -j ACCEPT"
_JUMP = f"FORWARD -j {CHAIN}"
_BACKENDS = ("iptables-nft", "iptables-legacy")
_ANY = "iptables"
_LEGACY_TABLES = "/proc/thread-self/net/ip_tables_names"
_PATH = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin"
_LOCK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The filter table of one backend as its `-save` prints it.

    Args:
        program: `iptables-nft`, `iptables-legacy`, or `iptables`.
        lines: chains (`:NAME …`) and rules (`-A NAME …`).
    """

    program: str
    lines: tuple[str, ...]

    def has_chain(self, prefix: str) -> bool:
        """Return whether there is a chain whose name begins so."""
        return any(line.startswith(f":{prefix}") for line in self.lines)

    @property
    def jumps(self) -> int:
        """How many times FORWARD jumps to our chain."""
        return self.lines.count(f"-A {_JUMP}")

    @property
    def complete(self) -> bool:
        """Whether all of ours is there, and once."""
        ours = [line for line in self.lines if line.startswith(f"-A {CHAIN} ")]
        return ours == [_RULE] and self.jumps == 1


def choose(rule_sets: Sequence[RuleSet]) -> RuleSet:
    """Return the one to put the rule into: where Docker's chains are, else the first."""
    return next((rules for rules in rule_sets if rules.has_chain("DOCKER")), rule_sets[0])


def ensure() -> None:
    """Have frames between ports of the bridge accepted. Converges. Raises `HostError`."""
    with host_locked():
        rules = choose(_read())
        if rules.complete:
            return
        # Declaring the chain empties it. All of it is one transaction.
        unhook = [f"-D {_JUMP}"] * (rules.jumps - 1)
        hook = [] if rules.jumps else [f"-I {_JUMP}"]
        _restore(rules.program, [f":{CHAIN} - [0:0]", _RULE, *unhook, *hook])


def remove() -> None:
    """Take the rule, its chain and the jump away, wherever they are. Idempotent. Raises `HostError`."""
    with host_locked():
        for rules in _read():
            if rules.has_chain(f"{CHAIN} "):
                unhook = [f"-D {_JUMP}"] * rules.jumps
                _restore(rules.program, [f":{CHAIN} - [0:0]", *unhook, f"-X {CHAIN}"])


def _read() -> list[RuleSet]:
    """Return the filter table of each backend that there are programs for."""
    programs = [name for name in _BACKENDS if _where(name)] or [name for name in (_ANY,) if _where(name)]
    if not programs:
        raise HostError("there is no iptables program on this host", hint="install iptables")
    return [RuleSet(name, tuple(_save(name))) for name in programs]


def _save(program: str) -> list[str]:
    if program == "iptables-legacy" and not _legacy_tables_exist():
        return []  # and asking would create them
    return _run([f"{program}-save", "-t", "filter"]).splitlines()


def _legacy_tables_exist() -> bool:
    try:
        with open(_LEGACY_TABLES) as file:
            return "filter" in file.read().split()
    except OSError:
        return False


def _restore(program: str, lines: Iterable[str]) -> None:
    _run([f"{program}-restore", "-w", str(_LOCK_SECONDS), "--noflush"], "\n".join(["*filter", *lines, "COMMIT", ""]))


@cache
def _where(program: str) -> str | None:
    return which(program, path=_PATH)


def _run(arguments: list[str], text: str = "") -> str:
    """Run a program and return its standard output; raise `HostError` with the program's own words."""
    program = arguments[0]
    try:
        done = subprocess.run(
            [_where(program) or program, *arguments[1:]], input=text, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise HostError(f"can't run {program}: {error.strerror or error}") from error
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise HostError(f"{program} failed: {'; '.join(lines) or f'exit code {done.returncode}'}")
    return done.stdout
