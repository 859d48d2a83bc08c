"""Steps by which the router hands out addresses, and how lines show an address that is only known then."""

from __future__ import annotations

from collections.abc import Sequence

from weave_http.addresses import Cidr, Network, Subnet, Wanted
from weave_http.records import dataclass
from weave_http.transcript.host_steps.step import ROUTER, HostStep


@dataclass(frozen=True, slots=True)
class ShownNetwork:
    """The default subnet, which only the router knows: a variable of the shell."""

    prefixlen: int = 12
    version: int = 4

    def __str__(self) -> str:
        return "$subnet"


@dataclass(frozen=True, slots=True)
class ShownCidr:
    """An address that the router finds: a variable of the shell."""

    name: str
    network: ShownNetwork | Network

    def __str__(self) -> str:
        return f"${self.name}"

    @property
    def ip(self) -> str:
        """The address without its length."""
        return f"${{{self.name}%/*}}"


Shown = Cidr | ShownCidr


def shown(wanted: Sequence[Wanted]) -> list[Shown]:
    """Return addresses as lines show them."""
    return [
        ShownCidr(f"addr{number}", each.network or ShownNetwork()) if isinstance(each, Subnet) else each
        for number, each in enumerate(wanted, start=1)
    ]


def handed_out(wanted: Sequence[Wanted], owner: str) -> list[HostStep]:
    """Return the step by which the router finds addresses and notes those that were given.

    Args:
        wanted: addresses, and subnets to find one in.
        owner: as the shell has it: `$id`, or `weave:expose`.
    """
    lines = [f"subnet=$(curl {ROUTER}/ipinfo/defaultsubnet)"] if Subnet() in wanted and owner != "$id" else []
    for number, each in enumerate(wanted, start=1):
        if isinstance(each, Subnet):
            lines.append(f"addr{number}=$(curl --request POST {ROUTER}/ip/{owner}/{each.network or 'default'})")
        else:
            lines.append(f"curl --request PUT {ROUTER}/ip/{owner}/{each}")
    text = (
        "Have the router find free addresses, and note those that were given, so that nobody else gets them. If the "
        "range is of both versions of IP, there is one of each for net:default."
    )
    return [HostStep("executor", text, tuple(lines), "hand out addresses", to="router")]


def looked_up(wanted: Sequence[Wanted], owner: str) -> list[HostStep]:
    """Return the step by which the router is asked which addresses it handed out, if it has to be asked."""
    lines = [f"subnet=$(curl {ROUTER}/ipinfo/defaultsubnet)"] if Subnet() in wanted and owner != "$id" else []
    lines += [
        f"addr{number}=$(curl {ROUTER}/ip/{owner}/{each.network or 'default'})"
        for number, each in enumerate(wanted, start=1)
        if isinstance(each, Subnet)
    ]
    text = "Ask the router which addresses of these subnets it handed out."
    return [HostStep("executor", text, tuple(lines), "look the addresses up", to="router")] if lines else []


def given_back(addresses: Sequence[Shown], owner: str) -> HostStep:
    """Return the step by which the router takes addresses back."""
    lines = tuple(f"curl --request DELETE {ROUTER}/ip/{owner}/{each.ip}" for each in addresses)
    return HostStep(
        "executor", "Let the router hand these addresses out again, after a while.", lines, "give back", to="router"
    )
