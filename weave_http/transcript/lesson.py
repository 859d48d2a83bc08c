"""A command explained: its calls with what they are for, and what comes of them on the host.

The calls are those of a rehearsal, so the explanation can't be wrong about what is sent.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weave_http.engine.endpoint import Endpoint
from weave_http.engine.version import NEWEST, version_text
from weave_http.engine.wire.base import Request
from weave_http.transcript import masking as secrets
from weave_http.transcript.docker_line import docker_run
from weave_http.transcript.formats import FromFile, body_text, document_of
from weave_http.transcript.host_steps import host_steps
from weave_http.transcript.host_steps.step import HostStep
from weave_http.transcript.lines import target
from weave_http.transcript.rehearsal import Play, Rehearsal, rehearse
from weave_http.transcript.routes import Kind, Route, documentation, kind_of, route_of, subject_of
from weave_http.transcript.standin import IMAGE_DIGITS, container_id

_THERE = {"ImageInspect": "Look which image the other daemon has by this name, and how large it is."}
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
        there: whether it goes to another daemon than the others.
    """

    route: Route
    link: str
    text: str
    line: str
    body: tuple[str, ...]
    short: str
    there: bool = False


@dataclass(frozen=True, slots=True)
class Chapter:
    """Calls that make one line of docker's command line.

    Args:
        title: what they are.
        docker: the line's words, or nothing.
        calls: the calls.
        steps: what the executor does meanwhile on the host, if this is its container.
    """

    title: str
    docker: tuple[str, ...]
    calls: tuple[Call, ...]
    steps: tuple[HostStep, ...] = ()


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
    groups: dict[str, list[Request]] = {}
    created = 0
    for request in played.requests:
        name = route_of(request).name
        if name == "ContainerCreate":
            created += 1
            key = container_id(created)
        else:
            key = subject_of(request) or name
            key = f"{key} there" if played.other_endpoint(request) else key
        groups.setdefault(key, []).append(request)
    kinds = _image_kinds(played.requests)
    chapters = tuple(_chapter(requests, played, kinds.get(key), show_secrets) for key, requests in groups.items())
    return Lesson(
        command=shlex.join(["weave", *(words if show_secrets else secrets.masked_words(words))]),
        endpoint=str(played.endpoint),
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
        "image ids (1a6e…)" if IMAGE_DIGITS.search(shown) else "",
        "what stands in <…>" if "of image 1>" in shown else "",
    ]
    words = [word for word in found if word]
    if not words:
        return "Nothing was sent."
    return f"Nothing was sent; these stand for what a daemon would say: {', '.join(words)}."


def _image_kinds(requests: Sequence[Request]) -> dict[str, Kind]:
    """Return what the images are for that are looked at: those of containers that are made then."""
    made = [request for request in requests if route_of(request).name == "ContainerCreate"]
    looked = {subject_of(request) for request in requests if route_of(request).name == "ImageInspect"}
    kinds: dict[str, Kind] = {}
    for request in made:
        image, kind = str(document_of(request)["Image"]), kind_of(request)
        if image in looked and kind is not Kind.EXECUTOR:
            kinds.setdefault(image, kind)
    return kinds


def _chapter(requests: Sequence[Request], played: Rehearsal, image: Kind | None, show_secrets: bool) -> Chapter:
    first = requests[0]
    there = played.other_endpoint(first)
    name = route_of(first).name
    config = document_of(first) if name == "ContainerCreate" else None
    kind = kind_of(first) if config is not None else image or Kind.EXECUTOR
    calls = tuple(_call(request, there, kind=kind, show_secrets=show_secrets) for request in requests)
    if config is None:
        titles = {
            "SystemPingHead": ("Which version do we speak?", ()),
            "ImageCreate": ("Pull the image", ("docker", "pull", _reference(first))),
            "ImageLoad": ("Load the image", ("docker", "load", *_input(first))),
            "ImageInspect": (_IMAGE_TITLES[kind], ("docker", "image", "inspect", subject_of(first))),
            "ImageGet": ("Take the image", ("docker", "save", dict(first.query).get("names", ""))),
        }
        title, docker = titles[name]
        if there is None:
            return Chapter(title, docker, calls)
        return Chapter(f"On the other host: {title[0].lower()}{title[1:]}", _addressed(docker, there), calls)
    line = docker_run(
        config,
        dict(first.query).get("name", ""),
        throw_away=kind is Kind.EXECUTOR,
        start=kind is not Kind.VOLUMES,
        show_secrets=show_secrets,
    )
    words = tuple(_short(word) for word in line)
    if kind is not Kind.EXECUTOR:
        return Chapter("Your container" if kind is Kind.USER else "The waiter's volume", words, calls)
    argv = config["Cmd"][1:] if show_secrets else secrets.masked_words(config["Cmd"][1:])
    steps = host_steps([_short(word) for word in argv], _environ(config, show_secrets))
    return Chapter("The executor's life", words, calls, tuple(steps))


_IMAGE_TITLES = {
    Kind.EXECUTOR: "Is the image there?",
    Kind.USER: "What does the image start?",
    Kind.VOLUMES: "Weave's own image",
}


def _input(request: Request) -> tuple[str, ...]:
    """Return how docker is told the file that a request comes from; a stream is its standard input."""
    return ("-i", str(request.body.path)) if isinstance(request.body, FromFile) else ()


def _addressed(docker: Sequence[str], endpoint: Endpoint) -> tuple[str, ...]:
    return (docker[0], "-H", endpoint.url, *docker[1:]) if docker else ()


def _environ(config: Mapping[str, Sequence[str]], show_secrets: bool) -> dict[str, str]:
    shown = config if show_secrets else secrets.masked(config)
    return dict(item.partition("=")[::2] for item in shown.get("Env", ()))


def _short(word: str) -> str:
    """Return a word; if it is the id of a container, its first 12 digits."""
    return word[:12] if len(word) == len(container_id(1)) and word.startswith("c0ffee") else word


def _call(request: Request, there: Endpoint | None, *, kind: Kind, show_secrets: bool) -> Call:
    route = route_of(request)
    text = body_text(request, show_secrets=show_secrets, indent=2)
    document = document_of(request)
    if document is not None:
        text = json.dumps(document if show_secrets else secrets.masked(document), indent=2, ensure_ascii=False)
    for number in range(1, 10):
        text = text.replace(container_id(number), _short(container_id(number)))
    version = request.path.split("/")[1].removeprefix("v") if request.path.startswith("/v") else version_text(NEWEST)
    return Call(
        route=route,
        link=documentation(route, version),
        text=(_THERE.get(route.name, "") if there else "") or route.text(kind),
        line=f"{request.method} {target(request)}" + (f"  at {there.url}" if there else ""),
        body=tuple(text.splitlines()),
        short=_summary(request, route),
        there=there is not None,
    )


def _summary(request: Request, route: Route) -> str:
    end = request.path.rpartition("/")[2]
    return {
        "ContainerDelete": "DELETE …",
        "ImageInspect": "GET …/json",
        "ImageGet": "GET …/get",
        "SystemPingHead": "HEAD /_ping",
    }.get(route.name, f"{request.method} …/{end}")


def _reference(request: Request) -> str:
    query = dict(request.query)
    joint = "@" if ":" in query.get("tag", "") else ":"
    return f"{query.get('fromImage', '')}{joint}{query.get('tag', 'latest')}"
