"""Our keys, told to the mesh and changed every so often, and the tunnels that follow from those of all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from random import uniform

from weave_http.addresses import IP
from weave_http.net.tunnel import address_of
from weave_http.net.wireguard_user import UserSpaceDevice
from weave_http.router.data.plan import Way
from weave_http.router.data.tunnel import Tunnel, new_private_key
from weave_http.router.keys.facts import PublicKeys
from weave_http.router.keys.gossip import KeyGossip
from weave_http.router.keys.secrets import public_key
from weave_http.router.keys.secured import Own, Secured, laying, one_family, secured, why_not
from weave_http.router.mesh.identity import PeerName

logger = logging.getLogger(__name__)

PERIOD = 600.0
"""Seconds after which secrets of tunnels are made anew. Sessions, which have keys of their own, last two minutes."""


class Tunnels:
    """The tunnels of this host.

    Args:
        name: of this peer.
        gossip: what peers say of their keys.
        tunnel: this host's end of those to hosts that are reached directly.
        relayed: that of those to hosts that are reached over others.
        port: UDP port of WireGuard.
        clear: returns the names of the peers to which data may go as it is.
        met: returns the underlay addresses of the others that there is a connection to.
        told: called when others have to be told something.

    Attributes:
        period: seconds after which secrets are made anew.
    """

    period = PERIOD

    def __init__(
        self,
        name: str,
        gossip: KeyGossip,
        tunnel: Tunnel,
        relayed: Tunnel,
        port: int,
        clear: Callable[[], Collection[str]],
        met: Callable[[], Collection[IP]],
        told: Callable[[], None],
    ) -> None:
        self._name = name
        self._gossip = gossip
        self._tunnel = tunnel
        self._relayed = relayed
        self._port = port
        self._clear = clear
        self._met = met
        self._tell = told
        self._changing = new_private_key()
        self._said: dict[str, PublicKeys] = {}
        self._refused: dict[str, str] = {}

    @property
    def port(self) -> int:
        """UDP port of WireGuard."""
        return self._port

    @property
    def kind(self) -> str:
        """Who encrypts here: `kernel` or `user-space`, empty as long as nobody does."""
        return self._tunnel.kind

    @property
    def trouble(self) -> str:
        """Why there is no tunnel, empty if there is."""
        return self._tunnel.trouble

    def refresh(self) -> None:
        """Tell the others what our keys are by now."""
        if self._gossip.say(self._own().public):
            self._tell()

    async def run(self) -> None:
        """Make secrets anew every so often, until cancelled.

        Not in step with what has WireGuard begin a session: that fails while one end is ahead of the other.
        """
        while True:
            await asyncio.sleep(self.period * uniform(0.8, 1.2))
            self._changing = new_private_key()
            self.refresh()
            self._gossip.changed()

    def is_clear(self, peer: str) -> bool:
        """Tell whether data to a peer may go as it is."""
        return peer in self._clear()

    def encryption(self, peer: str) -> str:
        """Return who encrypts data to a neighbour: `kernel` or `user-space`; empty if it goes as it is, or not."""
        return "" if self.is_clear(peer) or self.why(peer) else self.kind

    def at(self, direct: Mapping[PeerName, IP]) -> dict[PeerName, IP]:
        """Return where frames for peers go, without those that can't get any.

        Args:
            direct: their underlay addresses.
        """
        clear, says = self._clear(), self._says()
        refused = why_not(self._own(), says, met={str(peer): ip for peer, ip in direct.items()})
        return {
            peer: ip if peer in clear else address_of(peer)
            for peer, ip in direct.items()
            if peer in clear or (peer in says and peer not in refused)
        }

    def laying(self) -> Callable[[Way], Way | None]:
        """Return what says how frames take a way over others; None as long as there is no tunnel to that peer."""
        return laying(self._own(), self._says(), self._clear())

    def secured(self, ways: Mapping[str, Way], direct: Mapping[str, Way], over: Mapping[str, Way]) -> Secured:
        """Return what becomes of a plan. Peers that it leaves out are forgotten, unless they are there.

        Args:
            ways: as planned.
            direct: ways as they would be if no peer was reached over others.
            over: ways over others that are probed (`laying`).
        """
        says = self._says()
        found = secured(ways, self._own(), says, self._clear(), self._port, direct=direct, over=over)
        self._said = {peer: keys for peer, keys in says.items() if peer in ways}
        self._note(found.refused)
        return found

    def why(self, peer: str) -> str:
        """Return why a peer gets no frames, empty if nothing speaks against it."""
        return "" if self.is_clear(peer) else self.trouble or self._refused.get(peer, "")

    def _says(self) -> dict[str, PublicKeys]:
        """Return what peers say, or said before they were lost: the hosts may well still reach each other."""
        return self._said | {str(peer): keys for peer, keys in self._gossip.says.items()}

    def _own(self) -> Own:
        direct, over = (public_key(each.private) if each.private else b"" for each in (self._tunnel, self._relayed))
        family = one_family(self._met()) if self.kind == UserSpaceDevice.kind else 0
        return Own(self._name, direct, self._changing, over, family)

    def _note(self, refused: Mapping[str, str]) -> None:
        for peer, why in refused.items():
            if self._refused.get(peer) != why:
                logger.info("no data goes to %s: %s", peer, why)
        self._refused = dict(refused)
