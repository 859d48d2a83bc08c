"""What the operations ask of the router. Over HTTP it is `router_client`; the router itself may pass itself in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weave_http.addresses import IP, Cidr, PeerAddress, Subnet
from weave_http.errors import HostError
from weave_http.hints import Any, Protocol


class RouterUnavailable(HostError):
    """Nothing listens there, or the router has not finished starting."""


class RouterError(HostError):
    """The router answered, with a refusal or with something that is no answer of ours."""


class NotOffered(RouterError):
    """The router does not offer that: it was told not to, or it can't."""


class RouterAPI(Protocol):
    """One router. Every method raises `RouterUnavailable` or `RouterError`."""

    def status(self, section: str = "") -> str:
        """Return the text about a section: targets, connections, peers or dns; about all without one."""
        ...

    def report(self) -> dict[str, Any]:
        """Return all the router knows."""
        ...

    def missing(self) -> dict[str, Any]:
        """Return which targets are not connected, and which peers no data is known to reach, with reasons."""
        ...

    def round_trips(self) -> list[dict[str, Any]]:
        """Return what each peer measured to each of its neighbours."""
        ...

    def report_text(self, template: str) -> str:
        """Return the report as a Go template puts it, without one as JSON to read."""
        ...

    def version(self) -> str:
        """Return the router's version."""
        ...

    def connect(self, peers: Iterable[PeerAddress], replace: bool = False) -> None:
        """Add peers to the ones that are dialled; with `replace` these alone are, from now on."""
        ...

    def forget(self, peers: Iterable[PeerAddress]) -> None:
        """Stop dialling peers; unknown ones are ignored."""
        ...

    def change_password(self, password: str, grace: float) -> None:
        """Change the network's password; the one before it is taken for so many seconds, too."""
        ...

    def attachments(self) -> dict[str, list[str]]:
        """Return the addresses, in CIDR notation, that containers get whenever they start, by full id."""
        ...

    def set_attachment(self, container: str, addresses: Sequence[Cidr]) -> None:
        """Record all addresses that a container gets again whenever it starts; it is given by its full id."""
        ...

    def delete_attachment(self, container: str) -> None:
        """Forget a container's addresses; unknown ids are fine."""
        ...

    def expose(self, addresses: Sequence[Cidr], *, masquerade: bool = True, name: str = "") -> None:
        """Put the host on the network, for good: all of the addresses, or none.

        Args:
            addresses: of the host.
            masquerade: whether packets between these subnets and elsewhere bear the host's address.
            name: what else the addresses are called; empty for nothing.
        """
        ...

    def hide(self, addresses: Sequence[Cidr]) -> None:
        """Take the host off the network again; absent addresses are fine."""
        ...

    def put_name(self, owner: str, address: IP, name: str) -> None:
        """Give an address a name in the DNS; a name outside of the domain is dropped silently.

        Args:
            owner: full container id, or `weave:expose` or `weave:extern`.
            address: of the owner.
            name: fully qualified.
        """
        ...

    def delete_name(self, owner: str, address: IP | None = None, name: str = "") -> None:
        """Take names away; what is left out stands for all there are."""
        ...

    def proxy_addresses(self) -> list[str]:
        """Return where the router serves the Docker API, as docker's `-H` has it."""
        ...

    def domain(self) -> str:
        """Return the domain of the names, with its last dot."""
        ...

    def dns_address(self) -> tuple[IP, int]:
        """Return the address and port of the DNS server. Raises `NotOffered`: there is none, and why."""
        ...

    def allocate(self, owner: str, subnet: Subnet) -> list[Cidr]:
        """Hand out an address of a subnet to a container, or to `weave:expose`; the same one if it has one there.

        Of the default subnets there may be two, one of each version of IP; then there is an address of each.
        """
        ...

    def claim(self, owner: str, address: Cidr) -> None:
        """Note that a container, or `weave:expose`, has an address that somebody chose."""
        ...

    def addresses_of(self, owner: str, subnet: Subnet | None = None) -> list[Cidr]:
        """Return what a container, or `weave:expose`, was handed out, in all or of a subnet."""
        ...

    def release_address(self, owner: str, address: IP) -> None:
        """Take an address back; one that was not handed out is fine."""
        ...

    def prime(self) -> None:
        """Return when addresses can be handed out."""
        ...

    def give_back(self) -> None:
        """Give all addresses back to the other hosts, and the vote: this host leaves for good."""
        ...

    def leave(self) -> None:
        """Say goodbye to the peers and take the VXLAN device down; the process stays."""
        ...

    def remove_peer(self, who: str) -> str:
        """Take over what a peer that is gone for good, by name or nickname, has left; return a line about it."""
        ...
