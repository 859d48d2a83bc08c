"""What the kernel remembers of flows of UDP between hosts on a path, and what of that must be forgotten.

The kernel decides once a flow how its addresses are translated. Packets of a tunnel are one flow, for ever: what it
decided before our rules were there, or by those of an earlier path, would hold as long as packets come. So when the
rules change, the flows that they would treat otherwise are forgotten; the next packet makes a new one.
"""

from __future__ import annotations

import logging
import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, NamedTuple

from weave_http.addresses import IP
from weave_http.net.netlink import Netlink, NetlinkError, attribute
from weave_http.net.relays import Relays, is_virtual, labels

logger = logging.getLogger(__name__)

_NETFILTER = 12
_GET, _DELETE = 0x101, 0x102
_ORIGINAL, _PROTO, _DESTINATION_PORT = 1, 2, 3
_TUPLE_IP, _IP_DESTINATION = 1, {4: 2, 6: 4}
_HEADER = 4
"""Bytes of the family, the version and a number that messages begin with."""


class Flow(NamedTuple):
    """A flow as the kernel remembers it.

    Attributes:
        source: address that its first packet came from.
        target: where that went.
        port: UDP port there.
        answerer: address that answers come from.
        answer_port: UDP port there.
    """

    source: IP
    target: IP
    port: int
    answerer: IP
    answer_port: int


def is_stale(flow: Flow, relays: Relays, port: int) -> bool:
    """Tell whether a flow is translated otherwise than the rules have it.

    Args:
        flow: of UDP.
        relays: this host's part in all paths.
        port: UDP port for data.
    """
    for leg in relays.legs:
        if flow.target == leg.virtual:
            return (flow.answerer, flow.answer_port) != (leg.by, leg.label)
        if (flow.source, flow.port) == (leg.by, leg.label):
            return flow.answer_port != leg.port(port)
    for each in relays.forwards:
        # Between families it is no rule that passes them on: they are for this host.
        if each.source.version == each.to.version and (flow.source, flow.port) == (each.source, each.label):
            return flow.answerer != each.to
    return False


def forget_stale(relays: Relays, port: int) -> None:
    """Have the kernel forget flows that it translates otherwise than the rules have it.

    It is no failure if the kernel has no such list to look at: then flows that pause for half a minute are forgotten.

    Args:
        relays: this host's part in all paths.
        port: UDP port for data.
    """
    versions = {leg.by.version for leg in relays.legs} | {each.source.version for each in relays.forwards}
    if not versions:
        return
    try:
        with Netlink(_NETFILTER) as kernel:
            for flow, original in (each for version in sorted(versions) for each in _flows(kernel, port, version)):
                if is_stale(flow, relays, port):
                    message = _message(flow.source.version)
                    message["attrs"] = [("CTA_TUPLE_ORIG", original)]
                    with suppress(NetlinkError):  # it was over by itself
                        kernel.execute(message, _DELETE, 0, "forget a flow")
    except (NetlinkError, OSError) as error:
        logger.warning("flows of before this change of paths may go on as they did: %s", error)


def _flows(kernel: Netlink, port: int, version: int) -> list[tuple[Flow, Any]]:
    """Return the flows of UDP to ports and addresses of paths, each with what the kernel knows it by.

    Args:
        kernel: where.
        port: UDP port for data.
        version: of IP.
    """
    ports = labels(port)

    def concerns(body: memoryview) -> bool:
        found = attribute(body, _HEADER, _ORIGINAL)
        proto = attribute(found, 0, _PROTO) if found is not None else None
        target = attribute(found, 0, _TUPLE_IP) if found is not None else None
        if proto is None or target is None or bytes(attribute(proto, 0, 1) or b"") != bytes([socket.IPPROTO_UDP]):
            return False
        number = int.from_bytes(attribute(proto, 0, _DESTINATION_PORT) or b"", "big")
        address = attribute(target, 0, _IP_DESTINATION[version])
        return number in ports or (address is not None and is_virtual(ip_address(bytes(address))))

    return kernel.dump(_message(version), _GET, "look at flows", read=_read, keep=concerns)


def _read(message: Any) -> tuple[Flow, Any]:
    original, answer = message.get_attr("CTA_TUPLE_ORIG"), message.get_attr("CTA_TUPLE_REPLY")
    here, back = (each.get_attr("CTA_TUPLE_IP") for each in (original, answer))
    at = "CTA_IP_V4" if message["nfgen_family"] == socket.AF_INET else "CTA_IP_V6"
    ports, answers = (each.get_attr("CTA_TUPLE_PROTO") for each in (original, answer))
    addresses = (here.get_attr(f"{at}_SRC"), here.get_attr(f"{at}_DST"), back.get_attr(f"{at}_SRC"))
    source, target, answerer = map(ip_address, addresses)
    number, answer_port = ports.get_attr("CTA_PROTO_DST_PORT"), answers.get_attr("CTA_PROTO_SRC_PORT")
    known = {
        "attrs": [
            ("CTA_TUPLE_IP", {"attrs": [(f"{at}_SRC", str(source)), (f"{at}_DST", str(target))]}),
            (
                "CTA_TUPLE_PROTO",
                {
                    "attrs": [
                        ("CTA_PROTO_NUM", socket.IPPROTO_UDP),
                        ("CTA_PROTO_SRC_PORT", ports.get_attr("CTA_PROTO_SRC_PORT")),
                        ("CTA_PROTO_DST_PORT", number),
                    ]
                },
            ),
        ]
    }
    return Flow(source, target, number, answerer, answer_port), known


def _message(version: int) -> Any:
    """Return a message about flows of a version of IP; how it is laid out is pyroute2's knowledge."""
    import pyroute2  # noqa: F401 (the whole of it first: its parts import each other in a circle)
    from pyroute2.netlink.nfnetlink.nfctsocket import nfct_msg

    message = nfct_msg()
    message["nfgen_family"] = socket.AF_INET if version == 4 else socket.AF_INET6
    return message
