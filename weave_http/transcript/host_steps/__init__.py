"""What the executor and the router do on the host, as the `ip`, `bridge` and `iptables` lines that it amounts to.

They speak netlink and do more than the lines show: what is there already is left alone, and what can't be finished
is undone. On a host that has nothing of weave's yet, the lines bring about the same state; a test compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from weave_http.transcript.host_steps.devices import bridge_steps, bridge_type, docker_bridge_ip
from weave_http.transcript.host_steps.exposing import expose, hide
from weave_http.transcript.host_steps.joining import attach, detach, ps, start
from weave_http.transcript.host_steps.naming import dns_add, dns_args, dns_lookup, dns_remove, launch_dns, stop_dns
from weave_http.transcript.host_steps.routing import (
    connect,
    forget,
    launch,
    report,
    reset,
    rmpeer,
    status,
    stop,
    version,
)
from weave_http.transcript.host_steps.step import HostStep, mtu_of, nothing


def host_steps(argv: Sequence[str], environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of an executor's command.

    Args:
        argv: command and arguments, as the executor gets them.
        environ: the executor's environment.
    """
    command, *words = argv
    table: dict[str, Callable[[list[str], Mapping[str, str]], list[HostStep]]] = {
        "start": lambda words, environ: start("start", words, environ),
        "restart": lambda words, environ: start("restart", words, environ),
        "attach": attach,
        "detach": detach,
        "launch": launch,
        "connect": connect,
        "forget": forget,
        "expose": lambda words, environ: expose(words),
        "hide": lambda words, environ: hide(words),
        "dns-add": dns_add,
        "dns-remove": dns_remove,
        "dns-lookup": dns_lookup,
        "dns-args": dns_args,
        "launch-dns": launch_dns,
        "stop-dns": stop_dns,
        "ps": ps,
        "status": status,
        "stop": stop,
        "reset": reset,
        "version": version,
        "report": report,
        "prime": lambda words, environ: [nothing("There is nothing to wait for, as no addresses are handed out.")],
        "rmpeer": rmpeer,
        "env": lambda words, environ: [nothing("There is no Docker API proxy: only say what there is instead.")],
        "config": lambda words, environ: [nothing("There is no Docker API proxy: say so, and fail.")],
        "create-bridge": lambda words, environ: bridge_steps("executor", mtu_of(environ)),
        "bridge-type": bridge_type,
        "docker-bridge-ip": docker_bridge_ip,
    }
    return table[command](words, environ) if command in table else []
