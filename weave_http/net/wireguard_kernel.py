"""The kernel's WireGuard, over generic netlink; how its messages are laid out is pyroute2's knowledge.

A message of netlink has a limit, and a peer takes some 200 bytes of it: changes go in parts.
"""

from __future__ import annotations

import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from weave_http import constants
from weave_http.errors import HostError
from weave_http.net.netlink import Netlink, NetlinkError
from weave_http.net.wireguard import KEEP_ALIVE, Change, Seen, State, TunnelPeer

_GENERIC = 16
_CONTROL, _GET_FAMILY = 16, 3
_GET, _SET = 0, 1
_REMOVE, _REPLACE_ADDRESSES = 1, 2
_PEERS_A_MESSAGE = 32


class KernelDevice:
    """The kernel's device of that name, in the network namespace of whoever makes this.

    Args:
        name: of the device.
    """

    kind = "kernel"

    def __init__(self, name: str = constants.TUNNEL_DEVICE) -> None:
        self._name = name

    def read(self) -> State:
        """Return how it is. Raises `HostError`."""
        with Netlink(_GENERIC) as kernel:
            family = _family(kernel)
            parts = kernel.dump(_message(_GET, self._name), family, f"look at {self._name}", read=parse)
        peers: dict[bytes, Seen] = {}
        for part in parts:
            for key, seen in part.peers.items():  # one with many addresses may stand in two parts
                before = peers.get(key)
                peers[key] = seen if before is None else _joined(before, seen)
        first = next(iter(parts), State(b"", 0, {}))
        return State(first.private, first.port, peers)

    def write(self, change: Change) -> None:
        """Change it. Raises `HostError`."""
        with Netlink(_GENERIC) as kernel:
            family = _family(kernel)
            for message in messages(self._name, change):
                kernel.execute(message, family, 0, f"change {self._name}")


def messages(name: str, change: Change) -> Iterator[Any]:
    """Yield a change as the kernel takes it.

    Args:
        name: of the device.
        change: at least one message is made of it.
    """
    peers = [*map(_removal, change.remove), *map(_peer, change.peers)]
    first: list[tuple[str, Any]] = []
    if change.private:
        first.append(("WGDEVICE_A_PRIVATE_KEY", b64encode(change.private)))
    if change.port:
        first.append(("WGDEVICE_A_LISTEN_PORT", change.port))
    for some in [peers[at : at + _PEERS_A_MESSAGE] for at in range(0, len(peers) or 1, _PEERS_A_MESSAGE)]:
        message = _message(_SET, name)
        message["attrs"] += [*first, *([("WGDEVICE_A_PEERS", some)] if some else [])]
        first = []
        yield message


def parse(message: Any) -> State:
    """Return what a decoded answer says; of many peers it is only a part."""
    private = message.get_attr("WGDEVICE_A_PRIVATE_KEY")
    peers = message.get_attr("WGDEVICE_A_PEERS") or []
    return State(
        b64decode(private) if private else b"",
        message.get_attr("WGDEVICE_A_LISTEN_PORT") or 0,
        dict(map(_seen, peers)),
    )


def _seen(peer: Any) -> tuple[bytes, Seen]:
    endpoint = peer.get_attr("WGPEER_A_ENDPOINT")
    secret = peer.get_attr("WGPEER_A_PRESHARED_KEY")
    handshake = peer.get_attr("WGPEER_A_LAST_HANDSHAKE_TIME")
    addresses = [each["addr"].partition("/")[0] for each in peer.get_attr("WGPEER_A_ALLOWEDIPS") or []]
    return b64decode(peer.get_attr("WGPEER_A_PUBLIC_KEY")), Seen(
        frozenset(map(ip_address, addresses)),
        b64decode(secret) if secret else b"",
        (ip_address(endpoint["addr"]), endpoint["port"]) if endpoint else None,
        float(handshake["tv_sec"]) if handshake else 0.0,
    )


def _joined(one: Seen, other: Seen) -> Seen:
    return Seen(one.addresses | other.addresses, one.secret, one.endpoint, one.handshake)


def _removal(key: bytes) -> dict[str, Any]:
    return {"attrs": [("WGPEER_A_PUBLIC_KEY", b64encode(key)), ("WGPEER_A_FLAGS", _REMOVE)]}


def _peer(peer: TunnelPeer) -> dict[str, Any]:
    attributes: list[tuple[str, Any]] = [
        ("WGPEER_A_PUBLIC_KEY", b64encode(peer.key)),
        ("WGPEER_A_FLAGS", 0 if peer.address is None else _REPLACE_ADDRESSES),
        ("WGPEER_A_PRESHARED_KEY", b64encode(peer.secret)),
        ("WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL", KEEP_ALIVE),
    ]
    if peer.endpoint is not None:
        ip, port = peer.endpoint
        attributes.append(("WGPEER_A_ENDPOINT", {"addr": str(ip), "port": port}))
    if peer.address is not None:
        allowed = [
            ("WGALLOWEDIP_A_FAMILY", socket.AF_INET if peer.address.version == 4 else socket.AF_INET6),
            ("WGALLOWEDIP_A_IPADDR", peer.address.packed),
            ("WGALLOWEDIP_A_CIDR_MASK", peer.address.max_prefixlen),
        ]
        attributes.append(("WGPEER_A_ALLOWEDIPS", [{"attrs": allowed}]))
    return {"attrs": attributes}


def _message(command: int, name: str) -> Any:
    import pyroute2  # noqa: F401 (the whole of it first: its parts import each other in a circle)
    from pyroute2.netlink.generic.wireguard import wgmsg

    message = wgmsg()
    message["cmd"], message["version"] = command, 1
    message["attrs"] = [("WGDEVICE_A_IFNAME", name)]
    return message


def _family(kernel: Netlink) -> int:
    """Return the number under which the kernel speaks of WireGuard. Raises `HostError`."""
    from pyroute2.netlink import ctrlmsg

    message = ctrlmsg()
    message["cmd"], message["version"] = _GET_FAMILY, 1
    message["attrs"] = [("CTRL_ATTR_FAMILY_NAME", "wireguard")]
    try:
        return int(kernel.get(message, _CONTROL, "find WireGuard").get_attr("CTRL_ATTR_FAMILY_ID"))
    except NetlinkError as error:
        raise HostError("this kernel has no WireGuard", hint="modprobe wireguard") from error
