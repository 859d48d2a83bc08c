"""`launch`: start the router in a container of its own, and wait until it is ready."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_interface

from weave_http import constants
from weave_http.addresses import Network
from weave_http.engine.errors import Conflict, NotFound
from weave_http.errors import HostError
from weave_http.hints import Any
from weave_http.host import resident_container, router_container
from weave_http.host.dns_names import warn_without_names
from weave_http.host.host import Host
from weave_http.host.launch_plan import plan
from weave_http.host.resolving import unresolved
from weave_http.host.router_api import RouterError, RouterUnavailable
from weave_http.host.upgrade_settling import settle
from weave_http.operations import Launch, passwords
from weave_http.proxy.listening import Listening, warning
from weave_http.signals import held_back

READY_SECONDS = 180.0
"""One that dies is seen at once, so this is for a router that hangs, and long enough for an emulated machine that is
busy: there a router that was starting was taken away after a minute."""
POLL_SECONDS = 0.05
_POLLS_PER_LOOK = 5
"""Asking the router costs next to nothing; asking the engine about its container is a little more."""
_LOG_LINES = 10
MIB = 1024 * 1024
LEAST_MEMORY = 96 * MIB
"""What a router of few peers and containers needs, in bytes; an idle one takes two thirds of it."""
_STARTING_SECONDS = 60
"""A container that was created and not started for so long was left by a launch that was killed."""


class AlreadyRunning(HostError):
    """There is a router; Weave 2.x has an exit code for that."""

    exit_code = 3


class NameTaken(HostError):
    """Another container has the router's name; Weave 2.x has an exit code for that."""

    exit_code = 2


def _check_ranges(host: Host, ranges: Mapping[Network, bool]) -> None:
    """Warn if the host has another way to addresses that are to be handed out; raise `HostError` if nobody chose them.

    What it has exposed itself on the network is no other way.
    """
    from weave_http.net import routes, sysctl

    if not sysctl.has_ipv6() and any(range_.version == 6 for range_ in ranges):
        host.warn("WARNING: this host's kernel has IPv6 off: containers of this host get addresses of IPv4 alone")
    for range_, chosen in ranges.items():
        for route in routes.overlaps([ip_interface(range_)]).values():
            said = f"the range {range_} of addresses to hand out overlaps the route {route} of this host"
            if not chosen:
                raise HostError(said, hint="choose another one: --ipalloc-range CIDR, or --ipalloc-range '' for none")
            host.warn(f"WARNING: {said}")


def run(host: Host, op: Launch) -> None:
    """Start the router and print its container's id.

    Raises:
        UsageError: without a flag that there is no use for, the network would be another one.
        WeaveError: it can't be started, or died; nothing of it is left.
    """
    options = plan(op, host.env)
    host.env = {**host.env, **options.environ}
    for line in options.warnings:
        host.warn(line)
    for name, reason in unresolved(op.settings().peers).items():
        host.warn(f"WARNING: {name} does not resolve now ({reason}); the router keeps trying")
    if host.env.get("WEAVEDNS_DOCKER_ARGS"):
        host.warn("WARNING: WEAVEDNS_DOCKER_ARGS is ignored: the router serves names, and takes WEAVE_DOCKER_ARGS")
    if options.password and (weak := passwords.warning(options.password)):
        host.warn(weak)
    if "if-needed" in op.settings().values and _joined(host, op, password=options.password is not None):
        return
    _check_ranges(host, options.ranges)
    if options.listening.addresses:
        _check_listening(host, options.listening)
    image = router_container.own_image(host)
    body = body_of(host, image, restart=options.restart, arguments=options.arguments)
    _make_room(host)
    for address, port in (("", options.port), options.http_addr):
        _check_free(port, address)
    created = None
    try:
        with held_back():
            created = host.engine.containers.create(body, name=host.router_container)
        if options.password is not None:
            router_container.keep_password(host, created.id, options.password)
        host.engine.containers.start(created.id)
        await_ready(host, created.id)
        if options.password is None:
            _tell_of_earlier_password(host)
        if options.dns:
            warn_without_names(host)
        if options.resident:
            resident_container.start(host, image, restart=options.restart)
        else:
            with suppress(HostError):
                resident_container.end(host)
    except BaseException as error:
        if created is not None:
            with suppress(NotFound):
                host.engine.containers.remove(created.id, force=True)
        elif isinstance(error, Conflict):
            raise HostError(f"another launch of {host.router_container} is under way") from error
        raise
    host.say(created.id)


def _tell_of_earlier_password(host: Host) -> None:
    """Say so if the router encrypts though nobody said so at this launch."""
    with suppress(HostError):
        if host.router.report().get("Router", {}).get("Encryption"):
            host.warn("the password of an earlier launch counts; --no-password goes without")


def body_of(host: Host, image: str, *, restart: bool, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the create body of a router, with what `WEAVE_DOCKER_ARGS` says.

    Args:
        host: where; its environment is looked at.
        image: reference.
        restart: whether the engine keeps the router running.
        arguments: for the router.

    Raises:
        HostError: docker would not take what `WEAVE_DOCKER_ARGS` says.
    """
    body = router_container.create_body(image, host.env, restart=restart, arguments=arguments)
    given = host.env.get("WEAVE_DOCKER_ARGS")
    if given:
        from weave_http.host.docker_args import merged

        body["Labels"][constants.DOCKER_ARGS_LABEL] = given
        body = merged(body, given, image, host.env)
        _warn_of_little_memory(host, body)
    if "LogConfig" not in body["HostConfig"]:
        body["HostConfig"] |= router_container.log_config(host.engine.system.info())
    return body


def _joined(host: Host, op: Launch, *, password: bool) -> bool:
    """Connect a router that runs already to the peers, and print its id; return False if there is none.

    Args:
        host: where.
        op: what was asked for.
        password: whether a password goes with it, or none is wanted.

    Raises:
        HostError: there is one, and it does not answer.
    """
    found = router_container.find(host)
    if found is None or not found.ours or found.status != "running":
        return False
    settings = op.settings()
    await_ready(host, found.id)
    if settings.peers:
        host.router.connect(settings.peers)
    if "no-resident" not in settings.values and not resident_container.there(host):
        resident_container.start(host, found.image, restart="no-restart" not in settings.values)
    unused = [f"--{name}" for name in settings.texts if name not in ("if-needed", "no-resident", "no-password")]
    if unused := [*unused, *(["the password"] if password else [])]:
        host.warn(f"WARNING: {host.router_container} runs already, so {' '.join(unused)} had no effect")
    host.say(found.id)
    return True


def _warn_of_little_memory(host: Host, body: Mapping[str, Any]) -> None:
    """Say so if the router may have less memory than it needs: the kernel would end it again and again."""
    memory = int(body["HostConfig"].get("Memory") or 0)
    if 0 < memory < LEAST_MEMORY:
        has, needs = (f"{value / MIB:.0f} MiB" for value in (memory, LEAST_MEMORY))
        host.warn(f"WARNING: WEAVE_DOCKER_ARGS gives the router {has} of memory, and it needs {needs}")


def _make_room(host: Host) -> None:
    """Remove what a router that has ended left; raise `HostError` if the name is not free otherwise."""
    name = host.router_container
    settle(host)
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


def _check_listening(host: Host, listening: Listening) -> None:
    """Raise `HostError` if the Docker API can't be served by TCP as it was asked for; warn of what is risky."""
    from weave_http.host import daemon_tls  # with TLS, which other launches need not import

    files = daemon_tls.files_for(listening, host.procfs)
    if files is not None:
        daemon_tls.context_of(files)
    if line := warning(listening, files):
        host.warn(line)
    for address, port in listening.addresses:
        _check_free(port, str(address))


def _check_free(port: int, address: str) -> None:
    """Raise `HostError` if a program listens there: the router would only die of it.

    Args:
        port: TCP port.
        address: empty for all of both families.
    """
    own = socket.AF_INET6 if ":" in address else socket.AF_INET
    for family in (own,) if address else (socket.AF_INET, socket.AF_INET6):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
        except OSError as error:
            if family == socket.AF_INET6 and error.errno != errno.EADDRINUSE:
                continue  # a host without it
            where = f"{address}:{port}" if address else str(port)
            raise HostError(
                f"TCP port {where}, which the router needs, is taken on this host: {error.strerror}",
                hint="stop what listens there",
            ) from error


def await_ready(host: Host, container: str) -> None:
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
