"""The commands that are one executor call each: their words go to the host as they are.

What each does there is in the module of the same name in `weave_http.host`.
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


def start(caller: Caller, addresses: Sequence[str], container: str) -> int:
    """Start a container that was stopped, join it to the network, and print its name as given.

    Args:
        caller: engine, streams and environment.
        addresses: IPv4 addresses with prefix length, in the order to be set.
        container: name or id.
    """
    return execute(caller, ["start", *addresses, container])


def restart(caller: Caller, addresses: Sequence[str], container: str) -> int:
    """Restart a container, join it to the network, and print its name as given; arguments as for `start`."""
    return execute(caller, ["restart", *addresses, container])


def attach(
    caller: Caller,
    addresses: Sequence[str],
    container: str,
    *,
    dns: bool = True,
    rewrite_hosts: bool = False,
    multicast: bool = True,
    extra_hosts: Sequence[str] = (),
) -> int:
    """Join a running container to the network with these addresses.

    Args:
        caller: engine, streams and environment.
        addresses: IPv4 addresses with prefix length, as `10.2.1.1/24`, in the order to be set.
        container: name or id.
        dns: register its name.
        rewrite_hosts: let its own name, in its hosts file, mean these addresses.
        multicast: route multicast to the network.
        extra_hosts: `NAME:IP` each, for its hosts file.
    """
    options = [
        *([] if dns else ["--without-dns"]),
        *(["--rewrite-hosts"] if rewrite_hosts else []),
        *([] if multicast else ["--no-multicast-route"]),
        *(word for entry in extra_hosts for word in ("--add-host", entry)),
    ]
    return execute(caller, ["attach", *addresses, *options, container])


def detach(caller: Caller, addresses: Sequence[str], container: str) -> int:
    """Take addresses away from a container, and its interface with the last one.

    Args:
        caller: engine, streams and environment.
        addresses: IPv4 addresses with prefix length.
        container: name or id.
    """
    return execute(caller, ["detach", *addresses, container])


def expose(caller: Caller, addresses: Sequence[str], *, masquerade: bool = True, name: str = "") -> int:
    """Put the host itself on the network with these addresses, and print them.

    Args:
        caller: engine, streams and environment.
        addresses: IPv4 addresses with prefix length, as `10.2.1.254/24`.
        masquerade: whether packets between these subnets and elsewhere bear the host's address.
        name: fully qualified name of the addresses in the DNS; empty for none.
    """
    words = [*([] if masquerade else ["--without-masquerade"]), *addresses, *(["-h", name] if name else [])]
    return execute(caller, ["expose", *words])


def hide(caller: Caller, addresses: Sequence[str]) -> int:
    """Take addresses of the host off the network again, and print them.

    Args:
        caller: engine, streams and environment.
        addresses: IPv4 addresses with prefix length.
    """
    return execute(caller, ["hide", *addresses])


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


def ps(caller: Caller, containers: Sequence[str] = (), *, as_json: bool = False) -> int:
    """Print a line `ID MAC CIDR…` for each container on the network.

    Args:
        caller: engine, streams and environment.
        containers: only these names or ids; all when empty.
        as_json: print an array of objects instead, with `ID`, `MAC` and `Addresses`.
    """
    return execute(caller, ["ps", *_format(as_json), *containers])


def status(caller: Caller, section: str = "", *, as_json: bool = False) -> int:
    """Print the router's state.

    Args:
        caller: engine, streams and environment.
        section: `targets`, `connections`, `peers` or `dns`; the summary when empty.
        as_json: print the report, or that part of it.
    """
    return execute(caller, ["status", *_format(as_json), *([section] if section else [])])


def _format(as_json: bool) -> list[str]:
    return ["--format", "json"] if as_json else []


def report(caller: Caller, template: str = "") -> int:
    """Print all the router knows, as JSON.

    Args:
        caller: engine, streams and environment.
        template: a Go template that says what to print of it instead, as `{{.Router.Name}}`.
    """
    return execute(caller, ["report", *(["-f", template] if template else [])])


def prime(caller: Caller) -> int:
    """Wait until addresses can be handed out. As none are, it only says so."""
    return execute(caller, ["prime"])


def rmpeer(caller: Caller, peers: Sequence[str]) -> int:
    """Have the router forget peers that are gone for good, and print what was taken over from each.

    Args:
        caller: engine, streams and environment.
        peers: names or nicknames.
    """
    return execute(caller, ["rmpeer", *peers])


def env(caller: Caller, *, restore: bool = False) -> int:
    """Print what makes docker talk to Weave's proxy: nothing, as there is none; what there is instead is said.

    Args:
        caller: engine, streams and environment.
        restore: print what undoes an earlier version's `weave env`, which needs no daemon.
    """
    if not restore:
        return execute(caller, ["env"])
    original = caller.environ.get("ORIG_DOCKER_HOST")
    if original is None:
        raise UsageError("ORIG_DOCKER_HOST is not set", hint="there is nothing to restore")
    caller.say(f"DOCKER_HOST={original}")
    return 0


def config(caller: Caller) -> int:
    """Print docker's option for Weave's proxy; as there is none, fail and say what there is instead."""
    return execute(caller, ["config"])


def create_bridge(caller: Caller) -> int:
    """Make the bridge and the firewall's rule, without a router."""
    return execute(caller, ["create-bridge"])


def bridge_type(caller: Caller) -> int:
    """Print what kind of bridge there is: `bridge`."""
    return execute(caller, ["bridge-type"])


def docker_bridge_ip(caller: Caller) -> int:
    """Print the address by which containers reach their host."""
    return execute(caller, ["docker-bridge-ip"])


def gone(caller: Caller, name: str, words: Sequence[str] = ()) -> int:
    """Run a command that this version has not; the executor, which may be another version's, says what it makes of it.

    Args:
        caller: engine, streams and environment.
        name: as `launch-proxy`.
        words: its arguments.
    """
    return execute(caller, [name, *words])


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
