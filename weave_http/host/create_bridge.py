"""`create-bridge`: the bridge and the firewall's rule alone, for scripts that bring up a network of their own."""

from __future__ import annotations

from weave_http.errors import ExitCode
from weave_http.host.host import Host, no_arguments


def run(host: Host, words: list[str]) -> int:
    """Make the bridge, or leave the one that there is as it is.

    Raises:
        UsageError: there are arguments.
        HostError: the kernel refused.
    """
    no_arguments(words)
    from weave_http.net import bridge, firewall

    bridge.ensure_bridge(mtu=host.wanted_mtu())
    firewall.ensure(host.docker_bridge)
    return ExitCode.OK
