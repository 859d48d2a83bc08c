"""What the commands for names do on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weave_http.addresses import IP
from weave_http.operations import DnsAdd, DnsArgs, DnsLookup, DnsRemove, LaunchDns
from weave_http.transcript.host_steps.step import ROUTER, HostStep, ask, find_container, router_name
from weave_http.transcript.quoting import shown_word


def name_step(text: str, method: str, addresses: Sequence[IP | str], name: str = "", owner: str = "$id") -> HostStep:
    """Return the step by which the router is told of names: an empty address stands for all."""
    lines = []
    for address in addresses or ("",):
        path = f"{ROUTER}/name/{owner}" + (f"/{address}" if address else "")
        if method == "PUT":
            lines.append(f"curl --request PUT --data-urlencode fqdn={name} \\\n  {path}")
        else:
            lines.append(f"curl --request DELETE {shown_word(f'{path}?fqdn={name}') if name else path}")
    return HostStep("executor", text, tuple(lines), f"{method} /name/{{id}}", to="router")


def _owner(operation: DnsAdd) -> tuple[list[HostStep], str]:
    """Return the step that finds the container whose names are meant, if it is one, and who has the names."""
    return ([find_container(operation.container)], "$id") if operation.container else ([], "weave:extern")


def dns_add(operation: DnsAdd, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `dns-add`."""
    find, owner = _owner(operation)
    text = "Tell the router the name; by default all the container's addresses get its hostname."
    return [*find, name_step(text, "PUT", operation.addresses or ["ADDRESS"], operation.fqdn or "NAME", owner)]


def dns_remove(operation: DnsRemove, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `dns-remove`."""
    find, owner = _owner(operation)
    text = "Have the router forget these names."
    return [*find, name_step(text, "DELETE", operation.addresses, operation.fqdn, owner)]


def dns_lookup(operation: DnsLookup, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `dns-lookup`."""
    return [
        ask("Ask the router where it serves names.", "/dns-address-port"),
        HostStep(
            "executor",
            "Ask its DNS server, as a container would, and print the addresses.",
            (f"dig @172.17.0.1 +short {shown_word(operation.fqdn)}",),
            "DNS query",
            to="router",
        ),
    ]


def dns_args(_: DnsArgs, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `dns-args`."""
    return [
        ask("Ask the router where it serves names.", "/dns-address-port"),
        ask("And for the domain: it is searched for names without one.", "/domain"),
    ]


def launch_dns(_: LaunchDns, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `launch-dns`."""
    return [
        ask("Ask the router whether it serves names: it does so by itself.", "/dns-address-port"),
        ask("And in which domain.", "/domain"),
        HostStep(
            "executor",
            "Print the id of its container.",
            (f"docker inspect -f '{{{{.Id}}}}' {router_name(environ)}",),
            "inspect the router",
            to="daemon",
        ),
    ]
