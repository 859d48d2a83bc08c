"""Weave's commands on the caller's side: one file a command, each the API calls that it is.

A command is a function that takes a `Caller` (engine, streams, environment) and plain arguments, and returns an
exit code. It prints through the caller's streams and raises `WeaveError` for what it can't do, so that the command
line, a program and a dry run all run the same code.
"""

from weave_http.commands.caller import Caller
from weave_http.commands.network import (
    attach,
    bridge_type,
    config,
    connect,
    create_bridge,
    detach,
    dns_add,
    dns_args,
    dns_lookup,
    dns_remove,
    docker_bridge_ip,
    env,
    expose,
    forget,
    gone,
    hide,
    launch,
    launch_dns,
    prime,
    ps,
    report,
    reset,
    restart,
    rmpeer,
    start,
    status,
    stop,
    stop_dns,
)
from weave_http.commands.run import run
from weave_http.commands.setup import setup
from weave_http.commands.version import version

__all__ = [
    "Caller",
    "attach",
    "bridge_type",
    "config",
    "connect",
    "create_bridge",
    "detach",
    "dns_add",
    "dns_args",
    "dns_lookup",
    "dns_remove",
    "docker_bridge_ip",
    "env",
    "expose",
    "forget",
    "gone",
    "hide",
    "launch",
    "launch_dns",
    "prime",
    "ps",
    "report",
    "reset",
    "restart",
    "rmpeer",
    "run",
    "setup",
    "start",
    "status",
    "stop",
    "stop_dns",
    "version",
]
