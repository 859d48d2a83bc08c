"""What the executor and the router do on the host, as the `ip`, `bridge` and `iptables` lines that it amounts to.

They speak netlink and do more than the lines show: what is there already is left alone, and what can't be finished
is undone. On a host that has nothing of weave's yet, the lines bring about the same state; a test compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from weave_http.operations import Operation
from weave_http.transcript.host_steps.devices import bridge_type, create_bridge, docker_bridge_ip
from weave_http.transcript.host_steps.diagnosis import doctor, ping, rtt
from weave_http.transcript.host_steps.exposing import expose, hide
from weave_http.transcript.host_steps.joining import attach, detach, ps, restart, start
from weave_http.transcript.host_steps.naming import dns_add, dns_args, dns_lookup, dns_remove, launch_dns
from weave_http.transcript.host_steps.routing import (
    connect,
    forget,
    launch,
    report,
    reset,
    rmpeer,
    status,
    stop,
    upgrade,
    version,
)
from weave_http.transcript.host_steps.step import HostStep, nothing

_STEPS: Mapping[str, Callable[[Any, Mapping[str, str]], list[HostStep]]] = {
    "start": start,
    "restart": restart,
    "attach": attach,
    "detach": detach,
    "launch": launch,
    "connect": connect,
    "forget": forget,
    "expose": expose,
    "hide": hide,
    "dns-add": dns_add,
    "dns-remove": dns_remove,
    "dns-lookup": dns_lookup,
    "dns-args": dns_args,
    "launch-dns": launch_dns,
    "doctor": doctor,
    "ping": ping,
    "rtt": rtt,
    "upgrade": upgrade,
    "ps": ps,
    "status": status,
    "stop": stop,
    "reset": reset,
    "version": version,
    "report": report,
    "rmpeer": rmpeer,
    "create-bridge": create_bridge,
    "bridge-type": bridge_type,
    "docker-bridge-ip": docker_bridge_ip,
}
"""By the operation's name."""

_NOTHING = {
    "prime": "There is nothing to wait for, as no addresses are handed out.",
    "env": "Ask the router where it serves the Docker API (`GET /proxyaddrs`), and print the line for the shell.",
    "config": "Ask the router where it serves the Docker API (`GET /proxyaddrs`), and print docker's option.",
    "stop-dns": "Say that names end with the router.",
}
"""Operations that change nothing."""


def host_steps(operation: Operation, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of an operation on the host.

    Args:
        operation: what is asked of the host.
        environ: the executor's environment.
    """
    if operation.name in _STEPS:
        return _STEPS[operation.name](operation, environ)
    return [nothing(_NOTHING[operation.name])] if operation.name in _NOTHING else []
