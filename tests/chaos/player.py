"""Plays a schedule on Docker hosts, heals them, and looks whether all is well."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_interface
from itertools import chain, repeat
from signal import SIGCONT, SIGKILL, SIGSTOP

from tests.chaos.faults import Lan
from tests.chaos.judge import stale_neighbours, wrong
from tests.chaos.look import Container, Look, look
from tests.chaos.schedule import Action, Kind, Step
from tests.hosts.host import GUEST, Host, eventually
from weave_http.errors import SandboxError
from weave_http.operations.create_body import NAMELESS
from weave_http.sandbox import HostState

RIGHT_AGAIN = 120.0
"""Seconds in which all has to be right after healing: a peer that was lost for long is dialled once a minute."""
PINGS = 60.0
"""Seconds in which every container has to reach every other one then."""
_COMMAND = 120.0
_FROZEN = 4.0
_DISTURBING = frozenset({Kind.KILL_ENGINE, Kind.REBOOT})
_FAULTS = ("Traceback", "fault of weave's own")
LOGGED = "Traceback|task failed|fault of weave"


def _further(name: str) -> str:
    """Return the address that a container has beside the first one, between `attach` and `detach`."""
    return f"10.2.0.{name.removeprefix('c')}/16"


class Wrong(AssertionError):
    """Something is wrong after healing."""


class Player:
    """Does what a schedule says.

    Args:
        hosts: on which, over their unix sockets; each has a router.
        say: told each action, and how long healing took.

    Attributes:
        last: what was done last, and what came of it.
    """

    def __init__(self, hosts: Sequence[Host], say: Callable[[str], object] = print) -> None:
        self.hosts = hosts
        self.last: deque[str] = deque(maxlen=40)
        self._sandbox = hosts[0].sandbox
        self._lan = Lan(self._sandbox, [host.name for host in hosts])
        self._say = say
        self._began = time.monotonic()
        self._excused: set[str] = set()
        self._nameless: set[str] = set()
        self._refused: set[tuple[str, str]] = set()
        self._faults: list[str] = []

    def play(self, steps: Iterable[Step]) -> None:
        """Do a round, heal, and check.

        Raises:
            Wrong: something is not as it has to be.
        """
        for step in steps:
            disturbed = {action.host for action in step.actions if action.kind in _DISTURBING}
            with ThreadPoolExecutor(len(step.actions)) as pool:
                list(pool.map(self._do, step.actions, repeat(disturbed)))
            time.sleep(step.pause)
        self.check()

    def check(self) -> None:
        """Heal all that fails, and wait until all is well. Raises `Wrong`."""
        self.heal()
        began = time.monotonic()
        self._await(lambda: self._wrong(self.looks()), RIGHT_AGAIN)
        right = time.monotonic() - began
        self._await(self._unanswered, PINGS)
        pinged = time.monotonic() - began - right
        self._await(lambda: stale_neighbours(self.looks()), PINGS)
        self._await(lambda: self._wrong(self.looks()), PINGS)
        self._note(f"all well {right:.1f} s after healing, every ping {pinged:.1f} s later")

    def heal(self) -> None:
        """Have links whole, hosts up, and their engines running."""
        self._lan.heal()
        for host in self.hosts:
            state = self._sandbox.host(host.name).state
            if state is HostState.DEAD:
                self._sandbox.reboot(host.name)
            elif state is HostState.NO_ENGINE:
                self._sandbox.engine_start(host.name)

    def end(self) -> None:
        """Remove all containers, which must leave nothing; then Weave, which must not, either. Raises `Wrong`."""
        for host in self.hosts:
            host.shell(f"docker ps -aq --filter ancestor={GUEST} | xargs -r docker rm -f >/dev/null")
        self._await(lambda: self._wrong(self.looks()), RIGHT_AGAIN)
        for host in self.hosts:
            logged = host.try_shell(f"docker logs weave 2>&1 | grep -E -A 20 '{LOGGED}' | head -n 60").stdout
            self._faults += [f"{host.name}: the router's log says: {logged}"] if logged else []
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(lambda host: host.weave("reset", "--force"), self.hosts))
        for host in self.hosts:
            self._faults += [f"{host.name}: left behind: {left}"] if (left := host.left_overs()) else []
        self._await(lambda: self._faults, 0.0)

    def looks(self) -> list[Look]:
        """Look at all hosts."""
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            return list(pool.map(look, self.hosts))

    # -- judging -------------------------------------------------------------------------------------------

    def _wrong(self, looks: Sequence[Look]) -> list[str]:
        there = {(each.host, container.name) for each in looks for container in each.containers}
        half_done = [f"{host}: {name} was refused, and is there" for host, name in sorted(there & self._refused)]
        return [*self._faults, *half_done, *wrong(looks, self._excused, self._nameless)]

    def _await(self, what: Callable[[], list[str]], seconds: float) -> None:
        found: list[str] = []

        def none() -> bool:
            found[:] = what()
            return not found

        if not eventually(none, seconds=seconds, pause=0.5):
            raise Wrong("\n".join([*found, "", "what was done last:", *self.last]))

    def _unanswered(self) -> list[str]:
        """Have every container ping all addresses of its subnets, and those with one address by their names.

        Return who has no answer of whom.
        """
        there = [
            (each.host, container) for each in self.looks() for container in each.containers if container.addresses
        ]
        hosts = {host.name: host for host in self.hosts}

        def silent(each: tuple[str, Container]) -> list[str]:
            where, container = each
            networks = [ip_interface(cidr).network for cidr in container.addresses]
            wanted = [cidr for _, other in there for cidr in other.addresses if ip_interface(cidr).network in networks]
            alone = [other for _, other in there if len(other.addresses) == 1 and other.addresses[0] in wanted]
            names = [] if container.name in self._nameless else [other.name for other in alone]
            names = [name for name in names if name not in self._nameless]
            words = " ".join([*(cidr.partition("/")[0] for cidr in wanted), *names])
            ping = f"for a in {words}; do (ping -q -c 1 -W 2 $a >/dev/null 2>&1 || echo $a) & done; wait"
            done = hosts[where].try_shell(f"docker exec {container.name} sh -c '{ping}'")
            said = (done.stdout + done.stderr).splitlines()
            return [f"{where} {container.name} has no answer of {other}" for other in said]

        with ThreadPoolExecutor(4) as pool:
            return list(chain.from_iterable(pool.map(silent, there)))

    # -- doing ---------------------------------------------------------------------------------------------

    def _do(self, action: Action, disturbed: set[int]) -> None:
        try:
            came = self._act(action, disturbed)
        except SandboxError as error:  # a host that is down, perhaps in the midst of it
            came = f"not possible: {error.message}"
            self._excused.add(action.container)
        self._note(f"{action}{': ' if came else ''}{came}")

    def _act(self, action: Action, disturbed: set[int]) -> str:
        host, name = self.hosts[action.host], action.container
        match action.kind:
            case Kind.RUN:
                return self._run(action, host, [], action.host in disturbed)
            case Kind.MOVE:
                return self._move(action, host, self.hosts[action.other], action.other in disturbed)
            case Kind.ATTACH | Kind.DETACH:
                return self._weave(host, [action.kind, _further(name), name], action.killed)[1]
            case Kind.STOP:
                return host.try_shell(f"docker stop -t 0 {name}").stderr.strip()
            case Kind.START:
                return host.try_shell(f"docker start {name}").stderr.strip()
            case Kind.REMOVE:
                return host.try_shell(f"docker rm -f {name}").stderr.strip()
            case Kind.CUT | Kind.CUT_ONE_WAY | Kind.CUT_DATA:
                both, data = action.kind is not Kind.CUT_ONE_WAY, action.kind is Kind.CUT_DATA
                self._lan.cut(host.name, self.hosts[action.other].name, both=both, data_only=data)
            case Kind.PULL_CABLE:
                self._lan.pull(host.name)
            case Kind.SLOW:
                self._lan.slow(host.name)
            case Kind.HEAL:
                self._lan.heal()
            case Kind.KILL_ROUTER:
                return "" if host.kill("weave") else "it does not run"
            case Kind.FREEZE_ROUTER:
                host.kill("weave", SIGSTOP)
                time.sleep(_FROZEN)
                host.kill("weave", SIGCONT)
            case Kind.KILL_ENGINE:
                self._sandbox.engine_restart(host.name, SIGKILL)
            case Kind.REBOOT:
                self._sandbox.reboot(host.name)
        return ""

    def _run(self, action: Action, host: Host, wanted: list[str], disturbed: bool) -> str:
        name = action.container
        policy = ["--restart", "always"] if action.restarts else []
        words = ["run", *wanted, "--name", name, *policy, GUEST, "sleep", "36000"]
        code, said = self._weave(host, words, action.killed)
        if code and not action.killed and not disturbed:
            self._refused.add((host.name, name))
        else:
            self._refused.discard((host.name, name))
        if code:
            self._excused.add(name)
        (self._nameless.add if NAMELESS in said else self._nameless.discard)(name)
        return said

    def _move(self, action: Action, host: Host, other: Host, disturbed: bool) -> str:
        """Remove a container, and start another one of its name with its address elsewhere."""
        name = action.container
        pid = f"$(docker inspect -f '{{{{.State.Pid}}}}' {name})"
        found = host.try_shell(f"pid={pid} && nsenter -t $pid -n ip -o -4 addr show dev ethwe | awk '{{print $4}}'")
        addresses = [cidr for cidr in found.stdout.split() if cidr != _further(name)]
        removed = host.try_shell(f"docker rm -f {name}")
        if not addresses or removed.returncode:
            self._excused.add(name)
            return removed.stderr.strip() or "it had no address"
        return f"{addresses[0]} {self._run(action, other, addresses[:1], disturbed)}"

    def _weave(self, host: Host, words: list[str], killed: float) -> tuple[int, str]:
        """Run a command, killed after so many seconds if not 0; return its exit code, and what it complained of."""
        process = subprocess.Popen(
            [sys.executable, "-m", "weave_http", *words],
            env=host.environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _, err = process.communicate(timeout=killed or _COMMAND)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate()
            if not killed:
                self._faults.append(f"{host.name}: weave {' '.join(words)}: not done within {_COMMAND:g} s")
            return -SIGKILL, "killed"
        if any(fault in err for fault in _FAULTS):
            self._faults.append(f"{host.name}: weave {' '.join(words)}: {err}")
        return process.returncode, err.strip()

    def _note(self, line: str) -> None:
        line = f"{time.monotonic() - self._began:7.1f} s  {line}"
        self.last.append(line)
        self._say(line)
