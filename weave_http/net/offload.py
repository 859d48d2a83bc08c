"""Packets of VXLAN that go into a tunnel together: many in one piece, where they would go one by one.

To take a packet in and to send it costs a tunnel far more than to encrypt it. Of a stream of TCP it takes 64 KB in one
piece, if the kernel hands it out so, and all that follows is paid once for some forty packets, up to the last host on
the way. The kernel does that for TCP and UDP, not for TCP in VXLAN; but VXLAN is UDP. So packets take a way round::

    vxlan-6784 ── weave-wg, as it sends ── weave-gso ═ veth ═ weave-gro ── weave-wg
                  ports exchanged          cuts up TCP        joins UDP
                                           in VXLAN           of one flow, ports back

* `weave-gso` has the kernel cut up what it sends (GSO) and fill in all checksums; `weave-gro` joins packets of UDP that
  follow each other (GRO). It would look into VXLAN, and join TCP again, if it knew the port; so the two ports change
  places for that bit of the way. A checksum over both does not change.
* A mark tells which packets have been there. What the network is, routes, rules and MTU are the same with and without:
  chains of nf_tables (table `weave-offload`) lead there and back. Without them all goes straight into the tunnel.

It takes Linux 6.2, whose tunnels of programs take joined packets; what a kernel can't do is tried, and left.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network

from weave_http.constants import CUTTING_DEVICE, GREATEST_MTU, JOINING_DEVICE
from weave_http.errors import HostError
from weave_http.net import features, links, nft_rules, nftables, sysctl
from weave_http.net.links import Link
from weave_http.net.netlink import Netlink
from weave_http.net.netns import host_locked
from weave_http.net.nft_rules import DIFFERENT, DROP, MARK, NETWORK, Step, Test
from weave_http.net.nftables import EGRESS, INGRESS, Chain

logger = logging.getLogger(__name__)

TABLE = "weave-offload"
_PROGRAMS = "tun"
"""What the kernel calls a tunnel of a program."""
_TAKES_JOINED = "tx-udp-segmentation"
_CUT = ("tx-checksum-ip-generic", "tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation")
"""What the one end must not leave to the other."""
_JOIN = ("rx-gro", "rx-udp-gro-forwarding")
_MARK = b"weav"
_HOP = IPv4Address("240.0.0.1")
"""Neither device asks who is there."""
_UDP = (Test(None, 0, b"\x08\x00"), Test(NETWORK, 9, b"\x11"))
_DESTINATION = 16
_FAULTY = (((6, 2, 0), (6, 6, 26)), ((6, 7, 0), (6, 8, 5)))
"""From which release of Linux to which, exclusive, CVE-2024-35884 matters to a tunnel of a program."""
_SECONDS = 600.0
"""How long what could not be had is not tried again."""


class Offload:
    """The way round before tunnels. Where it can't be had, it is tried again now and then.

    Args:
        wanted: whether it must be there; else what an earlier router made is taken away.
    """

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted
        self._trouble = self._said = ""
        self._again = 0.0

    def ensure(self, tunnels: Mapping[str, IPv4Network]) -> None:
        """Have packets for these tunnels joined, where that can be had. Converges; what fails is logged, once.

        Args:
            tunnels: devices, and the addresses that each leads to. Those that are not there are passed over, and the
                kernel's own: it would cut up at once what is joined.
        """
        with Netlink() as kernel, host_locked():
            found = [(links.get_link(kernel, name), net) for name, net in tunnels.items()]
            there = [(link, net) for link, net in found if link is not None and link.kind == _PROGRAMS]
            try:
                if not there or not self._wanted:
                    remove(kernel)
                elif time.monotonic() >= self._again:
                    _ensure(kernel, there)
                    self._trouble = self._said = ""
            except HostError as error:
                self._failed(str(error), _words(there))
                remove(kernel)

    def _failed(self, why: str, tunnels: str) -> None:
        """Note that it could not be had; once may be chance, as when somebody took a device away meanwhile."""
        if why == self._trouble:
            self._again = time.monotonic() + _SECONDS
            if why != self._said:
                logger.info("packets go into %s one by one: %s", tunnels, why)
                self._said = why
        self._trouble = why


def is_faulty(release: str) -> bool:
    """Tell whether a kernel loses packets of VXLAN, or crashes, when a tunnel of a program hands them out joined.

    wireguard-go joins what arrives together, whatever the other host does. It is CVE-2024-35884.

    Args:
        release: of the kernel, as `uname -r` prints it; a distribution may have mended one that looks older.
    """
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", release)
    version = tuple(int(each or 0) for each in numbers.groups()) if numbers else ()
    return any(first <= version < mended for first, mended in _FAULTY)


def remove(kernel: Netlink) -> None:
    """Have all packets go straight into the tunnels. Idempotent. Raises `HostError`."""
    if links.index_of(CUTTING_DEVICE) is not None:
        nftables.delete_table(TABLE)
        links.delete_link(kernel, CUTTING_DEVICE)


def _ensure(kernel: Netlink, tunnels: list[tuple[Link, IPv4Network]]) -> None:
    ends = _ends(kernel)
    if ends and all(map(_is_there, _chains(*ends, tunnels))):
        _set_up(kernel, ends)
        return
    if unfit := [link.name for link, _ in tunnels if not features.active(link.name, _TAKES_JOINED)]:
        raise HostError(f"{unfit[0]} has no {_TAKES_JOINED}")
    cutting, joining = ends or _make(kernel)
    features.switch(cutting.name, off=_CUT)
    features.switch(joining.name, on=_JOIN)
    _set_up(kernel, (cutting, joining))
    nftables.put(TABLE, *_chains(cutting, joining, tunnels))
    logger.info("packets go into %s joined", _words(tunnels))


def _set_up(kernel: Netlink, ends: tuple[Link, Link]) -> None:
    for end in ends:
        sysctl.set_ipv6(end.name)
        if not end.up:
            links.set_link(kernel, end, up=True, asks_nobody=True)


def _ends(kernel: Netlink) -> tuple[Link, Link] | None:
    cutting, joining = (links.get_link(kernel, name) for name in (CUTTING_DEVICE, JOINING_DEVICE))
    return (cutting, joining) if cutting and joining else None


def _make(kernel: Netlink) -> tuple[Link, Link]:
    """Make the veth; both ends are down, and take packets of any size."""
    links.delete_link(kernel, CUTTING_DEVICE)
    peer = [("IFLA_IFNAME", JOINING_DEVICE), ("IFLA_MTU", GREATEST_MTU)]
    links.add_link(kernel, CUTTING_DEVICE, "veth", [("VETH_INFO_PEER", {"attrs": peer})], [("IFLA_MTU", GREATEST_MTU)])
    ends = _ends(kernel)
    if ends is None:
        raise HostError(f"{CUTTING_DEVICE} vanished while it was being made")
    return ends


def _chains(cutting: Link, joining: Link, tunnels: list[tuple[Link, IPv4Network]]) -> list[Chain]:
    return [*(_leading_round(link, cutting) for link, _ in tunnels), _leading_back(joining, tunnels)]


def _is_there(chain: Chain) -> bool:
    """Tell whether there is a chain that says of itself what this one does: the numbers of devices are in it."""
    return nftables.comments_of(TABLE, chain.device) == list(chain.comments)


def _leading_round(tunnel: Link, cutting: Link) -> Chain:
    """Return the chain that leads what a tunnel would send into the veth."""
    fresh = nft_rules.tests([*_UDP, Test(MARK, 0, _MARK, DIFFERENT)])
    there: list[Step] = [*fresh, *nft_rules.exchange_ports(), *nft_rules.pass_on(cutting.index, _HOP)]
    back: list[Step] = [*fresh, *nft_rules.exchange_ports()]  # if the veth is gone, for which the first rule ends
    return Chain(tunnel.name, EGRESS, [there, back], [f"to {cutting.name}, {cutting.index}"])


def _leading_back(joining: Link, tunnels: list[tuple[Link, IPv4Network]]) -> Chain:
    """Return the chain that leads what comes out of the veth into the tunnel that it is for, and nowhere else."""
    rules = []
    for link, net in tunnels:
        for_it = Test(NETWORK, _DESTINATION, net.network_address.packed, mask=net.netmask.packed)
        marked = [*nft_rules.exchange_ports(), *nft_rules.set_mark(_MARK)]
        rules.append([*nft_rules.tests([*_UDP, for_it]), *marked, *nft_rules.pass_on(link.index, _HOP)])
    numbered = ", ".join(f"{link.name} {link.index}" for link, _ in tunnels)
    return Chain(joining.name, INGRESS, [*rules, [DROP]], [f"to {numbered}"])


def _words(tunnels: list[tuple[Link, IPv4Network]]) -> str:
    return " and ".join(link.name for link, _ in tunnels)
