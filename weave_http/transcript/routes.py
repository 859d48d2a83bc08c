"""The routes that weave's commands use: their names in Docker's API documentation, and what each is good for.

Source of the names: the operation ids of https://docs.docker.com/reference/api/engine/.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum

from weave_http import constants
from weave_http.engine.wire.base import Request

_DOCUMENTATION = "https://docs.docker.com/reference/api/engine/version/v{version}/#tag/{tag}/operation/{name}"


class Kind(Enum):
    """What a container is for."""

    EXECUTOR = "executor"
    USER = "user"
    VOLUMES = "volumes"


def kind_of(request: Request) -> Kind:
    """Return what the container is for that a request creates."""
    config = json.loads(request.body) if isinstance(request.body, bytes) else {}
    if constants.WAITER_VOLUMES in (config.get("Labels") or {}):
        return Kind.VOLUMES
    return Kind.EXECUTOR if (config.get("Cmd") or [])[:1] == ["--local"] else Kind.USER


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the Docker Engine API.

    Args:
        method: HTTP method.
        pattern: regular expression of the path without its version; group `subject` is the container or image.
        name: as Docker's documentation calls it.
        tag: chapter of the documentation.
        answer: the status that it is answered with, and what comes with it.
        executor: why it is called for weave's throw-away container, or at all.
        user: why it is called for the user's own container, or its image, where that differs.
        volumes: why it is called for the container that holds the waiter, or its image, where that differs.
    """

    method: str
    pattern: str
    name: str
    tag: str
    answer: str
    executor: str
    user: str = ""
    volumes: str = ""

    def text(self, kind: Kind) -> str:
        """Return why it is called."""
        return {Kind.USER: self.user, Kind.VOLUMES: self.volumes}.get(kind, "") or self.executor


ROUTES = (
    Route(
        "HEAD",
        r"/_ping",
        "SystemPingHead",
        "System",
        "200, with the header Api-Version",
        "Ask the daemon which versions of the API it speaks. Every path from here on begins with the newest one "
        "that both sides know.",
    ),
    Route(
        "POST",
        r"/containers/create",
        "ContainerCreate",
        "Container",
        '201 {"Id": "…", "Warnings": []}; 404 if there is no such image',
        "Make a throw-away container of weave's own image. It is privileged, uses the host's network, and has the "
        "Docker socket and the host's /proc mounted: all it takes to configure the host without a login there. "
        "Nothing runs yet.",
        "Make your container from docker run's options. Nothing runs yet, and what is wrong with the options, or a "
        "name that is taken, is refused here. With the waiter before its program, that program does not run "
        "before the container is on the network.",
        "Make a container that only holds a volume with the waiter from weave's image, a small "
        "program that other containers have before their own. Answer 409 means that it is there from an earlier run.",
    ),
    Route(
        "POST",
        r"/containers/(?P<subject>[^/]+)/attach",
        "ContainerAttach",
        "Container",
        "200, or 101 where stdin is sent as well; then the output, until the container ends",
        "Listen to what the container will write. The answer's head comes at once, the output later. Asked before "
        "the start, so that not a byte is missed.",
        "Listen to your container. If its program can't be run, the waiter says here why; in the foreground, all "
        "that it writes comes here.",
    ),
    Route(
        "POST",
        r"/containers/(?P<subject>[^/]+)/wait",
        "ContainerWait",
        "Container",
        '200; then {"StatusCode": 0}, when the container ends',
        "Ask for the exit code of the run to come, and leave the question open until there is one. Asked before the "
        "start as well: after a short run the daemon would wait for the next one.",
        "Ask for your container's exit code, before the start.",
    ),
    Route(
        "POST",
        r"/containers/(?P<subject>[^/]+)/start",
        "ContainerStart",
        "Container",
        "204; 304 if it runs already",
        "Let it run. Its output arrives on the attach call, its exit code on the wait call.",
        "Start your container. From now on it has a process and a network namespace, which joining it to the "
        "network needs. If anything fails from here on, the container is removed again.",
        "Run it once; it ends at once. Docker filled the volume when the container was made, Podman does when it is "
        "mounted first. Only after a 201: what was there before has been started then.",
    ),
    Route(
        "DELETE",
        r"/containers/(?P<subject>[^/]+)",
        "ContainerDelete",
        "Container",
        "204; 404 if it is gone already",
        "Remove the throw-away container, whatever became of it, also after Ctrl-C. Its exit code was read before, "
        "so nothing is lost with it.",
        "Remove your container: it could not be joined to the network.",
    ),
    Route(
        "POST",
        r"/containers/(?P<subject>[^/]+)/kill",
        "ContainerKill",
        "Container",
        "204; 409 if it does not run",
        "Hand a signal on to the process in the container.",
    ),
    Route(
        "POST",
        r"/containers/(?P<subject>[^/]+)/resize",
        "ContainerResize",
        "Container",
        "200",
        "Give the container's terminal the size of yours.",
    ),
    Route(
        "POST",
        r"/images/create",
        "ImageCreate",
        "Image",
        "200; then a line of JSON for each step",
        "Let the daemon pull the image from its registry. The answer is a stream of progress, and a failure is an "
        "object in that stream.",
    ),
    Route(
        "POST",
        r"/images/load",
        "ImageLoad",
        "Image",
        "200; then a line of JSON for each step",
        "Send the image's archive to the daemon as it comes, from the file or from the other daemon. The answer is a "
        "stream of progress, and a failure is an object in that stream.",
    ),
    Route(
        "POST",
        r"/images/(?P<subject>.+)/tag",
        "ImageTag",
        "Image",
        "201",
        "Give the image the name that it is asked for by.",
    ),
    Route(
        "GET",
        r"/images/get",
        "ImageGet",
        "Image",
        "200; then the archive (tar)",
        "Let the other daemon write the image as an archive, with its name. The answer goes on to your daemon piece by "
        "piece, as it comes; no file is made and nothing is kept.",
    ),
    Route(
        "GET",
        r"/images/(?P<subject>.+)/json",
        "ImageInspect",
        "Image",
        '200 {"Id": "sha256:…", "Config": {…}, …}; 404 if there is no such image',
        "Look whether the daemon has this very image already: then it need not be sent.",
        "Ask which program the image starts: the waiter goes before it, and needs to know it.",
        "Look at weave's own image: whether it has the waiter, and its id, by which the container is named that holds "
        "the waiter's volume.",
    ),
    Route(
        "GET",
        r"/version",
        "SystemVersion",
        "System",
        '200 {"Os": "linux", "Arch": "amd64", …}',
        "Ask what kind of machine the daemon's is: an image for another kind would be loaded, and never run.",
    ),
)


def unversioned(request: Request) -> str:
    """Return the path of a request without the API's version."""
    return re.sub(r"^/v\d+\.\d+(?=/)", "", request.path)


def route_of(request: Request) -> Route:
    """Return the route of a request.

    Raises:
        LookupError: there is no such route in the table.
    """
    path = unversioned(request)
    for route in ROUTES:
        if route.method == request.method and re.fullmatch(route.pattern, path):
            return route
    raise LookupError(f"{request.method} {path}")


def subject_of(request: Request) -> str:
    """Return the container or image that a request is about, or nothing."""
    match = re.fullmatch(route_of(request).pattern, unversioned(request))
    return (match.groupdict().get("subject") or "") if match else ""


def documentation(route: Route, version: str) -> str:
    """Return the address of a route in Docker's documentation.

    Args:
        route: the route.
        version: API version, as `1.51`.
    """
    return _DOCUMENTATION.format(version=version, tag=route.tag, name=route.name)
