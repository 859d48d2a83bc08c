"""A command explained: its calls with what they are for, and what comes of them on the host.

The calls are those of a rehearsal, so the explanation can't be wrong about what is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from weave_http import constants
from weave_http.engine.address import Endpoint
from weave_http.engine.version import NEWEST, version_text
from weave_http.engine.wire.contract import Request
from weave_http.errors import UsageError
from weave_http.operations import parse
from weave_http.records import dataclass
from weave_http.transcript.conversation import frame_text, is_resident
from weave_http.transcript.docker_line import docker_run
from weave_http.transcript.formats import body_text, document_of, file_of
from weave_http.transcript.host_steps import host_steps
from weave_http.transcript.host_steps.step import HostStep
from weave_http.transcript.lines import target
from weave_http.transcript.masking import masked, masked_words
from weave_http.transcript.quoting import one_line, shown_line
from weave_http.transcript.rehearsal import Play, Sent, rehearse
from weave_http.transcript.route import Purpose, Route, purpose_of
from weave_http.transcript.routes import route_of, subject_of
from weave_http.transcript.standin import DEFAULT_MARKS

RESIDENT = (
    "Attach to the resident executor, a container of weave's image that runs already, and take the connection over: "
    "it carries frames to its stdin (>) and from its stdout (<). A call is announced first, and begun by `go` once the "
    "resident has said that it is ready and of the same version. So nothing is begun twice: where there is no "
    "resident, or none that answers, a throw-away container does it. `weave --cold explain …` tells of that."
)
"""What the one call of the warm way is for."""
_ELSEWHERE = {"ImageInspect": "Look which image the other daemon has by this name, and how large it is."}
"""What calls to another daemon are for, where that differs."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Args:
        route: what it is in Docker's documentation.
        link: where that is.
        text: what it is for.
        line: method and target, with ids cut to 12 digits.
        body: its body in lines.
        short: the call in a few words.
        elsewhere: whether it goes to another daemon than the others.
    """

    route: Route
    link: str
    text: str
    line: str
    body: tuple[str, ...]
    short: str
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Chapter:
    """Calls that make one line of docker's command line.

    Args:
        title: what they are.
        docker: the line's words, or nothing.
        calls: the calls.
        steps: what the executor does meanwhile on the host, if this is its container.
        begin: name of the route by which they begin.
    """

    title: str
    docker: tuple[str, ...]
    calls: tuple[Call, ...]
    steps: tuple[HostStep, ...] = ()
    begin: str = "ContainerStart"


@dataclass(frozen=True, slots=True)
class Lesson:
    """A command explained.

    Args:
        command: as it was typed, secrets masked.
        endpoint: where the calls go, and what chose that.
        made_up: what stands in the calls for what only a daemon can say.
        chapters: in the order of what happens.
    """

    command: str
    endpoint: str
    made_up: str
    chapters: tuple[Chapter, ...]


def lesson(words: Sequence[str], play: Play, *, show_secrets: bool = False) -> Lesson:
    """Return the explanation of a command.

    Args:
        words: the command as it was typed, after `weave`.
        play: runs it on a stage.
        show_secrets: leave passwords as they are.
    """
    played = rehearse(play, version_text(NEWEST))
    groups: dict[str, list[Sent]] = {}
    created = 0
    for sent in played.sent:
        name = route_of(sent.request).name
        if name == "ContainerCreate":
            created += 1
            key = DEFAULT_MARKS.container_id(created)
        else:
            key = subject_of(sent.request) or name
            key = f"{key} there" if sent.elsewhere else key
        groups.setdefault(key, []).append(sent)
    purposes = _image_purposes(played.requests)
    chapters = tuple(_chapter(group, purposes.get(key), show_secrets) for key, group in groups.items())
    return Lesson(
        command=shown_line(["weave", *(words if show_secrets else masked_words(words))]),
        endpoint=one_line(str(played.endpoint)),
        made_up=_made_up(chapters),
        chapters=chapters,
    )


def _made_up(chapters: Sequence[Chapter]) -> str:
    """Return which words of the calls stand for what only a daemon can say."""
    calls = [call for chapter in chapters for call in chapter.calls]
    shown = "\n".join(line for call in calls for line in (call.line, *call.body))
    version = re.search(r"(?<= /)v\d+\.\d+(?=/)", shown)
    found = [
        f"{version[0]} (the newest version that weave knows)" if version and calls[0].route.tag == "System" else "",
        "container ids (c0ffee…)" if "c0ffee" in shown else "",
        "image ids (1a6e…)" if re.search(rf"{DEFAULT_MARKS.images}\d{{6}}00", shown) else "",
        "what stands in <…>" if "of image 1>" in shown else "",
    ]
    words = [word for word in found if word]
    if not words:
        return "Nothing was sent."
    return f"Nothing was sent; these stand for what a daemon would say: {', '.join(words)}."


def _image_purposes(requests: Sequence[Request]) -> dict[str, Purpose]:
    """Return what the images are for that are looked at: those of containers that are made then."""
    made = [request for request in requests if route_of(request).name == "ContainerCreate"]
    looked = {subject_of(request) for request in requests if route_of(request).name == "ImageInspect"}
    purposes: dict[str, Purpose] = {}
    for request in made:
        image, purpose = str(document_of(request)["Image"]), purpose_of(request)
        if image in looked and purpose is not Purpose.EXECUTOR:
            purposes.setdefault(image, purpose)
    return purposes


def _chapter(group: Sequence[Sent], image: Purpose | None, show_secrets: bool) -> Chapter:
    first, elsewhere = group[0].request, group[0].elsewhere
    config = document_of(first) if route_of(first).name == "ContainerCreate" else None
    purpose = purpose_of(first) if config is not None else image or Purpose.EXECUTOR
    calls = tuple(_call(sent, purpose=purpose, show_secrets=show_secrets) for sent in group)
    if is_resident(first):
        return _resident_chapter(group[0], calls, show_secrets)
    if config is None:
        title, docker = _about(first, purpose)
        if elsewhere is None:
            return Chapter(title, docker, calls)
        return Chapter(f"On the other host: {title[0].lower()}{title[1:]}", _addressed(docker, elsewhere), calls)
    line = docker_run(
        config,
        dict(first.query).get("name", ""),
        throw_away=purpose is Purpose.EXECUTOR,
        start=purpose is not Purpose.VOLUMES,
        show_secrets=show_secrets,
    )
    words = tuple(_short(word) for word in line)
    if purpose is not Purpose.EXECUTOR:
        return Chapter("Your container" if purpose is Purpose.USER else "The waiter's volume", words, calls)
    argv = config["Cmd"][1:] if show_secrets else masked_words(config["Cmd"][1:])
    steps = _steps([_short(word) for word in argv], _environ(config, show_secrets))
    return Chapter("The executor's life", words, calls, tuple(steps))


def _resident_chapter(sent: Sent, calls: tuple[Call, ...], show_secrets: bool) -> Chapter:
    asked: dict[str, Any] = next((frame["call"] for _, frame in sent.frames if "call" in frame), {})
    asked = {"words": [], "env": {}, **asked}
    words = asked["words"] if show_secrets else masked_words(asked["words"])
    docker = ("docker", "attach", constants.RESIDENT_CONTAINER)
    steps = _steps([_short(word) for word in words], asked["env"])
    return Chapter("The resident executor", docker, calls, tuple(steps), begin="ContainerAttach")


def _steps(argv: Sequence[str], environ: Mapping[str, str]) -> Sequence[HostStep]:
    """Return what the executor does on the host; nothing where the words are another version's."""
    try:
        operation = parse(argv)
    except UsageError:
        return ()
    return host_steps(operation, environ)


def _about(request: Request, image: Purpose) -> tuple[str, tuple[str, ...]]:
    """Return a title for a call that is not about a container, and docker's words for it, if it has some.

    Args:
        request: the call.
        image: what the image is for that is looked at.
    """
    match route_of(request).name:
        case "SystemPingHead":
            return "Which version do we speak?", ()
        case "ImageCreate":
            return "Pull the image", ("docker", "pull", _reference(request))
        case "ImageLoad":
            return "Load the image", ("docker", "load", *_input(request))
        case "ContainerInspect":
            return "Is the waiter's volume there?", ("docker", "inspect", subject_of(request))
        case "ImageInspect":
            return _IMAGE_TITLES[image], ("docker", "image", "inspect", subject_of(request))
        case "ImageTag":
            return "Name the image", ("docker", "tag", subject_of(request), _new_name(request))
        case "ImageGetAll":
            return "Take the image", ("docker", "save", dict(request.query).get("names", ""))
        case name:
            return name or "A call without an explanation", ()


_IMAGE_TITLES = {
    Purpose.EXECUTOR: "Is the image there?",
    Purpose.USER: "What does the image start?",
    Purpose.VOLUMES: "Weave's own image",
}


def _input(request: Request) -> tuple[str, ...]:
    """Return how docker is told the file that a request comes from; a stream is its standard input."""
    file = file_of(request)
    return ("-i", str(file)) if file else ()


def _addressed(docker: Sequence[str], endpoint: Endpoint) -> tuple[str, ...]:
    return (docker[0], "-H", endpoint.url, *docker[1:]) if docker else ()


def _environ(config: Mapping[str, Sequence[str]], show_secrets: bool) -> dict[str, str]:
    shown = config if show_secrets else masked(config)
    return dict(item.partition("=")[::2] for item in shown.get("Env", ()))


def _short(word: str) -> str:
    """Return a word; if it is the id of a container, its first 12 digits."""
    return word[:12] if len(word) == 64 and word.startswith(DEFAULT_MARKS.containers) else word


def _call(sent: Sent, *, purpose: Purpose, show_secrets: bool) -> Call:
    request, elsewhere = sent.request, sent.elsewhere
    route = route_of(request)
    text = body_text(request, show_secrets=show_secrets, indent=2)
    for number in range(1, 10):
        text = text.replace(DEFAULT_MARKS.container_id(number), _short(DEFAULT_MARKS.container_id(number)))
    lines = [frame_text(way, frame, show_secrets=show_secrets) for way, frame in sent.frames]
    why = RESIDENT if is_resident(request) else _ELSEWHERE.get(route.name, "") if elsewhere else ""
    version = request.path.split("/")[1].removeprefix("v") if request.path.startswith("/v") else version_text(NEWEST)
    return Call(
        route=route,
        link=route.documentation(version),
        text=why or route.why(purpose),
        line=f"{request.method} {target(request)}" + (f"  at {one_line(elsewhere.url)}" if elsewhere else ""),
        body=tuple(text.split("\n")) if text else tuple(lines),
        short=_summary(request, route),
        elsewhere=elsewhere is not None,
    )


def _summary(request: Request, route: Route) -> str:
    end = request.path.rpartition("/")[2]
    return {
        "ContainerDelete": "DELETE …",
        "ContainerInspect": "GET …/json",
        "ImageInspect": "GET …/json",
        "ImageGetAll": "GET …/get",
        "SystemPingHead": "HEAD /_ping",
    }.get(route.name, f"{request.method} …/{end}")


def _new_name(request: Request) -> str:
    query = dict(request.query)
    return f"{query.get('repo', '')}:{query.get('tag', 'latest')}"


def _reference(request: Request) -> str:
    query = dict(request.query)
    joint = "@" if ":" in query.get("tag", "") else ":"
    return f"{query.get('fromImage', '')}{joint}{query.get('tag', 'latest')}"
