"""`dns-add [IP…] CONTAINER [-h NAME]`, or `dns-add IP… -h NAME`: give addresses a name."""

from __future__ import annotations

from weave_http.errors import ExitCode, HostError
from weave_http.host.dns_names import EXTERN, addresses_of, full_name, parse
from weave_http.host.host import Host, running_target


def run(host: Host, words: list[str]) -> int:
    """Give a container's addresses, or others, a name.

    By default they are all of the container's, and the name is its hostname.

    Raises:
        UsageError: the words are no addresses, container and name.
        HostError: there is no such container, it has no name, or there is no router that serves names.
    """
    what = parse(words)
    owner, addresses, name = EXTERN, list(what.addresses), what.name
    domain = host.router.domain()
    if what.container:
        container = host.container(what.container)
        running_target(host, container, what.container)
        owner = container["Id"]
        addresses = addresses or addresses_of(host, container, what.container)
        name = name or full_name(container)
        if not name:
            hint = "give it one: -h NAME"
            raise HostError(f"the hostname of container {what.container} has no domain", hint=hint)
    dotted = f"{name.lower().rstrip('.')}."
    if "." in name.strip(".") and not dotted.endswith(f".{domain}"):
        host.warn(f"WARNING: {name} is outside of the domain {domain} and not taken")
        return ExitCode.OK
    for address in addresses:
        host.router.put_name(owner, address, name)
    return ExitCode.OK
