"""Every command there is, with arguments, as a function and as typed."""

from __future__ import annotations

from collections.abc import Callable

from weave_http import commands
from weave_http.commands import Caller
from weave_http.run_args import parse

COMMANDS: dict[str, Callable[[Caller], int]] = {
    "setup": commands.setup,
    "launch": lambda caller: commands.launch(caller, ["10.0.0.1"]),
    "connect": lambda caller: commands.connect(caller, ["10.0.0.1"], replace=True),
    "forget": lambda caller: commands.forget(caller, ["10.0.0.1"]),
    "run": lambda caller: commands.run(caller, ["10.2.1.1/24"], parse(["--name", "c1", "busybox", "sh"])),
    "attach": lambda caller: commands.attach(caller, ["10.2.1.1/24"], "c1"),
    "detach": lambda caller: commands.detach(caller, ["10.2.1.1/24"], "c1"),
    "ps": lambda caller: commands.ps(caller, ["c1"]),
    "status": lambda caller: commands.status(caller, "peers"),
    "dns-add": lambda caller: commands.dns_add(caller, ["10.2.1.1", "c1", "-h", "db.weave.local"]),
    "dns-remove": lambda caller: commands.dns_remove(caller, ["c1"]),
    "dns-lookup": lambda caller: commands.dns_lookup(caller, "db"),
    "dns-args": lambda caller: commands.dns_args(caller, ["-h", "c1.weave.local"]),
    "launch-dns": lambda caller: commands.launch_dns(caller, ["10.2.254.1/24"]),
    "stop-dns": commands.stop_dns,
    "stop": commands.stop,
    "reset": lambda caller: commands.reset(caller, force=True),
    "version": commands.version,
}

TYPED = {
    "setup": "setup",
    "launch": "launch 10.0.0.1",
    "connect": "connect --replace 10.0.0.1",
    "forget": "forget 10.0.0.1",
    "run": "run 10.2.1.1/24 --name c1 busybox sh",
    "attach": "attach 10.2.1.1/24 c1",
    "detach": "detach 10.2.1.1/24 c1",
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
}
