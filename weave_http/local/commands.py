"""Which commands there are.

Each is a module with a function `run(host, words)`, imported when it is asked for; `-` in its name is `_` there.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from weave_http.errors import HostError, UsageError
from weave_http.host.gone import GONE
from weave_http.host.host import Host
from weave_http.host.preconditions import check

COMMANDS = {
    "setup": "",
    "launch": "[ROUTER OPTIONS] [--no-restart] [PEER…]",
    "launch-dns": "CIDR [OPTIONS]",
    "stop-dns": "",
    "connect": "[--replace] PEER…",
    "forget": "PEER…",
    "run": "CIDR… [DOCKER RUN OPTIONS] IMAGE [COMMAND…]",
    "start": "CIDR… CONTAINER",
    "restart": "CIDR… CONTAINER",
    "attach": "CIDR… [--without-dns] [--rewrite-hosts] [--no-multicast-route] [--add-host NAME:IP]… CONTAINER",
    "detach": "CIDR… CONTAINER",
    "expose": "[--without-masquerade] CIDR… [-h FQDN]",
    "hide": "CIDR…",
    "ps": "[--format json] [CONTAINER…]",
    "status": "[--format json] [targets | connections | peers | dns]",
    "report": "[-f TEMPLATE]",
    "prime": "",
    "rmpeer": "PEER…",
    "dns-add": "[IP…] CONTAINER [-h NAME], or IP… -h NAME",
    "dns-remove": "[IP…] CONTAINER [-h NAME], or IP… -h NAME",
    "dns-lookup": "NAME",
    "dns-args": "[DOCKER RUN OPTIONS]",
    "stop": "",
    "reset": "[--force]",
    "version": "",
    "help": "[COMMAND]",
    "env": "",
    "config": "",
    "create-bridge": "",
    "docker-bridge-ip": "",
    "bridge-type": "",
}
"""Name and arguments. The module is called like the command, with `_` for `-`."""


def expected(argv: Sequence[str]) -> str:
    """Return what would have made a command: that command's arguments, or the commands there are; one line."""
    name = argv[0] if argv else ""
    if name in COMMANDS:
        return f"expected: weave {name} {COMMANDS[name]}".rstrip()
    return f"expected one of {', '.join(COMMANDS)}"


def run(host: Host, argv: Sequence[str]) -> int:
    """Run a command and return its exit code.

    Raises:
        UsageError: the words make no command.
        WeaveError: it failed.
    """
    check(host)
    if not argv:
        raise UsageError("no command given")
    name, *words = argv
    if name in GONE:
        raise HostError(f"weave {name} is no command of this version", hint=GONE[name])
    if name not in COMMANDS:
        raise UsageError(f"unknown command {name!r}")
    code: int = import_module(f"weave_http.host.{name.replace('-', '_')}").run(host, words)
    return code
