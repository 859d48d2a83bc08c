"""A command as a shell script: `curl` calls with the same effect, the same output and the same exit code.

The calls are those that the command made in a rehearsal, and so is what the script does when something fails: the
command is played again with an image that is missing, a start that is refused, an executor that fails, and the
script gets what the command did then. Ids that only the daemon knows become the shell's variables.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weave_http import __version__
from weave_http.engine.endpoint import Endpoint
from weave_http.engine.transport.base import Request
from weave_http.engine.version import NEWEST, OLDEST, version_text
from weave_http.errors import EngineError
from weave_http.transcript import secrets
from weave_http.transcript.formats import FromFile, base_url, curl_options, document_of, require_curl
from weave_http.transcript.rehearsal import Output, Play, Rehearsal, rehearse
from weave_http.transcript.routes import route_of, subject_of
from weave_http.transcript.standin import Canned, Fault, container_id, refusal, warning

LIBRARY = Path(__file__).with_name("script.sh")
_REASON = "<reason>"
_LOADED = "loaded-image"
_STARTS = r"/containers/[^/]+/start"
_CREATES = "/containers/create"
_PULLS = "/images/create"
_WARNING = f"WARNING: {warning(0)}\n".replace("0", r"\d+")
_ID = re.compile(r"c0ffee(\d{6})0{52}")

StartFailures = Sequence[tuple[int, Sequence[str]]]
"""Exit codes that are only to be told from the words of a daemon's refusal to start, and those words."""


@dataclass(frozen=True, slots=True)
class _Pull:
    """How a missing image is pulled, and what is said around the reason when it can't be."""

    target: str
    before: str
    after: str
    credentials: str


def script(words: Sequence[str], play: Play, start_failures: StartFailures, *, show_secrets: bool) -> str:
    """Return the script for a command.

    Args:
        words: the command as it was typed, after `weave`.
        play: runs it on a stage.
        start_failures: exit codes by the words of the daemon.
        show_secrets: write passwords into the script; else it asks for them in the environment.
    """
    return "\n".join(_Script(words, play, start_failures, show_secrets).lines()) + "\n"


class _Script:
    def __init__(self, words: Sequence[str], play: Play, start_failures: StartFailures, show_secrets: bool) -> None:
        self._words = words
        self._play = play
        self._start_failures = start_failures
        self._show_secrets = show_secrets
        self._good = self._rehearse(warn=True)
        self._other = next(iter(self._good.elsewhere.values()), None)
        for endpoint in (self._good.endpoint, *([self._other] if self._other else [])):
            require_curl(endpoint)
        self._secrets: dict[str, str] = {}

    def _rehearse(self, *faults: Any, warn: bool = False) -> Rehearsal:
        return rehearse(self._play, version_text(NEWEST), faults, warn=warn)

    def lines(self) -> Iterator[str]:
        shown = shlex.join(self._words if self._show_secrets else secrets.masked_words(self._words))
        body = list(self._body())
        yield "#!/bin/sh"
        yield f"# weave {shown}"
        yield "# as plain calls to the Docker Engine API: same effect, same output, same exit code."
        yield f"# It takes curl and jq. Written by weave {__version__}."
        yield "set -u"
        yield ""
        if self._other is None:
            yield from _connection(self._good.endpoint)
        else:
            for name, endpoint in (("here", self._good.endpoint), ("there", self._other)):
                yield f"{name}() {{  # what follows is for this daemon"
                yield from (f"  {line}" for line in _connection(endpoint))
                yield f"  api=${{{name}_api:-}}"
                yield "}"
            yield "here"
        yield f"removal={shlex.quote(self._removal())}"
        yield ""
        yield LIBRARY.read_text(encoding="utf-8").rstrip("\n")
        yield ""
        for name in self._secrets:
            yield f'[ -n "${{{name}:-}}" ] || fail 125 "{name} is a secret that is not in this script; set it"'
            yield f"export {name}"
        yield from body

    def _removal(self) -> str:
        """Return the query by which the command takes its containers away."""
        removals = self._good.all_of("ContainerDelete")
        return removals[0].target.partition("?")[2] if removals else "force=1"

    def _body(self) -> Iterator[str]:
        if not self._good.all_of("SystemPingHead"):  # the user's choice of a version
            pinned = re.match(r"/v1\.(\d+)/", self._good.requests[0].path)
            yield f"api={pinned[1] if pinned else NEWEST[1]}"
            if self._other:
                yield "here_api=$api there_api=$api"
        counts: dict[str, int] = {}
        listening: set[str] = set()
        place = "here"
        for event in self._good.events:
            if isinstance(event, Output):
                yield from self._output(event)
                continue
            name = route_of(event).name
            before, place = place, "there" if self._good.other_endpoint(event) else "here"
            if place != before:
                yield place
            counts[name] = counts.get(name, 0) + 1
            target, subject = _quoted(_target(event)), subject_of(event)
            match name:
                case "SystemPingHead":
                    yield f"negotiate {OLDEST[1]} {NEWEST[1]}"
                    if self._other:
                        yield f"{place}_api=$api"
                case "ContainerCreate":
                    yield from self._create(event, counts[name])
                case "ContainerAttach":
                    listening.add(subject)
                    yield f"attach {target}"
                case "ContainerWait":
                    yield f"await {target}"
                case "ContainerStart":
                    yield from self._start(target, counts[name])
                    if subject in listening:
                        yield "pass_output"
                case "ContainerDelete":
                    yield f"remove {target} {_quoted(subject)}"
                    if subject in listening:
                        yield '[ "$result" = 0 ] || exit "$result"'
                case "ImageCreate":
                    pull = self._pull(counts[name], 0)
                    yield from self._credentials(pull)
                    yield f"pull {target} {shlex.quote(pull.before)} {shlex.quote(pull.after)}"
                case "ImageLoad":
                    path = event.body.path if isinstance(event.body, FromFile) else None
                    yield f"load {target} {shlex.quote(str(Path(path).resolve()))}" if path else f"pass_on {target}"
                    if not path:
                        yield from self._naming()
                case "ImageGet":
                    yield f"fetch {target}"
                case "ImageInspect" if place == "there":
                    yield f"call GET {target}"
                    yield f'[ "$status" != 404 ] || fail 125 {shlex.quote(self._missing_there())}'
                    yield "accept 200"
                case _:
                    yield f"call {event.method} {target}"
        yield "left=  # what is there now is there to stay"
        yield "exit 0"

    def _output(self, output: Output) -> Iterator[str]:
        if re.fullmatch(_WARNING, output.text):
            yield "warnings"
            return
        redirection = " >&2" if output.stream == 2 else ""
        yield f"printf '%s\\n' {_quoted(output.text.removesuffix(chr(10)))}{redirection}"

    def _create(self, request: Request, nth: int) -> Iterator[str]:
        pull = self._pull(1, nth)
        document = document_of(request)
        found = [] if self._show_secrets else secrets.find(document)
        yield ""
        yield from self._credentials(pull)
        if found:
            shown = json.dumps(secrets.masked(document), indent=2, ensure_ascii=False)
            steps = [f"setpath({json.dumps(each.path)}; {json.dumps(each.prefix)} + env.{self._variable(each)})"
                     for each in found]  # fmt: skip
            yield f"body=$(printf '%s' {_quoted(shown)} | jq {shlex.quote(' | '.join(steps))})"
        else:
            yield f"body={_quoted(json.dumps(document, indent=2, ensure_ascii=False))}"
        yield (
            f'create {_quoted(_target(request))} "$body" {_quoted(pull.target)} \\\n'
            f"  {shlex.quote(pull.before)} {shlex.quote(pull.after)}"
        )
        yield f"c{nth}=$id"

    def _variable(self, secret: secrets.Secret) -> str:
        name, count = secret.name, 1
        while self._secrets.setdefault(name, str(secret.value)) != str(secret.value):
            count += 1
            name = f"{secret.name}_{count}"
        return name

    def _pull(self, nth_pull: int, nth_create: int) -> _Pull:
        """Return how the command pulls when the nth creation says that the image is not there (0: it just pulls)."""
        missing = [refusal("POST", _CREATES, nth_create, 404, "No such image")] if nth_create else []
        refused = self._rehearse(*missing, refusal("POST", _PULLS, nth_pull, 404, _REASON))
        before, _, after = str(refused.error).partition(_REASON)
        request = refused.all_of("ImageCreate")[nth_pull - 1]
        return _Pull(_target(request), before, after, dict(request.headers).get("X-Registry-Auth", ""))

    def _missing_there(self) -> str:
        """Return what the command says when the other daemon does not have the image."""
        return str(self._rehearse(refusal("GET", "/images/.+/json", 1, 404, _REASON)).error)

    def _naming(self) -> Iterator[str]:
        """Yield what the command does when the daemon loaded the image by another name."""
        answer = Canned(200, json.dumps({"stream": f"Loaded image: {_LOADED}\n"}).encode())
        played = self._rehearse(Fault("POST", "/images/load", 1, answer))
        asked, named = played.requests[-2:]
        before, _, after = _target(named).partition(_LOADED)
        yield "case $loaded in"
        yield f"  '' | {shlex.quote(subject_of(asked))}) ;;"
        yield f'  *) call GET {_quoted(_target(asked))}; [ "$status" != 404 ] || {{'
        yield f'    call POST {_quoted(before)}"$loaded"{_quoted(after)}'
        yield "    accept 201; } ;;"
        yield "esac"

    def _credentials(self, pull: _Pull) -> Iterator[str]:
        if pull.credentials and self._show_secrets:
            yield f"registry_auth={shlex.quote(pull.credentials)}"
        elif pull.credentials:
            secret = secrets.Secret((), "", pull.credentials, "REGISTRY_AUTH")
            yield f"registry_auth=${self._variable(secret)}"

    def _start(self, target: str, nth: int) -> Iterator[str]:
        """Yield the start of a container, with an exit code by the daemon's words if the command has one."""
        codes = [
            (code, signs)
            for code, signs in self._start_failures
            if self._exit_code_of_start(nth, signs[0]) != EngineError.exit_code
        ]
        if not codes:
            yield f"start {target}"
            return
        yield f"call POST {target}"
        yield 'case $status:$(message | tr "[:upper:]" "[:lower:]") in'
        yield "  204:* | 304:*) ;;"
        for code, signs in codes:
            patterns = " | ".join(f"*{sign.replace(' ', chr(92) + ' ')}*" for sign in signs)
            yield f'  {patterns}) fail {code} "$(message)" ;;'
        yield "  *) accept 204 ;;"
        yield "esac"

    def _exit_code_of_start(self, nth: int, words: str) -> int:
        error = self._rehearse(refusal("POST", _STARTS, nth, 500, words)).error
        return error.exit_code if error is not None else 0


def _connection(endpoint: Endpoint) -> Iterator[str]:
    yield f"where={shlex.quote(str(endpoint))}"
    yield f"url={shlex.quote(base_url(endpoint))}"
    yield f'docker_api() {{ ${{exec:-}} curl {shlex.join(curl_options(endpoint))} "$@"; }}'


def _target(request: Request) -> str:
    """Return a request's target with the API's version taken out."""
    return re.sub(r"^/v1\.\d+(?=/)", "/v1.<api>", request.target)


def _quoted(text: str) -> str:
    """Return a text as a word of the shell, with the stand-in's ids and the API's version as variables."""
    pieces = re.split(f"({_ID.pattern.replace('(', '(?:')}|<api>)", text)
    words = []
    for piece in pieces:
        match = _ID.fullmatch(piece)
        if match and container_id(int(match[1])) == piece:
            words.append(f'"$c{int(match[1])}"')
        elif piece == "<api>":
            words.append('"$api"')
        elif piece:
            words.append(shlex.quote(piece))
    return "".join(words) or "''"
