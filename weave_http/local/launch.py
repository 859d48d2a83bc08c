"""`launch [flags] [PEER…]`: start the router in a container of its own, and wait until it is ready."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from weave_http import names
from weave_http.engine.errors import Conflict, NotFound
from weave_http.errors import ExitCode, HostError, UsageError
from weave_http.local import router_container
from weave_http.local.dns_names import warn_without_names
from weave_http.local.host import Host
from weave_http.local.interrupts import held_back
from weave_http.local.peers import parse_peers, parse_port
from weave_http.router.client import RouterError, RouterUnavailable

READY_SECONDS = 20.0
POLL_SECONDS = 0.05
_POLLS_PER_LOOK = 5
"""Asking the router costs next to nothing; asking the engine about its container is a little more."""
_LOG_LINES = 10


@dataclass(frozen=True, slots=True)
class Options:
    """What `launch` was told.

    Args:
        port: TCP port for peers; data uses the UDP port after it.
        restart: whether the engine keeps the router running.
        arguments: for the router, the peers last.
    """

    port: int
    restart: bool
    arguments: tuple[str, ...]


VALUES = (
    *("port", "nickname", "name", "host", "conn-limit", "log-level"),
    *("dns-domain", "dns-listen-address", "dns-ttl", "dns-fallback-timeout", "resolv-conf"),
)
SWITCHES = ("no-discovery", "no-dns")
"""Options of the router's that are handed on."""


def parse(words: list[str], env: Mapping[str, str]) -> Options:
    """Read the arguments: options first, by one dash or two, with `=` or without, then peers.

    Raises:
        UsageError: an option that there is none of, or without its value; a word that is no peer.
        HostError: a password is set, which the router would have to refuse.
    """
    values = {"port": env.get("WEAVE_PORT") or str(names.PEER_PORT), "nickname": os.uname().nodename}
    password = env.get("WEAVE_PASSWORD", "")
    switches = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        option, equals, value = word.lstrip("-").partition("=")
        if option in (*SWITCHES, "no-restart") and not equals:
            switches.append(option)
            continue
        if option not in (*VALUES, "password"):
            raise UsageError(f"unknown option {word!r}")
        if not equals:
            if not rest:
                raise UsageError(f"option {word!r} needs a value")
            value = rest.pop(0)
        if option == "password":
            password = value
        else:
            values[option] = value
    if password:
        raise HostError(
            "a password is set, but this version of weave can't encrypt", hint="unset WEAVE_PASSWORD to go without"
        )
    flags = [word for option, value in values.items() for word in (f"--{option}", value)]
    flags += [f"--{option}" for option in dict.fromkeys(switches) if option != "no-restart"]
    return Options(
        port=parse_port(values["port"]),
        restart="no-restart" not in switches,
        arguments=(*flags, *parse_peers(rest)),
    )


def run(host: Host, words: list[str]) -> int:
    """Start the router and print its container's id.

    Raises:
        UsageError: the words make no sense.
        WeaveError: it can't be started, or died; nothing of it is left.
    """
    options = parse(words, host.env)
    if host.env.get("WEAVE_DOCKER_ARGS"):
        host.warn("WEAVE_DOCKER_ARGS is ignored: this version of weave takes no docker options for the router")
    host.wanted_mtu()  # the router would refuse a bad one only after it was started
    _make_room(host)
    for port, address in ((options.port, ""), (names.ROUTER_HTTP_PORT, "127.0.0.1")):
        _check_free(port, address)
    body = router_container.create_body(
        router_container.own_image(host),
        host.env,
        restart=options.restart,
        arguments=options.arguments,
    )
    created = None
    try:
        with held_back():
            created = host.engine.containers.create(body, name=host.router_container)
        host.engine.containers.start(created.id)
        _await_ready(host, created.id)
        if "--no-dns" not in options.arguments:
            warn_without_names(host)
    except BaseException as error:
        if created is not None:
            with suppress(NotFound):
                host.engine.containers.remove(created.id, force=True)
        elif isinstance(error, Conflict):
            raise HostError(f"another launch of {host.router_container} is under way") from error
        raise
    host.say(created.id)
    return ExitCode.OK


def _make_room(host: Host) -> None:
    """Remove what a router that has ended left; raise `HostError` if the name is not free otherwise."""
    name = host.router_container
    found = router_container.find(host)
    if found is None:
        return
    if not found.ours:
        state = "running " if found.running else ""
        raise HostError(
            f"found another {state}container named {name}, of image {found.image}",
            hint="rename or remove it, or choose another name by WEAVE_CONTAINER_NAME",
        )
    if found.running:
        raise HostError(f"{name} is already running", hint="stop it first: weave stop")
    host.engine.containers.remove(found.id, force=True)


def _check_free(port: int, address: str) -> None:
    """Raise `HostError` if a program listens there: the router would only die of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            where = f"{address}:{port}" if address else str(port)
            raise HostError(
                f"TCP port {where}, which the router needs, is taken on this host: {error.strerror}",
                hint="stop what listens there",
            ) from error


def _await_ready(host: Host, container: str) -> None:
    """Return when the router answers; raise `HostError` if it died, or is silent for too long."""
    deadline = time.monotonic() + READY_SECONDS
    looks = 0
    while True:
        try:
            host.router.status()
            return
        except (RouterUnavailable, RouterError) as error:
            reason = error.message
        looks += 1
        if looks % _POLLS_PER_LOOK == 0:
            found = router_container.find(host, container)
            if found is None or found.died:
                raise HostError(f"container {host.router_container} died{_last_words(host, container)}")
        if time.monotonic() > deadline:
            words = _last_words(host, container)
            raise HostError(f"timed out after {READY_SECONDS:.0f} s waiting for the router: {reason}{words}")
        time.sleep(POLL_SECONDS)


def _last_words(host: Host, container: str) -> str:
    """Return the last line that the router wrote, for the end of a message, and print those before it."""
    with host.engine.containers.logs(container, tail=_LOG_LINES) as log:
        lines = b"".join(data for _, data in log).decode(errors="replace").splitlines()
    for line in lines[:-1]:
        host.warn(line)
    return f": {lines[-1].removeprefix('weave: ')}" if lines else ""
