"""Operations that only print something: `version`, `help`, `prime`, `env`, `config`, and commands that are gone."""

from __future__ import annotations

from contextlib import suppress

from weave_http import __version__, operations
from weave_http.errors import HostError, UsageError
from weave_http.host.host import Host
from weave_http.host.router_api import NotOffered, RouterUnavailable
from weave_http.operations import Gone, Help, Operation
from weave_http.operations.plain import GONE

_NO_PROXY = "the Docker API is served nowhere on this host"
_INSTEAD = "weave launch does it, unless it is told --proxy=false"


def prime(host: Host, op: Operation) -> None:
    """Wait until addresses can be handed out (`GET /ring`). Raises `HostError`: they can't, or there is no router."""
    host.router.prime()


def env(host: Host, op: Operation) -> None:
    """Print the line by which docker uses the Docker API here; nothing without one, so that `eval` changes nothing."""
    address = _proxy(host)
    if address:
        host.say(f"export DOCKER_HOST={address}")
    else:
        host.warn(f"weave env: {_NO_PROXY}; {_INSTEAD}")


def config(host: Host, op: Operation) -> None:
    """Print docker's option for the router's Docker API. Raises `HostError`: there is none."""
    address = _proxy(host)
    if not address:
        raise HostError(_NO_PROXY, hint=_INSTEAD)
    host.say(f"-H={address}")


def _proxy(host: Host) -> str:
    """Return where the Docker API is served, or nothing: by TCP for one who comes by TCP, else the unix socket."""
    comes_by = host.env.get("PROXY_HOST", "")
    with suppress(RouterUnavailable, NotOffered):
        found = host.router.proxy_addresses()
        if comes_by:
            found.sort(key=lambda address: not address.startswith("tcp://"))
        return seen_by(comes_by, found[0]) if found else ""
    return ""


def seen_by(host: str, address: str) -> str:
    """Return an address with the host's name in the place of one that means all of the host's addresses."""
    named = f"[{host}]" if ":" in host else host
    for any_ in ("tcp://0.0.0.0:", "tcp://[::]:"):
        if host and address.startswith(any_):
            return f"tcp://{named}:{address.removeprefix(any_)}"
    return address


def stop_dns(host: Host, op: Operation) -> None:
    """Say that names end with the router."""
    host.warn("names are served by the router: they end with `weave stop`, and `weave launch --no-dns` is without them")


def gone(host: Host, op: Gone) -> None:
    """Raise `HostError`: what there is instead of a command of another version."""
    raise HostError(f"{op.command} is no command of this version", hint=GONE[op.command])


def help_(host: Host, op: Help) -> None:
    """Print the usage of each command, or that of one and what it does. Raises `UsageError`: there is none such."""
    if op.command:
        found = operations.find(op.command)
        if found is None:
            raise UsageError(f"unknown command {op.command!r}", hint=f"expected one of {', '.join(operations.NAMES)}")
        host.say(f"weave {found.name} {found.usage()}".rstrip())
        host.say(" ".join(filter(None, (found.summary, found.more))))
        return
    for each in operations.operations():
        host.say(f"weave {each.name} {each.usage()}".rstrip())


def version(host: Host, op: Operation) -> None:
    """Print the version of the router that runs, else of this image, from which one would be made.

    Raises:
        HostError: what answers is no router.
    """
    try:
        found = host.router.version()
    except RouterUnavailable:
        found = __version__
    host.say(f"weave {found}")
