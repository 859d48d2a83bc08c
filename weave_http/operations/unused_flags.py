"""Flags of Weave that `launch` has no use for, and what happens with each: a warning, a refusal, or nothing.

A warning: the network works without the flag. A refusal: without the flag the network would be less safe than asked
for, or another one. Nothing: the flag asks for what is true anyway.
"""

from __future__ import annotations

from collections.abc import Callable

from weave_http import constants
from weave_http.errors import UsageError
from weave_http.operations.flag_values import FALSE
from weave_http.records import dataclass

_NO_CAPTURE = "the kernel carries the packets, nothing captures them"
_NO_PLUGIN = "the router is a plugin that needs no swarm, of a name of its own"
_VXLAN_ONLY = "data always goes by the kernel's VXLAN"
_ONE_API = "there is one API, at --http-addr"
_NO_DISCOVERY = "the discovery service is no more, name the peers"


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag without a use.

    Args:
        why: why it has none.
        switch: whether it takes no value.
        refused: whether it is an error.
        harmless: tells whether a value asks for what is the case anyway; then nothing is said.
    """

    why: str
    switch: bool = False
    refused: bool = False
    harmless: Callable[[str], bool] = lambda value: False


def _empty(value: str) -> bool:
    return not value


def _switch(why: str, *, refused: bool = False) -> Flag:
    return Flag(why, switch=True, refused=refused, harmless=lambda value: value in FALSE)


UNUSED: dict[str, Flag] = {
    # capture of packets
    "iface": Flag(_NO_CAPTURE),
    "wait": Flag(_NO_CAPTURE),
    "bufsz": Flag(_NO_CAPTURE),
    "pkt-debug": _switch(_NO_CAPTURE),
    "profile": Flag("this version writes no profiles"),
    # the data path
    "no-fastdp": _switch(_VXLAN_ONLY),
    "no-bridged-fastdp": _switch(_VXLAN_ONLY),
    "datapath": Flag(_VXLAN_ONLY, harmless=_empty),
    "weave-bridge": Flag(
        f"the bridge is always called {constants.BRIDGE}",
        refused=True,
        harmless=lambda value: value == constants.BRIDGE,
    ),
    "min-protocol-version": Flag("routers speak weave-http's own protocol"),
    # joining and plugins
    "no-multicast-route": _switch("the route is what programs wait for"),
    "plugin-v2": _switch(_NO_PLUGIN),
    "plugin-v2-multicast": _switch(_NO_PLUGIN),
    "plugin-socket": Flag(_NO_PLUGIN),
    "plugin-mesh-socket": Flag(_NO_PLUGIN),
    # what listens, and what is kept where
    "status-addr": Flag(_ONE_API, harmless=_empty),
    "docker-api": Flag(
        f"the engine is the one at {constants.DOCKER_SOCKET}",
        harmless=lambda value: value.removeprefix("unix://") == constants.DOCKER_SOCKET,
    ),
    "db-prefix": Flag(f"what is kept is in the volume {constants.ROUTER_VOLUME}"),
    "host-root": Flag("the router needs nothing of the host's files"),
    "proc-path": Flag("it is set by PROCFS"),
    # integrations
    "expect-npc": _switch("there is no network policy controller, and all traffic would pass", refused=True),
    "awsvpc": _switch("routes of a VPC are not managed", refused=True),
    "no-masq-local": _switch("it goes with a network policy controller"),
    "token": Flag(_NO_DISCOVERY),
    "peer-discovery-url": Flag(_NO_DISCOVERY),
    "advertise-address": Flag(_NO_DISCOVERY),
    # questions rather than launches
    "version": _switch("expected: weave version", refused=True),
    "print-peer-name": _switch("expected: weave status", refused=True),
}


def judge(name: str, value: str) -> str:
    """Return the warning that a flag without a use deserves, or nothing.

    Args:
        name: without dashes, by its main spelling.
        value: its value; `true` or `false` for a switch.

    Raises:
        UsageError: launching without it would not be what was asked for.
    """
    flag = UNUSED[name]
    if flag.harmless(value):
        return ""
    shown = f"--{name}"
    if flag.refused:
        raise UsageError(f"option {shown} can't be had", hint=flag.why)
    return f"WARNING: {shown} is ignored: {flag.why}"
