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

from weave_http import __version__, constants
from weave_http.engine.endpoint import Endpoint
from weave_http.engine.version import NEWEST, OLDEST, version_text
from weave_http.engine.wire.base import Request
from weave_http.errors import EngineError, UsageError
from weave_http.transcript import masking as secrets
from weave_http.transcript.formats import FromFile, base_url, curl_options, document_of, require_curl
from weave_http.transcript.rehearsal import FileStep, Output, Play, Rehearsal, rehearse
from weave_http.transcript.routes import Kind, kind_of, route_of, subject_of
from weave_http.transcript.standin import IMAGE_DIGITS, Canned, Fault, answered, container_id, refusal, warning

LIBRARY = Path(__file__).with_name("script.sh")
_REASON = "<reason>"
_LOADED = "loaded-image"
_STARTS = r"/containers/[^/]+/start"
_CREATES = "/containers/create"
_PULLS = "/images/create"
_IMAGES = r"/images/.+/json"
_WARNING = f"WARNING: {warning(0)}\n".replace("0", r"\d+")
_FUNCTION = re.compile(r"((?:^#.*\n)*)^(\w+)\(\) \{\n(?:.*\n)*?\}\n\n?", re.MULTILINE)
_COMMENT = re.compile(r"^ *#.*", re.MULTILINE)
_QUOTED = re.compile(r"'[^']*'")
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
        _check(self._good)
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
        checks = list(self._checks())
        yield from library([*checks, *body])
        yield ""
        yield from checks
        yield from body

    def _checks(self) -> Iterator[str]:
        for name in self._secrets:
            yield f'[ -n "${{{name}:-}}" ] || fail 125 "{name} is a secret that is not in this script; set it"'
            yield f"export {name}"

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
        kinds: dict[str, Kind] = {}
        place = "here"
        for event in self._good.events:
            if isinstance(event, Output):
                yield from self._output(event)
                continue
            if isinstance(event, FileStep):
                yield from self._file(event)
                continue
            name = route_of(event).name
            before, place = place, "there" if self._good.other_endpoint(event) else "here"
            if place != before:
                yield place
            counts[name] = counts.get(name, 0) + 1
            target, subject = _quoted(_target(event)), subject_of(event)
            user = kinds.get(subject) is Kind.USER
            match name:
                case "SystemPingHead":
                    yield f"negotiate {OLDEST[1]} {NEWEST[1]}"
                    if self._other:
                        yield f"{place}_api=$api"
                case "ContainerCreate":
                    kind = kinds[container_id(counts[name])] = kind_of(event)
                    if kind is Kind.VOLUMES:
                        yield f"keep {target} {_quoted(json.dumps(document_of(event), indent=2))}"
                    else:
                        yield from self._create(event, counts[name])
                case "ContainerAttach" if user:
                    yield f"terminal={'yes' if self._has_terminal() else ''}"
                    yield f"follow {target} {_quoted(subject)}"
                case "ContainerAttach":
                    yield f"attach {target}"
                case "ContainerWait":
                    yield f"{'follow_exit' if user else 'await'} {target}"
                case "ContainerStart" if kinds.get(subject) is Kind.VOLUMES:
                    pass  # `keep` has done it
                case "ContainerStart":
                    yield from self._start(target, counts[name])
                    if kinds.get(subject) is Kind.EXECUTOR:
                        yield "hold pass_output" if Kind.USER in kinds.values() else "pass_output"
                case "ContainerDelete":
                    yield f"remove {target} {_quoted(subject)}"
                    yield from self._after_executor(kinds)
                case "ImageCreate":
                    pull = self._pull(counts[name])
                    yield from self._credentials(pull)
                    yield f"pull {target} {shlex.quote(pull.before)} {shlex.quote(pull.after)}"
                case "ImageInspect" if self._waits():
                    yield from self._image(target, counts[name])
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
        yield "left= cidfile=  # what is there now is there to stay"
        if Kind.USER in kinds.values() and not self._prints_id(kinds):
            yield "pass_followed"
        yield "exit 0"

    def _waits(self) -> bool:
        """Tell whether there is the waiter before the user's program."""
        return any(kind_of(request) is Kind.VOLUMES for request in self._good.all_of("ContainerCreate"))

    def _has_terminal(self) -> bool:
        return any((document_of(request) or {}).get("Tty") for request in self._good.all_of("ContainerCreate"))

    def _prints_id(self, kinds: dict[str, Kind]) -> bool:
        """Tell whether the command ends with the id of the user's container, and does not stay with it."""
        ours = next(identity for identity, kind in kinds.items() if kind is Kind.USER)
        return any(isinstance(event, Output) and event.text == f"{ours}\n" for event in self._good.events)

    def _after_executor(self, kinds: dict[str, Kind]) -> Iterator[str]:
        """Yield what there is to do once the executor is gone: its exit code is the command's, if it failed."""
        user = next((identity for identity, kind in kinds.items() if kind is Kind.USER), None)
        if user is None:
            yield '[ "$result" = 0 ] || exit "$result"'
            return
        target = f"/v1.<api>/containers/{user}?{self._removal()}"
        waits = "yes" if self._waits() else ""
        yield f'[ "$result" = 0 ] || not_joined {_quoted(target)} {_quoted(user)} "{waits}"'
        yield "release"

    def _file(self, step: FileStep) -> Iterator[str]:
        path = shlex.quote(str(Path(step.path).absolute()))
        if step.action == "reserve":
            yield f"reserve {path} {shlex.quote(step.path)}"
        elif step.action == "fill":
            yield f"printf %s {_quoted(step.text)} >{path}"

    def _image(self, target: str, nth: int) -> Iterator[str]:
        """Yield a look at an image: it is pulled where the command does that, and refused where it has no waiter."""
        pull = self._pull(1, refusal("GET", _IMAGES, nth, 404, "No such image"))
        yield from self._credentials(pull)
        yield (
            f"image i{nth} {target} {_quoted(pull.target)} \\\n  {shlex.quote(pull.before)} {shlex.quote(pull.after)}"
        )
        bare = self._rehearse(answered("GET", _IMAGES, nth, {"Id": "sha256:0", "Config": {"Cmd": ["sh"]}})).error
        if bare is not None:
            test = f'.Config.Labels["{constants.WAITER_LABEL}"]'
            yield f"""jq -e '{test}' "$dir/i{nth}" >/dev/null || fail {bare.exit_code} {shlex.quote(str(bare))}"""
        yield f'i{nth}=$(jq -r \'.Id | ltrimstr("sha256:")[0:12]\' "$dir/i{nth}")'

    def _output(self, output: Output) -> Iterator[str]:
        if re.fullmatch(_WARNING, output.text):
            yield "warnings"
            return
        redirection = " >&2" if output.stream == 2 else ""
        yield f"printf '%s\\n' {_quoted(output.text.removesuffix(chr(10)))}{redirection}"

    def _create(self, request: Request, nth: int) -> Iterator[str]:
        pull = self._pull(1, refusal("POST", _CREATES, nth, 404, "No such image"))
        document = document_of(request)
        found = [] if self._show_secrets else secrets.find(document)
        yield ""
        yield from self._credentials(pull)
        if found:
            shown = json.dumps(secrets.masked(document), indent=2, ensure_ascii=False)
            steps = [f"setpath({json.dumps(each.path)}; {self._joined(each)})" for each in found]
            yield f"body=$(printf '%s' {_quoted(shown)} | jq {shlex.quote(' | '.join(steps))})"
        else:
            yield f"body={_quoted(json.dumps(document, indent=2, ensure_ascii=False))}"
        for number in _images_in(document):
            yield f'body=$(printf \'%s\' "$body" | filled {number}) || fail 125 "no command specified"'
        yield (
            f'create {_quoted(_target(request))} "$body" {_quoted(pull.target)} \\\n'
            f"  {shlex.quote(pull.before)} {shlex.quote(pull.after)}"
        )
        yield f"c{nth}=$id"

    def _joined(self, secret: secrets.Secret) -> str:
        """Return a value with secrets in it as jq's sum of its pieces."""
        return " + ".join(
            f"env.{self._variable(piece)}" if isinstance(piece, secrets.Hidden) else json.dumps(piece)
            for piece in secret.pieces
        )

    def _variable(self, secret: secrets.Hidden) -> str:
        name, count = secret.name, 1
        while self._secrets.setdefault(name, str(secret.value)) != str(secret.value):
            count += 1
            name = f"{secret.name}_{count}"
        return name

    def _pull(self, nth_pull: int, *missing: Fault) -> _Pull:
        """Return how the command pulls: for itself, or because an image is missing; it may not pull at all.

        Args:
            nth_pull: which of its pulls.
            missing: the answer that says that an image is not there.
        """
        ahead = len(self._good.all_of("ImageCreate")) if missing else 0
        refused = self._rehearse(*missing, refusal("POST", _PULLS, nth_pull + ahead, 404, _REASON))
        pulls = refused.all_of("ImageCreate")
        if len(pulls) < nth_pull + ahead:
            return _Pull("", "", "", "")
        before, _, after = str(refused.error).partition(_REASON)
        request = pulls[nth_pull + ahead - 1]
        return _Pull(_target(request), before, after, dict(request.headers).get("X-Registry-Auth", ""))

    def _missing_there(self) -> str:
        """Return what the command says when the other daemon does not have the image."""
        return str(self._rehearse(refusal("GET", "/images/.+/json", 1, 404, _REASON)).error)

    def _naming(self) -> Iterator[str]:
        """Yield what the command does when the daemon loaded the image by another name."""
        answer = Canned(200, json.dumps({"stream": f"Loaded image: {_LOADED}\n"}).encode())
        unnamed = refusal("GET", _IMAGES, 2, 404, "No such image")  # the first look is before the image goes over
        played = self._rehearse(Fault("POST", "/images/load", 1, answer), unnamed)
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
            secret = secrets.Hidden("REGISTRY_AUTH", pull.credentials)
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


def library(body: Sequence[str]) -> list[str]:
    """Return the lines of the library without the functions that a script has no use for.

    Args:
        body: the script's own lines.
    """
    text = LIBRARY.read_text(encoding="utf-8")
    functions = {match[2]: match[0] for match in _FUNCTION.finditer(text)}
    found = re.compile(rf"\b({'|'.join(functions)})\b")
    # What is in quotes is data; a quote in it is written '"'"'.
    waiting = [_FUNCTION.sub("", text), _QUOTED.sub("", "\n".join(body).replace("""'"'"'""", ""))]
    needed: set[str] = set()
    while waiting:
        called = set(found.findall(_COMMENT.sub("", waiting.pop()))) - needed
        needed |= called
        waiting += [functions[name] for name in called]
    return _FUNCTION.sub(lambda match: match[0] if match[2] in needed else "", text).rstrip("\n").splitlines()


def _connection(endpoint: Endpoint) -> Iterator[str]:
    yield f"where={shlex.quote(str(endpoint))}"
    yield f"url={shlex.quote(base_url(endpoint))}"
    yield f'docker_api() {{ ${{exec:-}} curl {shlex.join(curl_options(endpoint))} "$@"; }}'


def _target(request: Request) -> str:
    """Return a request's target with the API's version taken out."""
    return re.sub(r"^/v1\.\d+(?=/)", "/v1.<api>", request.target)


def _check(played: Rehearsal) -> None:
    """Raise `UsageError` if a command can't be done by a script."""
    kinds = [kind_of(request) for request in played.all_of("ContainerCreate")]
    for request in played.requests:
        document = document_of(request) or {}
        if document.get("Cmd", [])[:2] == ["--local", "dns-args"] and Kind.USER in kinds:
            raise UsageError(
                "a script can't take the options that --with-dns asks for",
                hint="give it --dns and --dns-search in their stead",
            )
        if route_of(request).name == "ContainerAttach" and ("stdin", "1") in request.query:
            raise UsageError(
                "a script can't write to a container: curl has no way back on a connection", hint="leave -i out"
            )


def _images_in(document: Any) -> list[int]:
    """Return the numbers of the images whose words belong into a create body."""
    words = [*(document.get("Entrypoint") or ()), *(document.get("Cmd") or ())]
    found = (re.fullmatch(r"<(?:entrypoint|command) of image (\d+)>", word) for word in words)
    return sorted({int(match[1]) for match in found if match})


def _quoted(text: str) -> str:
    """Return a text as a word of the shell, with the stand-in's ids and the API's version as variables."""
    patterns = [each.pattern.replace("(", "(?:") for each in (_ID, IMAGE_DIGITS)]
    pieces = re.split(f"({'|'.join(patterns)}|<api>)", text)
    words = []
    for piece in pieces:
        match = _ID.fullmatch(piece)
        if match and container_id(int(match[1])) == piece:
            words.append(f'"$c{int(match[1])}"')
        elif image := IMAGE_DIGITS.fullmatch(piece):
            words.append(f'"$i{int(image[1])}"')
        elif piece == "<api>":
            words.append('"$api"')
        elif piece:
            words.append(shlex.quote(piece))
    return "".join(words) or "''"
