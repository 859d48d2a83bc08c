"""Every command there is, with arguments, as a function and as typed."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from weave_http.commands import Caller, perform, setup
from weave_http.operations import parse

TYPED = {
    "setup": "setup",
    "launch": "launch 10.0.0.1",
    "connect": "connect --replace 10.0.0.1",
    "forget": "forget 10.0.0.1",
    "run": "run --without-dns 10.2.1.1/24 --name c1 busybox sh",
    "start": "start 10.2.1.1/24 c1",
    "restart": "restart 10.2.1.1/24 c1",
    "attach": "attach 10.2.1.1/24 c1",
    "attach with options": "attach 10.2.1.1/24 --without-dns --rewrite-hosts --no-multicast-route "
    "--add-host db:10.0.0.1 c1",
    "detach": "detach 10.2.1.1/24 c1",
    "expose": "expose --without-masquerade 10.2.1.254/24 -h h1.weave.local",
    "hide": "hide 10.2.1.254/24",
    "ps": "ps c1",
    "status": "status peers",
    "dns-add": "dns-add 10.2.1.1 c1 -h db.weave.local",
    "dns-remove": "dns-remove c1",
    "dns-lookup": "dns-lookup db",
    "dns-args": "dns-args -h c1.weave.local",
    "launch-dns": "launch-dns 10.2.254.1/24",
    "stop-dns": "stop-dns",
    "stop": "stop",
    "reset": "reset --force",
    "version": "version",
    "ps in JSON": "ps --format json",
    "doctor": "doctor --format json",
    "ping": "ping -c 2 -s 1450 host2",
    "rtt": "rtt",
    "upgrade": "upgrade",
    "status in JSON": "status --format json targets",
    "report": "report -f {{.Router.Name}}",
    "prime": "prime",
    "rmpeer": "rmpeer host2",
    "env": "env",
    "config": "config",
    "create-bridge": "create-bridge",
    "bridge-type": "bridge-type",
    "docker-bridge-ip": "docker-bridge-ip",
}


def typed(line: str) -> Callable[[Caller], int]:
    """A line as a function that returns its exit code."""
    return lambda caller: perform(caller, parse(shlex.split(line))).code


COMMANDS: dict[str, Callable[[Caller], int]] = {
    name: (lambda caller: setup(caller).code) if name == "setup" else typed(line) for name, line in TYPED.items()
}
