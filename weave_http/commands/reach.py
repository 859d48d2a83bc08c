"""At which address the routers of other hosts reach a host: given, or what its endpoint says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence

from weave_http.addresses import is_this_machine, parse_peer_address
from weave_http.commands.fleet import Member
from weave_http.errors import UsageError

_SSH_SECONDS = 10
FindSsh = Callable[[str], Mapping[str, str]]
"""Returns what ssh's configuration says of a host, by the names of its options in small letters."""


def ssh_settings(host: str) -> Mapping[str, str]:
    """Return what ssh's configuration says of a host (`ssh -G`, which opens no connection); nothing without ssh."""
    try:
        done = subprocess.run(
            ["ssh", "-G", "--", host],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SSH_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    return {name: value for name, _, value in pairs} if done.returncode == 0 else {}


def addresses(members: Sequence[Member], ssh: FindSsh = ssh_settings) -> dict[str, str]:
    """Return the addresses by the names of the hosts; empty for the one host that may go without.

    Two hosts without an address could not reach each other; one alone dials the others.

    Args:
        members: the hosts.
        ssh: returns what ssh's configuration says of a host.

    Raises:
        UsageError: too many have none, or two have the same; the message says which, and why.
    """
    found: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for member in members:
        address, reason = _address(member, ssh)
        twin = next((name for name, other in found.items() if address and other == address), "")
        if twin:
            raise UsageError(
                f"{twin} and {member.name} would both be reached at {address}",
                hint=f"say where each is: --advertise {member.name}=ADDRESS",
            )
        found[member.name] = address
        if reason:
            reasons[member.name] = reason
    if len(reasons) > 1:
        said = ", ".join(f"{name} ({reason})" for name, reason in reasons.items())
        raise UsageError(
            f"at which addresses other hosts reach these can't be told: {said}",
            hint=" ".join(["say it:", *(f"--advertise {name}=ADDRESS" for name in list(reasons)[1:])]),
        )
    return found


def _address(member: Member, ssh: FindSsh) -> tuple[str, str]:
    """Return where a host is reached, or why that is not known."""
    if member.advertise:
        return str(parse_peer_address(member.advertise)), ""
    endpoint = member.endpoint
    if endpoint.scheme == "unix":
        return "", "its endpoint is a unix socket"
    host = endpoint.host
    if endpoint.scheme == "ssh":
        settings = ssh(host)
        if any(settings.get(option, "none") != "none" for option in ("proxyjump", "proxycommand")):
            return "", "ssh goes to it through another host"
        host = settings.get("hostname", host)
    if is_this_machine(host):
        return "", f"{host} is this machine"
    try:
        return str(parse_peer_address(host)), ""
    except UsageError:
        return "", f"{host} is no name or address"
