"""A sandbox host as the tests see it: the `weave` command against it, and its own tools to look at it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from signal import SIGKILL
from typing import TypeVar

from tests.patience import PATIENCE
from tests.prefork import run_weave
from tests.wire import Searched, listening, searched
from weave_http.net.netns import Namespace
from weave_http.records import dataclass
from weave_http.sandbox import Sandbox
from weave_http.sandbox.lan import LanPlan, netns_path

T = TypeVar("T")
Done = subprocess.CompletedProcess[str]
GUEST = "weave-guest:latest"
PASSWORD = os.environ.get("WEAVE_TEST_PASSWORD", "")
"""Of the networks that tests launch (`make test-secret`); empty for none."""


@dataclass(frozen=True)
class Host:
    """One Docker host.

    Args:
        sandbox: what it belongs to.
        name: its name there.
        unix: talk to its engine over the unix socket instead of TCP with mutual TLS.
    """

    sandbox: Sandbox
    name: str
    unix: bool = False

    @property
    def address(self) -> str:
        """Its address on the LAN."""
        return self.sandbox.host(self.name).address

    @property
    def has_podman(self) -> bool:
        """Whether its engine is Podman: `docker` on it is Podman itself then, and speaks to no other daemon."""
        return self.sandbox.host(self.name).has_podman

    def environ(self, **more: str) -> dict[str, str]:
        """The environment of a caller who means this host."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "WEAVE_"))}
        secret = {"WEAVE_PASSWORD": PASSWORD} if PASSWORD else {}
        return clean | self.sandbox.host(self.name).env(unix=self.unix) | secret | more

    def try_weave(self, *arguments: str, **environ: str) -> Done:
        """Run `weave ARGUMENTS…` against this host, whatever comes of it."""
        done = run_weave(arguments, self.environ(**environ), timeout=120 * PATIENCE)
        return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def weave(self, *arguments: str, **environ: str) -> str:
        """Run `weave ARGUMENTS…` against this host, which must work, and return its output."""
        done = self.try_weave(*arguments, **environ)
        assert done.returncode == 0, f"weave {' '.join(arguments)} on {self.name}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def try_shell(self, line: str) -> Done:
        """Run a shell line on the host, as root."""
        done = self.sandbox.run(self.name, ["sh", "-c", line], timeout=60 * PATIENCE)
        return Done(line, done.returncode, done.stdout.decode(), done.stderr.decode())

    def shell(self, line: str) -> str:
        """Run a shell line on the host, which must work, and return its output."""
        done = self.try_shell(line)
        assert done.returncode == 0, f"{line} on {self.name}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def start(self, name: str, *options: str, command: str = "sleep 3600") -> str:
        """Start a guest container with the engine's own CLI, outside of weave, and return its id."""
        return self.shell(f"docker run -d --name {name} {' '.join(options)} {GUEST} {command}").strip()

    def inside(self, container: str, line: str) -> str:
        """Run a shell line in a container."""
        return self.shell(f"docker exec {container} sh -c '{line}'")

    def pings(self, container: str, address: str, *, count: int = 2, size: int = 56, wait: int = 2) -> bool:
        """Tell whether all of some pings from a container are answered."""
        line = f"docker exec {container} ping -q -i 0.2 -c {count} -W {wait} -s {size} {address}"
        return " 0% packet loss" in self.try_shell(line).stdout

    def router_pid(self) -> str:
        """The router's process id on the host."""
        return self.shell("docker inspect -f '{{.State.Pid}}' weave").strip()

    def kill(self, container: str, number: int = SIGKILL) -> bool:
        """Send a signal to a container's first process; return whether it runs.

        One that does not run has pid 0, which for `kill` is the group of processes that the tests themselves are in.
        """
        found = self.try_shell(f"docker inspect -f '{{{{.State.Pid}}}}' {container}").stdout.strip()
        return found.isdigit() and int(found) > 1 and self.try_shell(f"kill -{number} {found}").returncode == 0

    def kill_router(self, number: int = SIGKILL) -> None:
        """End the router's process by a signal, as a crash would; its restart policy is the engine's matter."""
        assert self.kill("weave", number), "the router does not run"

    def in_its_network(self, function: Callable[[], T]) -> T:
        """Call a function in the host's network namespace, and return what it returns."""
        plan = LanPlan(self.sandbox.name, IPv4Network(self.sandbox.subnet))
        with Namespace(str(netns_path(plan.host_netns(self.name)))) as space:
            return space.call(function)

    @contextmanager
    def wire(self, wanted: Collection[bytes] = ()) -> Iterator[Searched]:
        """Search all that crosses the cables of its LAN.

        Args:
            wanted: what is looked for; more of it may come meanwhile.
        """
        plan = LanPlan(self.sandbox.name, IPv4Network(self.sandbox.subnet))
        with Namespace(str(netns_path(plan.netns))) as space:
            wire = space.call(listening)
        with searched(wire, wanted) as seen:
            yield seen

    def left_overs(self) -> str:
        """Everything of Weave's that is on the host: links, rules, containers, volumes; empty when clean."""
        return self.shell(
            "ip -o link | grep -E 'weave|vethwe|vxlan' ; ip route show type unreachable ;"
            " iptables-nft-save 2>/dev/null | grep -i weave ; iptables-legacy-save 2>/dev/null | grep -i weave ;"
            " docker ps -a --format '{{.Names}} {{.Image}}' | grep weavehttp ;"
            " docker volume ls -q | grep -i weave ; true"
        )


def eventually(what: Callable[[], bool], *, seconds: float = 20, pause: float = 0.1) -> bool:
    """Tell whether something becomes true in time."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not (true := what()) and time.monotonic() < deadline:
        time.sleep(pause)
    return true


@contextmanager
def live_restore(host: Host) -> Iterator[None]:
    """Have the containers of a host outlive its engine."""
    before = host.shell("cat /etc/docker/daemon.json")

    def switch(on: bool) -> None:
        # An engine that is told nothing about it leaves it as it is.
        settings = json.dumps(json.loads(before) | {"live-restore": on})
        host.shell(f"echo '{settings}' > /etc/docker/daemon.json; kill -HUP $(pidof dockerd)")
        said = str(on).lower()
        assert eventually(lambda: said in host.shell("docker info -f '{{.LiveRestoreEnabled}}'"))

    switch(True)
    try:
        yield
    finally:
        switch(False)
        host.shell(f"cat > /etc/docker/daemon.json <<'END'\n{before}END")
