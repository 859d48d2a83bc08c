"""The commands that are one executor call each: their words go to the host as they are.

What each does there is in the module of the same name in `weave_http.local`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weave_http.commands.caller import Caller
from weave_http.commands.executor import execute
from weave_http.errors import UsageError


def launch(caller: Caller, arguments: Sequence[str] = ()) -> int:
    """Start the router on the host and print its container id.

    Args:
        caller: engine, streams and environment.
        arguments: router options, then peers as `HOST[:PORT]`. A password goes by `WEAVE_PASSWORD` instead.
    """
    words, password = without_password(arguments)
    if password is not None:
        caller = replace(caller, environ={**caller.environ, "WEAVE_PASSWORD": password})
    return execute(caller, ["launch", *words])


def without_password(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """Split `--password VALUE`, in any of its spellings, off arguments: a command line is for everyone to see.

    Raises:
        UsageError: the option has no value.
    """
    words: list[str] = []
    password = None
    rest = iter(arguments)
    for word in rest:
        option, equals, value = word.partition("=")
        if option not in ("-password", "--password"):
            words.append(word)
        elif equals:
            password = value
        else:
            password = next(rest, None)
            if password is None:
                raise UsageError(f"option {word!r} needs a value")
    return words, password


def connect(caller: Caller, peers: Sequence[str], *, replace: bool = False) -> int:
    """Tell the router to connect to peers, and to keep trying.

    Args:
        caller: engine, streams and environment.
        peers: `HOST[:PORT]` each.
        replace: make these the only targets.
    """
    return execute(caller, ["connect", *(["--replace"] if replace else []), *peers])


def forget(caller: Caller, peers: Sequence[str]) -> int:
    """Tell the router to stop trying to connect to peers.

    Args:
        caller: engine, streams and environment.
        peers: targets exactly as they were given to `launch` or `connect`.
    """
    return execute(caller, ["forget", *peers])


def attach(caller: Caller, addresses: Sequence[str], container: str) -> int:
    """Join a running container to the network with these addresses.

    Args:
        caller: engine, streams and environment.
        addresses: IPv4 addresses with prefix length, as `10.2.1.1/24`, in the order to be set.
        container: name or id.
    """
    return execute(caller, ["attach", *addresses, container])


def detach(caller: Caller, addresses: Sequence[str], container: str) -> int:
    """Take addresses away from a container, and its interface with the last one.

    Args:
        caller: engine, streams and environment.
        addresses: IPv4 addresses with prefix length.
        container: name or id.
    """
    return execute(caller, ["detach", *addresses, container])


def dns_add(caller: Caller, words: Sequence[str]) -> int:
    """Give addresses a name in the DNS.

    Args:
        caller: engine, streams and environment.
        words: `[IP…] CONTAINER [-h NAME]`, or `IP… -h NAME`. By default the container's addresses and hostname.
    """
    return execute(caller, ["dns-add", *words])


def dns_remove(caller: Caller, words: Sequence[str]) -> int:
    """Take names away.

    Args:
        caller: engine, streams and environment.
        words: as for `dns_add`; what is left out stands for all there are.
    """
    return execute(caller, ["dns-remove", *words])


def dns_lookup(caller: Caller, name: str) -> int:
    """Print the addresses that containers are told for a name, a line each.

    Args:
        caller: engine, streams and environment.
        name: fully qualified, or a single label.
    """
    return execute(caller, ["dns-lookup", name])


def dns_args(caller: Caller, arguments: Sequence[str] = ()) -> int:
    """Print the options of docker run by which a container asks the router for names; no line's end.

    Args:
        caller: engine, streams and environment.
        arguments: the other arguments of docker run.
    """
    return execute(caller, ["dns-args", *arguments])


def launch_dns(caller: Caller, arguments: Sequence[str]) -> int:
    """Make sure that the router serves names, and print its container's id, as Weave 0.10 did for its own server.

    Args:
        caller: engine, streams and environment.
        arguments: an address in CIDR notation, which is not needed, and options of the server of then.
    """
    return execute(caller, ["launch-dns", *arguments])


def stop_dns(caller: Caller) -> int:
    """Say that names end with the router: Weave 0.10 stopped its own server by this."""
    return execute(caller, ["stop-dns"])


def ps(caller: Caller, containers: Sequence[str] = ()) -> int:
    """Print a line `ID MAC CIDR…` for each container on the network.

    Args:
        caller: engine, streams and environment.
        containers: only these names or ids; all when empty.
    """
    return execute(caller, ["ps", *containers])


def status(caller: Caller, section: str = "") -> int:
    """Print the router's state.

    Args:
        caller: engine, streams and environment.
        section: `targets`, `connections`, `peers` or `dns`; the summary when empty.
    """
    return execute(caller, ["status", *([section] if section else [])])


def stop(caller: Caller) -> int:
    """Stop the router; containers of one host keep reaching each other."""
    return execute(caller, ["stop"])


def reset(caller: Caller, *, force: bool = False) -> int:
    """Stop the router and remove everything of Weave's from the host.

    Args:
        caller: engine, streams and environment.
        force: also when the router can't be asked to leave first.
    """
    return execute(caller, ["reset", *(["--force"] if force else [])])
