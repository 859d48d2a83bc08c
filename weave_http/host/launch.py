"""`launch [flags] [PEER…]`: start the router in a container of its own, and wait until it is ready."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from weave_http import constants
from weave_http.addresses import looks_like_cidr
from weave_http.engine.errors import Conflict, NotFound
from weave_http.errors import ExitCode, HostError, UsageError
from weave_http.host import router_container
from weave_http.host.dns_names import warn_without_names
from weave_http.host.host import Host
from weave_http.host.peers import parse_peers, parse_port
from weave_http.host.router_client import RouterError, RouterUnavailable, http_address
from weave_http.local.interrupts import held_back
from weave_http.operations import flags as launch_flags
from weave_http.operations.unused_flags import UNUSED, judge

READY_SECONDS = 20.0
POLL_SECONDS = 0.05
_POLLS_PER_LOOK = 5
"""Asking the router costs next to nothing; asking the engine about its container is a little more."""
_LOG_LINES = 10
_STARTING_SECONDS = 60
"""A container that was created and not started for so long was left by a launch that was killed."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `launch` was told.

    Args:
        port: TCP port for peers; data uses the UDP port after it.
        http_addr: address and TCP port of the router's API.
        restart: whether the engine keeps the router running.
        arguments: for the router, the peers last.
        environ: variables that flags stand for.
        warnings: what is said beside, a line each.
    """

    port: int
    http_addr: tuple[str, int]
    restart: bool
    arguments: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


VALUES = (
    *("port", "nickname", "name", "host", "conn-limit", "log-level"),
    *("dns-domain", "dns-listen-address", "dns-ttl", "dns-fallback-timeout", "resolv-conf"),
)
SWITCHES = ("no-discovery", "no-dns", "resume")
"""Options of the router's that are handed on."""

_VARIABLES = {"http-addr": "WEAVE_HTTP_ADDR", "mtu": "WEAVE_MTU", "docker-bridge": "DOCKER_BRIDGE"}
"""Options that are another way to say what a variable says."""
_OWN_SWITCHES = ("no-restart", "debug")


class AlreadyRunning(HostError):
    """There is a router; Weave 2.x has an exit code for that."""

    exit_code = 3


class NameTaken(HostError):
    """Another container has the router's name; Weave 2.x has an exit code for that."""

    exit_code = 2


def parse(words: list[str], env: Mapping[str, str]) -> Options:
    """Read the arguments: options first, by one dash or two, with `=` or without, then peers.

    Raises:
        UsageError: an option that there is none of, or without its value; a word that is no peer.
        HostError: a password is set, which the router would have to refuse.
    """
    values = {"port": env.get("WEAVE_PORT") or str(constants.PEER_PORT), "nickname": os.uname().nodename}
    environ: dict[str, str] = {}
    password = env.get("WEAVE_PASSWORD", "")
    switches = {"debug"} if env.get("WEAVE_DEBUG") else set()
    warnings = []
    rest = list(words)
    if rest and looks_like_cidr(rest[0]):
        warnings.append(f"WARNING: {rest.pop(0)} is ignored: the router needs no address on the network")
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        option, equals, value = word.lstrip("-").partition("=")
        option = launch_flags.ALIASES.get(option, option)
        unused = UNUSED.get(option)
        if option in (*SWITCHES, *_OWN_SWITCHES) or (unused and unused.switch):
            value = value if equals else "true"
            if launch_flags.switch(word, value) and not unused:
                switches.add(option)
        elif not unused and option not in (*VALUES, *_VARIABLES, "password"):
            raise UsageError(f"unknown option {word!r}")
        elif not equals:
            if not rest:
                raise UsageError(f"option {word!r} needs a value")
            value = rest.pop(0)
        if unused:
            warnings.append(judge(option, value))
        elif option == "password":
            password = value
        elif option in VALUES:
            values[option] = value
        elif option in _VARIABLES:
            environ[_VARIABLES[option]] = value
    if password:
        raise HostError(
            "a password is set, but this version of weave can't encrypt", hint="unset WEAVE_PASSWORD to go without"
        )
    if "resume" in switches and rest:
        raise UsageError("--resume dials the targets of the last time", hint="leave out either it or the peers")
    if "debug" in switches:
        values.setdefault("log-level", "debug")
    http_addr = environ.get("WEAVE_HTTP_ADDR") or env.get("WEAVE_HTTP_ADDR")
    if http_addr:
        values["http-addr"] = http_addr
    flags = [word for option, value in values.items() for word in (f"--{option}", value)]
    flags += [f"--{option}" for option in SWITCHES if option in switches]
    return Options(
        port=parse_port(values["port"]),
        http_addr=http_address(http_addr) if http_addr else ("127.0.0.1", constants.ROUTER_HTTP_PORT),
        restart="no-restart" not in switches,
        arguments=(*flags, *parse_peers(rest)),
        environ=environ,
        warnings=tuple(dict.fromkeys(filter(None, warnings))),
    )


def run(host: Host, words: list[str]) -> int:
    """Start the router and print its container's id.

    Raises:
        UsageError: the words make no sense.
        WeaveError: it can't be started, or died; nothing of it is left.
    """
    options = parse(words, host.env)
    host.env = {**host.env, **options.environ}
    for line in options.warnings:
        host.warn(line)
    if host.env.get("WEAVEDNS_DOCKER_ARGS"):
        host.warn("WARNING: WEAVEDNS_DOCKER_ARGS is ignored: the router serves names, and takes WEAVE_DOCKER_ARGS")
    host.wanted_mtu()  # the router would refuse a bad one only after it was started
    image = router_container.own_image(host)
    body = router_container.create_body(image, host.env, restart=options.restart, arguments=options.arguments)
    if host.env.get("WEAVE_DOCKER_ARGS"):
        from weave_http.host.docker_args import merged

        body = merged(body, host.env["WEAVE_DOCKER_ARGS"], image, host.env)
    _make_room(host)
    for address, port in (("", options.port), options.http_addr):
        _check_free(port, address)
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
        raise NameTaken(
            f"found another {state}container named {name}, of image {found.image}",
            hint="rename or remove it, or choose another name by WEAVE_CONTAINER_NAME",
        )
    if found.status in ("paused", "restarting"):
        raise HostError(f"container {name} is {found.status}", hint="stop it first: weave stop")
    if found.status == "created" and time.time() - found.created < _STARTING_SECONDS:
        raise HostError(f"another launch of {name} is under way", hint="if it was killed, clean up: weave stop")
    if found.running:
        raise AlreadyRunning(f"{name} is already running", hint="stop it first: weave stop")
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
