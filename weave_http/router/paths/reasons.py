"""Why the direct way to a peer is not good, and what helps, for people. Pure."""

from __future__ import annotations

from collections.abc import Collection

from weave_http.addresses import IP
from weave_http.router.paths.facts import Seen


def reason(port: int, ip: IP, *, hears: bool, there: Seen | None, answers: bool) -> str:
    """Return a line.

    Args:
        port: UDP port for data.
        ip: underlay address at which we know the peer.
        hears: whether the peer's questions come in here.
        there: the way as the other end sees it, if that is known.
        answers: whether our questions are answered.
    """
    translated = there is not None and there.local is not None and there.local != ip
    if translated and hears:
        return (
            f"it is behind a NAT ({ip} is {there.local if there else ''} there) and can only dial out:"
            f" have UDP port {port} of {ip} lead to it"
        )
    if answers:
        return f"the peer gets no answer from here: let UDP port {port} through between both hosts"
    arrives = there is not None and there.hears
    if hears and arrives:
        return f"answers get lost: let UDP port {port} through between both hosts"
    if hears:
        return f"UDP port {port} to {ip} is blocked, the way back is open: let it through there"
    if arrives:
        return f"UDP port {port} from {ip} is blocked, the way there is open: let it through here"
    return f"UDP port {port} is blocked between here and {ip}, both ways: let it through"


def no_way(theirs: Collection[int], ours: Collection[int], *, encrypted: bool) -> str:
    """Return a line about a peer to which there is neither a connection nor a way over others.

    Args:
        theirs: versions of IP of the connections that it has.
        ours: those of the connections that this host has.
        encrypted: whether data is.
    """
    if theirs and ours and not {*theirs} & {*ours}:
        (there,), (here,) = theirs, ours
        why = (
            "encrypted data goes from one to the other over no host" if encrypted else "no host with both passes it on"
        )
        return (
            f"no common family: it is connected over IPv{there} alone, this host over IPv{here} alone, and {why}:"
            " give one of the two an address of the other family"
        )
    return "there is no connection to it, and no other host that reaches it"


def smaller(mtu: int, full: int) -> str:
    """Return a line about a way on which only smaller packets pass.

    Args:
        mtu: bytes that do.
        full: bytes that would, were it for this host alone.
    """
    return f"packets over {mtu} bytes get lost, {full} would fit at this host: a smaller MTU or a firewall in between"
