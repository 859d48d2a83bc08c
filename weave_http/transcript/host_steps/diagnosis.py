"""What `doctor`, `ping` and `rtt` do on the host."""

from __future__ import annotations

from collections.abc import Mapping

from weave_http import constants
from weave_http.operations import Doctor, Ping, Rtt
from weave_http.transcript.host_steps.step import ROUTER, HostStep
from weave_http.transcript.quoting import shown_word


def doctor(_: Doctor, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `doctor`."""
    return [
        HostStep(
            "executor",
            "Ask the router for all it knows; the engine, the kernel and the host's files are asked, too.",
            (f"curl {ROUTER}/report",),
            "GET /report",
            to="router",
        ),
        HostStep(
            "executor",
            "Ask each peer over the network for an answer: for its own address, of a sender without one.",
            (f"arping -c 3 -D -I {constants.BRIDGE} ADDRESS-OF-PEER",),
            "ask peers by ARP",
        ),
    ]


def rtt(_: Rtt, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `rtt`."""
    return [
        HostStep(
            "executor",
            "Ask the router what each host has measured to its neighbours: they tell each other.",
            (f"curl {ROUTER}/rtt",),
            "GET /rtt",
            to="router",
        ),
    ]


def ping(operation: Ping, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `ping`."""
    return [
        HostStep(
            "executor",
            "Ask over the network who has the address, of a sender without one, so that the host need not be exposed.",
            (f"arping -c {operation.count} -D -I {constants.BRIDGE} {shown_word(operation.target)}",),
            "ask by ARP",
        ),
        HostStep(
            "executor",
            "Look behind which host the address that answered is.",
            (f"bridge fdb show dev {constants.VXLAN_DEVICE}",),
            "look at the FDB",
        ),
    ]
