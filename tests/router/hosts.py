"""Hosts with a real router each: network namespaces on one LAN, with a container on the bridge of each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.net.kernel import Space
from tests.patience import PATIENCE
from tests.ping_log import lost_in
from weave_http.errors import HostError
from weave_http.host.router_client import RouterClient
from weave_http.net import vxlan
from weave_http.net.bridge import ensure_bridge
from weave_http.records import dataclass

SECONDS = 30 * PATIENCE
_BYTECODE = Path(__file__).parents[2] / "build" / "bytecode"


def until(condition: Callable[[], object], within: float = SECONDS) -> float:
    """Return after how many seconds something holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within, "it did not come to pass"
        time.sleep(0.02)
    return time.monotonic() - began


@dataclass
class Pinger:
    """A ping that runs on."""

    process: subprocess.Popen[bytes]
    log: Path

    def lost(self) -> int:
        """End it; return how many were not answered."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        return lost_in(self.log.read_text())


class RoutedHost:
    """One host: its namespace, its router, its container."""

    def __init__(self, number: int, lan: Space, stack: ExitStack, folder: Path) -> None:
        self.number = number
        self.address, self.address_6 = f"192.0.2.{number}", f"fd00:192::{number}"
        self.inside = f"10.2.1.{number}"
        self.space = stack.enter_context(Space())
        self._lan = lan
        self._stack = stack
        self.folder = folder / f"host{number}"
        self.log = folder / f"host{number}.log"
        self.router: subprocess.Popen[Any] | None = None
        self._guest: Space | None = None
        self._pings = 0
        lan.run(f"ip link add v{number} type veth peer name eth0 netns {self.space.pid}")
        lan.run(f"ip link set v{number} master lan up")
        self.space.run(f"ip addr add {self.address}/24 dev eth0; ip link set eth0 up")

    def use(self, *versions: int) -> None:
        """Have addresses of these versions of IP, and of no others, on the LAN."""
        cidrs = {4: f"{self.address}/24", 6: f"{self.address_6}/64 nodad"}
        self.space.run(
            "; ".join(["ip addr flush dev eth0", *(f"ip addr add {cidrs[each]} dev eth0" for each in versions)])
        )

    @property
    def guest(self) -> Space:
        """A namespace that plays a container on the bridge; made when first asked for."""
        if self._guest is None:
            self._guest = self._stack.enter_context(Space())
            self.space.call(ensure_bridge)
            self.space.run(
                f"ip link add vethwe1 mtu 1450 type veth peer name ethwe mtu 1450 netns {self._guest.pid};"
                "ip link set vethwe1 master weave up"
            )
            self._guest.run(f"ip addr add {self.inside}/24 dev ethwe; ip link set ethwe up")
        return self._guest

    def launch(self, *arguments: str) -> None:
        """Start a router in the host."""
        command = [sys.executable, "-m", "weave_http", "--router", "--plugin=false", "--state-dir", str(self.folder)]
        self.run_router([*command, "--nickname", f"host{self.number}", *arguments], _environ())

    def run_router(self, command: list[str], environ: dict[str, str]) -> None:
        """Start a router in the host by a command of its own."""
        with self.log.open("ab") as log:
            self.router = self.space.call(popen, command, stderr=log, env=environ)

    def refused(self, *arguments: str, **environ: str) -> tuple[int, str]:
        """Start a router that can't; return its exit code and what it wrote to stderr."""
        command = [
            sys.executable,
            "-m",
            "weave_http",
            "--router",
            "--plugin=false",
            "--state-dir",
            str(self.folder),
            *arguments,
        ]
        done = self.space.call(
            subprocess.run,
            command,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=_environ() | environ,
            check=False,
        )
        return done.returncode, done.stderr

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """End the router by a signal; return its exit code and the seconds that it took."""
        assert self.router is not None
        began = time.monotonic()
        self.router.send_signal(number)
        code = self.router.wait(timeout=10)
        self.router = None
        return code, time.monotonic() - began

    def ask(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call a method of the router's client in the host."""
        return self.space.call(method, RouterClient(), *arguments)

    @property
    def ready(self) -> bool:
        """Whether the router answers."""
        assert self.router is not None
        assert self.router.poll() is None, self.log.read_text()
        with suppress(HostError):
            self.ask(RouterClient.status)
            return True
        return False

    @property
    def paths(self) -> dict[str, dict[str, Any]]:
        """How each other host is reached, by nickname, as the router reports it."""
        return {path["NickName"]: path for path in self.ask(RouterClient.report)["Paths"]}

    @property
    def mtu(self) -> int:
        """The MTU of the container's end, in bytes."""
        return int(self.guest.run("ip -o link show dev ethwe").partition(" mtu ")[2].split()[0])

    @property
    def connected(self) -> int:
        """How many connections are established."""
        text: str = self.ask(RouterClient.status, "connections")
        return sum(" established " in line for line in text.splitlines())

    @property
    def destinations(self) -> set[str]:
        """Where frames for all go."""
        return {str(ip) for ip in self.space.call(vxlan.Vxlan(6784).destinations)}

    def pings(self, other: RoutedHost, size: int = 56) -> bool:
        """Whether this host's container reaches the other one's."""
        assert other.guest
        done = self.guest.call(
            subprocess.run, ["ping", "-q", "-c1", "-W2", f"-s{size}", other.inside], capture_output=True, check=False
        )
        return done.returncode == 0

    def keep_pinging(self, other: RoutedHost) -> Pinger:
        """Begin a ping, twenty a second, from container to container."""
        assert other.guest
        self._pings += 1
        log = self.folder.with_name(f"{self.folder.name}-ping{self._pings}.log")
        with log.open("wb") as file:
            process = self.guest.call(popen, ["ping", "-i0.05", other.inside], stdout=file)
        self.reap(process)
        return Pinger(process, log)

    def reap(self, process: subprocess.Popen[Any]) -> None:
        """End a program when the host goes."""
        self._stack.callback(_reap, process)

    def cable(self, state: str) -> None:
        """Plug the host's LAN cable `up`, or pull it `down`."""
        self._lan.run(f"ip link set v{self.number} {state}")

    def account(self) -> str:
        """Return where its frames go, and what its router has said lately."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        there = ", ".join(sorted(self.destinations))
        return "\n  ".join([f"host{self.number}: frames go to {there or 'nobody'}", *lines[-30:]])

    def memory(self) -> int:
        """Return the router's resident memory in KiB."""
        assert self.router is not None
        text = Path(f"/proc/{self.router.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0])


class Lan:
    """Hosts on a LAN; all that was made is gone when the block ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.hosts: list[RoutedHost] = []

    def __enter__(self) -> Self:
        self._lan = self._stack.enter_context(Space())
        self._lan.run("ip link add lan type bridge; ip link set lan up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self.hosts:
            if "PYTEST_CURRENT_TEST" in os.environ:
                print(host.account())  # shown if the test has failed
            if host.router is not None:
                _reap(host.router)
        self._stack.close()

    @property
    def lan(self) -> Space:
        """The namespace of what the hosts' cables end in, the bridge `lan`."""
        return self._lan

    def space(self) -> Space:
        """Return a new namespace, gone when the block ends."""
        return self._stack.enter_context(Space())

    def add(self, count: int) -> list[RoutedHost]:
        """Return new hosts."""
        for _ in range(count):
            self.hosts.append(RoutedHost(len(self.hosts) + 1, self._lan, self._stack, self._folder))
        return self.hosts[-count:]

    def meshed(self) -> bool:
        """Whether each router has a connection to each other one, and sends data there."""
        there = [host for host in self.hosts if host.router is not None]
        wanted = {host.address for host in there}
        return all(host.connected == len(there) - 1 and host.destinations >= wanted - {host.address} for host in there)


def popen(*arguments: Any, **keywords: Any) -> subprocess.Popen[Any]:
    """Start a program that hears signals: the thread that enters the namespace for it has them blocked."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return subprocess.Popen(*arguments, **keywords)


def _reap(process: subprocess.Popen[Any]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _environ() -> dict[str, str]:
    """Return the environment of a router, which may keep byte-code, as the image has it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("WEAVE_") and k != "PYTHONDONTWRITEBYTECODE"}
    return {"PYTHONPYCACHEPREFIX": str(_BYTECODE)} | kept | {"PROCFS": "/proc"}


def launch(hosts: list[RoutedHost], *targets: list[str]) -> None:
    """Start the routers of hosts, each with its targets and flags, and wait for them."""
    for host, each in zip(hosts, targets, strict=True):
        host.launch(*each)
    until(lambda: all(host.ready for host in hosts))


def states(host: RoutedHost) -> dict[str, str]:
    """Return how a host reaches each other one, by nickname."""
    return {nickname: path["State"] for nickname, path in host.paths.items()}
