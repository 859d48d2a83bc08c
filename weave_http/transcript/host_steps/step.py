"""One step on the host, and the words that many steps are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from weave_http import constants
from weave_http.records import dataclass
from weave_http.transcript.quoting import shown_word

NEIGHBOUR = ("base_reachable_time_ms=5000", "delay_first_probe_time=2", "ucast_solicit=1")
NO_ADVICE = ("accept_ra=0", "autoconf=0", "accept_redirects=0")
NO_IPV6 = (*NO_ADVICE, "disable_ipv6=1")
IPV6 = ("accept_dad=0", "disable_ipv6=0")
MULTICAST, MULTICAST_6 = "224.0.0.0/4", "ff00::/8"
PROGRAMS = {4: "iptables", 6: "ip6tables"}
FORWARD, EXPOSE, INPUT, DATA, NAT = "WEAVE-FORWARD", "WEAVE-EXPOSE", "WEAVE-INPUT", "WEAVE-DATA", "WEAVE"
"""Chains of ours, in the rule set that has Docker's."""
USUAL_MTU, USUAL_MTU_ENCRYPTED = "1450", "1390"
LONGEST_WITH_BROADCAST = 30
ROUTER = f"http://127.0.0.1:{constants.ROUTER_HTTP_PORT}"
LINE = 66
"""Most characters of a line before it is continued on the next one."""
INSIDE = "nsenter -t $pid -n"


@dataclass(frozen=True, slots=True)
class HostStep:
    """One step on the host.

    Args:
        actor: `executor` or `router`.
        text: what it is for, in a sentence or two.
        lines: what it amounts to, as lines of the shell.
        to: who is spoken to, where that is not the kernel: `daemon` or `router`.
        short: the step in a few words.
    """

    actor: str
    text: str
    lines: tuple[str, ...]
    short: str
    to: str = ""


def sysctl(before: str, settings: Sequence[str]) -> str:
    """Return the line that sets kernel parameters below `net.ipv4`, after what is to stand before it."""
    return f"{before}sysctl -qw" + "".join(f" \\\n  net.ipv4.{setting}" for setting in settings)


def sysctl6(before: str, interface: str, settings: Sequence[str]) -> str:
    """Return the line that sets kernel parameters of an interface's IPv6, after what is to stand before it."""
    return f"{before}sysctl -qw" + "".join(f" \\\n  net.ipv6.conf.{interface}.{setting}" for setting in settings)


def mtu_of(environ: Mapping[str, str], *, encrypted: bool = False) -> str:
    """Return the overlay's MTU that an environment asks for, or the usual one, which WireGuard makes less."""
    return shown_word(environ.get("WEAVE_MTU") or (USUAL_MTU_ENCRYPTED if encrypted else USUAL_MTU))


def docker_bridge(environ: Mapping[str, str]) -> str:
    """Return the name of the engine's bridge, as a word of the shell."""
    return shown_word(environ.get("DOCKER_BRIDGE") or constants.DOCKER_BRIDGE)


def router_name(environ: Mapping[str, str]) -> str:
    """Return the name of the router's container, as a word of the shell."""
    return shown_word(environ.get("WEAVE_CONTAINER_NAME") or constants.ROUTER_CONTAINER)


class HasVersion(Protocol):
    """A network, as far as its version of IP goes."""

    @property
    def version(self) -> int: ...


class HasLength(HasVersion, Protocol):
    """A network, as far as the length of its prefix goes."""

    @property
    def prefixlen(self) -> int: ...


class HasNetwork(Protocol):
    """An address of an interface, as far as its network goes."""

    @property
    def network(self) -> HasLength: ...

    @property
    def ip(self) -> object: ...


def versions(networks: Iterable[HasVersion]) -> list[int]:
    """Return which versions of IP networks are of, in their order; what only the router knows counts as IPv4."""
    return sorted({network.version for network in networks})


def announcement(before: str, interface: str, cidr: HasNetwork) -> str:
    """Return the line by which an address is announced; iproute2 has no command for the one of IPv6."""
    if cidr.network.version == 6:
        return f"# {cidr.ip}: an unsolicited Neighbor Advertisement to ff02::1"
    return f"{before}arping -q -U -c 1 -I {interface} {cidr.ip}"


def broadcast(cidr: HasNetwork) -> str:
    """Return what `ip addr add` needs for an address to have its subnet's broadcast address, or not to be asked for."""
    if cidr.network.version == 6:
        return " nodad"
    return " brd +" if cidr.network.prefixlen <= LONGEST_WITH_BROADCAST else ""


def form(path: str, fields: Sequence[str]) -> str:
    """Return the curl line that sends fields, each `NAME=VALUE`, to the router as a form."""
    lines = ["curl"]
    for field in fields:
        word = f" --data-urlencode {shown_word(field)}"
        if len(lines[-1] + word) > LINE:
            lines.append(word.strip())
        else:
            lines[-1] += word
    return " \\\n  ".join([*lines, f"{ROUTER}{path}"])


def ask(text: str, path: str) -> HostStep:
    """Return the step by which the router is asked something."""
    return HostStep("executor", text, (f"curl {ROUTER}{path}",), f"GET {path}", to="router")


def find_container(container: str) -> HostStep:
    """Return the step that gives the shell the variables `$id` and `$pid` of a container."""
    name = shown_word(container)
    return HostStep(
        "executor",
        "Ask the engine, over the mounted socket, for the container's id and process: its network namespace is "
        "found by that.",
        (f"id=$(docker inspect -f '{{{{.Id}}}}' {name})", f"pid=$(docker inspect -f '{{{{.State.Pid}}}}' {name})"),
        "inspect the container",
        to="daemon",
    )


def nothing(text: str) -> HostStep:
    """Return a step without any line."""
    return HostStep("executor", text, (), "nothing to do")
