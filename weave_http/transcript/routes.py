"""Docker's routes, in one table: for explanations and scripts, for the stand-in of rehearsals, for the tests' daemon.

The names are the operation ids of https://docs.docker.com/reference/api/engine/.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from weave_http.engine.wire.contract import Request
from weave_http.transcript.canned import Canned, canned_json
from weave_http.transcript.route import OBJECT, Route

UNKNOWN = "(not in weave's table of Docker's routes)"
"""What is said of a call that is not in the table."""
STATEFUL = Canned(200, b"")
"""The stand-in makes the answer itself: it depends on what was asked before."""
EMPTY, OK = Canned(204, b""), Canned(200, b"")
RAW_STREAM = Canned(200, b"", "application/vnd.docker.raw-stream")
LIST = canned_json(200, [])

ROUTES = (
    Route(
        "HEAD",
        "/_ping",
        "SystemPingHead",
        "System",
        STATEFUL,
        "200, with the header Api-Version",
        "Ask the daemon which versions of the API it speaks. Every path from here on begins with the newest one "
        "that both sides know.",
    ),
    Route(
        "POST",
        "/containers/create",
        "ContainerCreate",
        "Container",
        STATEFUL,
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
        "GET",
        "/containers/{id}/json",
        "ContainerInspect",
        "Container",
        answer='200 {"Id": "…", "State": {"Status": "exited", …}, …}; 404 if there is no such container',
        executor="Look whether the container with the waiter's volume has run: whoever makes it may not be done.",
    ),
    Route(
        "POST",
        "/containers/{id}/attach",
        "ContainerAttach",
        "Container",
        RAW_STREAM,
        "200, or 101 where stdin is sent as well; then the output, until the container ends",
        "Listen to what the container will write. The answer's head comes at once, the output later. Asked before "
        "the start, so that not a byte is missed.",
        "Listen to your container. If its program can't be run, the waiter says here why; in the foreground, all "
        "that it writes comes here.",
    ),
    Route(
        "POST",
        "/containers/{id}/wait",
        "ContainerWait",
        "Container",
        canned_json(200, {"StatusCode": 0}),
        '200; then {"StatusCode": 0}, when the container ends',
        "Ask for the exit code of the run to come, and leave the question open until there is one. Asked before the "
        "start as well: after a short run the daemon would wait for the next one.",
        "Ask for your container's exit code, before the start.",
    ),
    Route(
        "POST",
        "/containers/{id}/start",
        "ContainerStart",
        "Container",
        EMPTY,
        "204; 304 if it runs already",
        "Let it run. Its output arrives on the attach call, its exit code on the wait call.",
        "Start your container. From now on it has a process and a network namespace, which joining it to the "
        "network needs. If anything fails from here on, the container is removed again.",
        "Run it once; it ends at once. Docker filled the volume when the container was made, Podman does when it is "
        "mounted first. Only after a 201: what was there before has been started then.",
    ),
    Route(
        "DELETE",
        "/containers/{id}",
        "ContainerDelete",
        "Container",
        EMPTY,
        "204; 404 if it is gone already",
        "Remove the throw-away container, whatever became of it, also after Ctrl-C. Its exit code was read before, "
        "so nothing is lost with it.",
        "Remove your container: it could not be joined to the network.",
    ),
    Route(
        "POST",
        "/containers/{id}/kill",
        "ContainerKill",
        "Container",
        EMPTY,
        "204; 409 if it does not run",
        "Hand a signal on to the process in the container.",
    ),
    Route(
        "POST",
        "/containers/{id}/resize",
        "ContainerResize",
        "Container",
        OK,
        "200",
        "Give the container's terminal the size of yours.",
    ),
    Route(
        "POST",
        "/images/create",
        "ImageCreate",
        "Image",
        OK,
        "200; then a line of JSON for each step",
        "Let the daemon pull the image from its registry. The answer is a stream of progress, and a failure is an "
        "object in that stream.",
    ),
    Route(
        "POST",
        "/images/load",
        "ImageLoad",
        "Image",
        OK,
        "200; then a line of JSON for each step",
        "Send the image's archive to the daemon as it comes, from the file or from the other daemon. The answer is a "
        "stream of progress, and a failure is an object in that stream.",
    ),
    Route(
        "POST",
        "/images/{name}/tag",
        "ImageTag",
        "Image",
        Canned(201, b""),
        "201",
        "Give the image the name that it is asked for by.",
    ),
    Route(
        "GET",
        "/images/get",
        "ImageGetAll",
        "Image",
        Canned(200, b"", "application/x-tar"),
        "200; then the archive (tar)",
        "Let the other daemon write the image as an archive, with its name. The answer goes on to your daemon piece by "
        "piece, as it comes; no file is made and nothing is kept.",
    ),
    Route(
        "GET",
        "/images/{name}/json",
        "ImageInspect",
        "Image",
        STATEFUL,
        '200 {"Id": "sha256:…", "Config": {…}, …}; 404 if there is no such image',
        "Look whether the daemon has this very image already: then it need not be sent.",
        "Ask which program the image starts: the waiter goes before it, and needs to know it.",
        "Look at weave's own image: whether it has the waiter, and its id, by which the container is named that holds "
        "the waiter's volume.",
    ),
    Route(
        "GET",
        "/version",
        "SystemVersion",
        "System",
        OBJECT,
        '200 {"Os": "linux", "Arch": "amd64", …}',
        "Ask what kind of machine the daemon's is: an image for another kind would be loaded, and never run.",
    ),
    Route(
        "POST",
        "/build",
        "ImageBuild",
        "Image",
        OK,
        "200; then a line of JSON for each step",
        "Let the daemon build the image, from a Dockerfile and what belongs to it. The answer is a stream of output; "
        "a failure is an object in that stream.",
    ),
    Route(
        "GET",
        "/images/json",
        "ImageList",
        "Image",
        LIST,
        "200 [{…}, …]",
        "Look for an image of Debian to build on; after a build, for what it left without a name.",
    ),
    Route(
        "DELETE",
        "/images/{name}",
        "ImageDelete",
        "Image",
        LIST,
        "200; 404 if there is no such image",
        "Remove what the build left without a name.",
    ),
    # No command of weave's calls these; weave's client and the shell's completion do.
    Route("GET", "/_ping", "SystemPing", "System", STATEFUL),
    Route("GET", "/info", "SystemInfo", "System"),
    Route("GET", "/events", "SystemEvents", "System", OK),
    Route("GET", "/containers/json", "ContainerList", "Container", LIST),
    Route("GET", "/containers/{id}/logs", "ContainerLogs", "Container", RAW_STREAM),
    Route("POST", "/containers/{id}/restart", "ContainerRestart", "Container", EMPTY),
    Route("POST", "/containers/{id}/stop", "ContainerStop", "Container", EMPTY),
    Route("POST", "/containers/{id}/update", "ContainerUpdate", "Container"),
    Route("POST", "/containers/{id}/rename", "ContainerRename", "Container", EMPTY),
    Route("PUT", "/containers/{id}/archive", "PutContainerArchive", "Container", OK),
    Route("POST", "/containers/{id}/exec", "ContainerExec", "Exec", canned_json(201, {"Id": "e0"})),
    Route("POST", "/exec/{id}/start", "ExecStart", "Exec", RAW_STREAM),
    Route("POST", "/exec/{id}/resize", "ExecResize", "Exec", OK),
    Route("GET", "/exec/{id}/json", "ExecInspect", "Exec", canned_json(200, {"Running": False, "ExitCode": 0})),
    Route("POST", "/images/{name}/push", "ImagePush", "Image", OK),
    Route("GET", "/networks", "NetworkList", "Network", LIST),
    Route("GET", "/networks/{id}", "NetworkInspect", "Network"),
    Route("POST", "/networks/create", "NetworkCreate", "Network", canned_json(201, {"Id": "n0"})),
    Route("DELETE", "/networks/{id}", "NetworkDelete", "Network", EMPTY),
    Route("POST", "/volumes/create", "VolumeCreate", "Volume", canned_json(201, {})),
    Route("GET", "/volumes", "VolumeList", "Volume"),
    Route("GET", "/volumes/{name}", "VolumeInspect", "Volume"),
    Route("DELETE", "/volumes/{name}", "VolumeDelete", "Volume", EMPTY),
)

_PATTERNS = tuple((route, re.compile(route.pattern)) for route in ROUTES)


def unversioned(request: Request) -> str:
    """Return the path of a request without the API's version."""
    return re.sub(r"^/v\d+\.\d+(?=/)", "", request.path)


def route_of(request: Request) -> Route:
    """Return the route of a request; for one that is not in the table, a route without a name that says so."""
    path = unversioned(request)
    for route, pattern in _PATTERNS:
        if route.method == request.method and pattern.fullmatch(path):
            return route
    return Route(request.method, path, "", "", executor="Weave's table of Docker's routes does not have this one.")


def subject_of(request: Request) -> str:
    """Return the container or image that a request is about, as it was before it became part of a path, or nothing."""
    path = unversioned(request)
    for route, pattern in _PATTERNS:
        if route.method == request.method and (match := pattern.fullmatch(path)):
            return unquote(match.groupdict().get("subject") or "")
    return ""
