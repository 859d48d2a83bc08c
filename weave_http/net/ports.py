"""Ports of the bridge whose containers are gone.

The kernel takes a veth away with the network namespace of its other end, unless somebody holds that: Podman's service
does for a while, and the address of a container that was removed would still answer.
"""

from __future__ import annotations

import os
from contextlib import suppress

from weave_http import constants
from weave_http.net import links, netlink
from weave_http.net.messages import nsidmsg
from weave_http.net.netlink import Netlink
from weave_http.net.netns import Namespace


def remove_dead(procfs: str) -> list[str]:
    """Delete the veths into namespaces that no process is in any more.

    Args:
        procfs: where the host's /proc is mounted; in another one the containers' processes are not to be seen.

    Returns:
        the names of those that were there.

    Raises:
        HostError: the kernel refused.
    """
    with Netlink() as kernel:
        # Containers may share a namespace, so that the one whose number the port bears is not the only one to ask.
        suspects = [
            link
            for link in links.list_links(kernel)
            if link.peer_namespace >= 0 and _has_lost_its_process(link.name, procfs)
        ]
        if not suspects:
            return []
        inhabited = _inhabited(kernel, procfs)
        dead = [link.name for link in suspects if link.peer_namespace not in inhabited]
        return [name for name in dead if links.delete_link(kernel, name)]


def _has_lost_its_process(link: str, procfs: str) -> bool:
    pid = link.removeprefix(constants.HOST_VETH_PREFIX)
    return pid != link and pid.isdecimal() and not os.path.exists(f"{procfs}/{pid}")


def _inhabited(kernel: Netlink, procfs: str) -> set[int]:
    """Return the numbers that this namespace has for those that processes are in."""
    numbers: dict[str, int] = {}
    for pid in filter(str.isdecimal, os.listdir(procfs)):
        path = f"{procfs}/{pid}/ns/net"
        with suppress(OSError):  # it has ended meanwhile
            identity = os.readlink(path)
            if identity not in numbers:
                with Namespace(path) as namespace:
                    numbers[identity] = _number(kernel, namespace)
    return set(numbers.values())


def _number(kernel: Netlink, namespace: Namespace) -> int:
    """Return the number that this namespace has for another one; one that no link has if there is none."""
    message = nsidmsg()
    message["attrs"] = [("NETNSA_FD", namespace.fd)]
    answer = kernel.get(message, netlink.RTM_GETNSID, "look at a network namespace")
    return int(answer.get_attr("NETNSA_NSID"))
