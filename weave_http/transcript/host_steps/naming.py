"""What the commands for names do on the host."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from weave_http import constants
from weave_http.transcript.host_steps.step import ROUTER, HostStep, ask, find_container


def name_step(text: str, method: str, addresses: Sequence[str], name: str = "", owner: str = "$id") -> HostStep:
    """Return the step by which the router is told of names: an empty address stands for all."""
    lines = []
    for address in addresses or ("",):
        path = "/".join([f"{ROUTER}/name/{owner}", *filter(None, [address])])
        if method == "PUT":
            lines.append(f"curl --request PUT --data-urlencode fqdn={name} \\\n  {path}")
        else:
            lines.append(f"curl --request DELETE {shlex.quote(f'{path}?fqdn={name}') if name else path}")
    return HostStep("executor", text, tuple(lines), f"{method} /name/{{id}}", to="router")


def named(words: list[str]) -> tuple[list[HostStep], list[str], str, str]:
    """Read the words of `dns-add`; return the step that finds the container, the addresses, the name, the owner."""
    addresses = []
    rest = list(words)
    while rest and rest[0].replace(".", "").isdigit():
        addresses.append(rest.pop(0))
    find = [find_container(rest[0])] if rest and rest[0] != "-h" else []
    name = shlex.quote(rest[-1]) if "-h" in rest else ""
    return find, addresses, name, "$id" if find else "weave:extern"


def dns_add(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    find, addresses, name, owner = named(words)
    text = "Tell the router the name; by default all the container's addresses get its hostname."
    return [*find, name_step(text, "PUT", addresses or ["ADDRESS"], name or "NAME", owner)]


def dns_remove(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    find, addresses, name, owner = named(words)
    return [*find, name_step("Have the router forget these names.", "DELETE", addresses, name, owner)]


def dns_lookup(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        ask("Ask the router where it serves names.", "/dns-address-port"),
        HostStep(
            "executor",
            "Ask its DNS server, as a container would, and print the addresses.",
            (f"dig @172.17.0.1 +short {shlex.quote(words[0])}",),
            "DNS query",
            to="router",
        ),
    ]


def dns_args(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        ask("Ask the router where it serves names.", "/dns-address-port"),
        ask("And for the domain: it is searched for names without one.", "/domain"),
    ]


def launch_dns(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    name = environ.get("WEAVE_CONTAINER_NAME") or constants.ROUTER_CONTAINER
    return [
        ask("Ask the router whether it serves names: it does so by itself.", "/dns-address-port"),
        ask("And in which domain.", "/domain"),
        HostStep(
            "executor",
            "Print the id of its container.",
            (f"docker inspect -f '{{{{.Id}}}}' {name}",),
            "inspect the router",
            to="daemon",
        ),
    ]


def stop_dns(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [HostStep("executor", "Say that names end with the router.", (":",), "nothing")]
