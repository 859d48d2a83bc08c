"""`upgrade`: replaces the router by one of the executor's image. The kernel forwards all the while."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from weave_http import constants
from weave_http.engine.errors import NotFound
from weave_http.errors import HostError
from weave_http.hints import Any
from weave_http.host import resident_container, router_container
from weave_http.host.host import Host
from weave_http.host.launch import NameTaken, await_ready, body_of
from weave_http.host.router_container import Found
from weave_http.host.upgrade_settling import previous_name, settle
from weave_http.operations import Operation, flag_words, flags
from weave_http.signals import held_back


def run(host: Host, op: Operation) -> None:
    """Replace the router, and the resident if there is one, and print the id of the router's container.

    One of this image already is left alone.

    Raises:
        WeaveError: there is none, or the new one can't be started; the old one goes on.
    """
    settle(host)
    old = _running(host)
    image = router_container.own_image(host)
    was = host.engine.containers.inspect(old.id)
    if was["Image"] == host.engine.images.inspect(image)["Id"]:
        host.warn(f"the router is of image {image} already")
        host.say(old.id)
        return
    environ = dict(each.split("=", 1) for each in was["Config"].get("Env") or () if "=" in each)
    kept = {name: value for name, value in environ.items() if name in router_container.HANDED_ON}
    docker_args = (was["Config"].get("Labels") or {}).get(constants.DOCKER_ARGS_LABEL)
    host.env = {**host.env, **kept, **({"WEAVE_DOCKER_ARGS": docker_args} if docker_args else {})}
    restart = (was["HostConfig"].get("RestartPolicy") or {}).get("Name") == "always"
    body = body_of(host, image, restart=restart, arguments=_arguments(was))
    created = _replace(host, old, body)
    if resident_container.there(host):
        resident_container.start(host, image, restart=restart)
    host.say(created)


def _running(host: Host) -> Found:
    name = host.router_container
    found = router_container.find(host)
    if found is None or (found.ours and not found.running):
        raise HostError("no router runs", hint="start one: weave launch")
    if not found.ours:
        raise NameTaken(f"the container {name} is somebody else's, of image {found.image}")
    if found.status != "running":
        raise HostError(
            f"container {name} is {found.status}", hint="stop it and start another: weave stop, weave launch"
        )
    return found


def _arguments(was: Mapping[str, Any]) -> list[str]:
    """Return the flags that a router was started with, and `--resume`: by now it may dial others than at its launch.

    Args:
        was: what inspect said of its container.

    Raises:
        UsageError: this version does not know a flag of them.
    """
    known = {flag.name: not flag.metavar for flag in flags.FLAGS if flag.to == "router"}
    found, _ = flag_words.split((was["Config"].get("Cmd") or ["--router"])[1:], known)
    texts = {**dict(found), "resume": "true"}
    return [
        word for name, text in texts.items() for word in ((f"--{name}={text}",) if known[name] else (f"--{name}", text))
    ]


def _replace(host: Host, old: Found, body: Mapping[str, Any]) -> str:
    """Start a router in the place of another; return the id of its container."""
    containers, name = host.engine.containers, host.router_container
    created = None
    containers.rename(old.id, previous_name(host))
    try:
        with held_back():
            created = containers.create(body, name=name)
        containers.stop(old.id)  # it says no goodbye: the other hosts keep sending here
        containers.start(created.id)
        await_ready(host, created.id)
    except BaseException:
        if created is not None:
            with suppress(NotFound):
                containers.remove(created.id, force=True)
        containers.rename(old.id, name)
        containers.start(old.id)
        raise
    containers.remove(old.id, force=True)
    return created.id
