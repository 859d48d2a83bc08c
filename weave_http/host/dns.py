"""`dns-add`, `dns-remove` and `dns-lookup`: names of containers and of other addresses."""

from __future__ import annotations

from weave_http.errors import HostError
from weave_http.host.dns_names import EXTERN, addresses_of, full_name
from weave_http.host.host import Host, running_target
from weave_http.operations import DnsAdd, DnsLookup, DnsRemove


def add(host: Host, op: DnsAdd) -> None:
    """Give a container's addresses, or others, a name.

    By default they are all of the container's, and the name is its hostname.

    Raises:
        HostError: there is no such container, it has no name, the name is outside of the domain, or there is no router
            that serves names.
    """
    owner, addresses, name = EXTERN, list(op.addresses), op.fqdn
    domain = host.router.domain()
    if op.container:
        container = host.container(op.container)
        running_target(host, container, op.container)
        owner = container["Id"]
        addresses = addresses or addresses_of(host, container, op.container)
        name = name or full_name(container)
        if not name:
            hint = "give it one: -h NAME"
            raise HostError(f"the hostname of container {op.container} has no domain", hint=hint)
    dotted = f"{name.lower().rstrip('.')}."
    if "." in name.strip(".") and not dotted.endswith(f".{domain}"):
        raise HostError(f"{name} is outside of the domain {domain}", hint="give a name in it, or one without a dot")
    for address in addresses:
        host.router.put_name(owner, address, name)


def remove(host: Host, op: DnsRemove) -> None:
    """Take names from addresses; what is not said stands for all there are. Idempotent.

    Raises:
        HostError: there is no such container, or no router that serves names.
    """
    owner = host.container(op.container)["Id"] if op.container else EXTERN
    for address in op.addresses or (None,):
        host.router.delete_name(owner, address, op.fqdn)


def lookup(host: Host, op: DnsLookup) -> None:
    """Ask the router's DNS server for a name's addresses, and print a line each.

    Raises:
        HostError: there is no such name, or no server, or it does not answer.
    """
    from weave_http.host.dns_query import addresses

    address, port = host.router.dns_address()
    found = addresses(op.fqdn, str(address), port)
    if not found:
        raise HostError(f"no address has the name {op.fqdn}", hint="weave status dns lists those that have one")
    for each in found:
        host.say(each)
