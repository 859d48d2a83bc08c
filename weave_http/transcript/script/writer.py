"""Writes the lines of a script: a piece for each call of the rehearsal, by the kind of the call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from weave_http import __version__, constants
from weave_http.engine.version import NEWEST, OLDEST
from weave_http.engine.wire.contract import Request
from weave_http.errors import EngineError
from weave_http.operations.create_body import NAMELESS
from weave_http.transcript.formats import document_of, file_of, platform_of, require_curl
from weave_http.transcript.masking import Hidden, find, masked, masked_words
from weave_http.transcript.quoting import json_text, sh_word, shown_line
from weave_http.transcript.rehearsal import FileStep, Play, Printed, Sent
from weave_http.transcript.route import Purpose, purpose_of
from weave_http.transcript.routes import route_of, subject_of
from weave_http.transcript.script.library import connection, library
from weave_http.transcript.script.limits import check
from weave_http.transcript.script.rehearsals import Pull, Rehearsals, asks_of_image
from weave_http.transcript.script.secrets import Secrets
from weave_http.transcript.script.variables import Variables, filled_in

StartFailures = Sequence[tuple[int, Sequence[str]]]
"""Exit codes that are only to be told from the words of a daemon's refusal to start, and those words."""


def script(words: Sequence[str], play: Play, start_failures: StartFailures, *, show_secrets: bool) -> str:
    """Return the script for a command.

    Args:
        words: the command as it was typed, after `weave`.
        play: runs it on a stage.
        start_failures: exit codes by the words of the daemon.
        show_secrets: write passwords into the script; else it asks for them in the environment.

    Raises:
        UsageError: a script can't do what the command does.
    """
    return "\n".join(_Script(words, play, start_failures, show_secrets).lines()) + "\n"


class _Script:
    def __init__(self, words: Sequence[str], play: Play, start_failures: StartFailures, show_secrets: bool) -> None:
        self._words = words
        self._start_failures = start_failures
        self._show_secrets = show_secrets
        self._rehearsals = Rehearsals(words, play)
        self._good = self._rehearsals.good
        self._variables = Variables(self._rehearsals.marks)
        self._other = self._good.elsewhere
        for endpoint in (self._good.endpoint, *([self._other] if self._other else [])):
            require_curl(endpoint)
        check(self._good)
        self._secrets = Secrets()
        self._used: set[str] = set()
        self._purposes: dict[str, Purpose] = {}

    def _do(self, function: str, *words: str) -> str:
        """Return a call of a function of the library; the words are the shell's."""
        self._used.add(function)
        return " ".join((function, *words))

    def lines(self) -> Iterator[str]:
        body = list(self._body())
        checks = list(self._checks())
        yield "#!/bin/sh"
        yield f"# {shown_line(['weave', *(self._words if self._show_secrets else masked_words(self._words))])}"
        yield "# as plain calls to the Docker Engine API: same effect, same output, same exit code."
        yield f"# It takes curl and jq. Written by weave {__version__}."
        yield "set -u"
        yield ""
        if self._other is None:
            yield from connection(self._good.endpoint)
        else:
            for name, endpoint in (("here", self._good.endpoint), ("there", self._other)):
                yield f"{name}() {{  # what follows is for this daemon"
                yield from (f"  {line}" for line in connection(endpoint))
                yield f"  api=${{{name}_api:-}}"
                yield "}"
            yield "here"
        yield f"removal={sh_word(self._removal())}"
        yield ""
        yield from library(self._used)
        yield ""
        yield from checks
        yield from body

    def _checks(self) -> Iterator[str]:
        for name in self._secrets:
            missing = self._do("fail", "125", f'"{name} is a secret that is not in this script; set it"')
            yield f'[ -n "${{{name}:-}}" ] || {missing}'
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
        place = "here"
        for event in self._good.events:
            if isinstance(event, Printed):
                yield from self._printed(event)
            elif isinstance(event, FileStep):
                yield from self._file(event)
            else:
                name = route_of(event.request).name
                counts[name] = counts.get(name, 0) + 1
                before, place = place, "there" if event.elsewhere else "here"
                if place != before:
                    yield place
                yield from self._sent(event, name, counts[name])
        yield "left= cidfile=  # what is there now is there to stay"
        if Purpose.USER in self._purposes.values() and not self._prints_id():
            yield self._do("pass_followed")
        yield "exit 0"

    def _sent(self, sent: Sent, name: str, nth: int) -> Iterator[str]:
        """Yield the lines for a request, the nth of its route."""
        request = sent.request
        target, subject = self._variables.target_of(request), subject_of(request)
        container = self._variables.word(subject)
        purpose = self._purposes.get(subject)
        user = purpose is Purpose.USER
        match name:
            case "SystemPingHead":
                yield self._do("negotiate", str(OLDEST[1]), str(NEWEST[1]))
                if self._other:
                    yield f"{'there' if sent.elsewhere else 'here'}_api=$api"
            case "ContainerCreate":
                made = self._purposes[self._rehearsals.marks.container_id(nth)] = purpose_of(request)
                if made is Purpose.VOLUMES:
                    yield self._do("keep", target, self._variables.word(json_text(document_of(request), indent=2)))
                else:
                    yield from self._create(request, nth)
            case "ContainerAttach" if user:
                yield f"terminal={'yes' if self._has_terminal() else ''}"
                yield self._do("follow", target, container)
            case "ContainerAttach":
                yield self._do("attach", target)
            case "ContainerWait":
                yield self._do("follow_exit" if user else "await", target)
            case "ContainerStart" if purpose is Purpose.VOLUMES:
                pass  # `keep` has done it
            case "ContainerStart":
                yield from self._start(target, nth)
                if purpose is Purpose.EXECUTOR and not self._users() and self._is_run():
                    yield self._do("ask_options")
                elif purpose is Purpose.EXECUTOR:
                    passed = self._do("pass_output")
                    yield self._do("hold", passed) if Purpose.USER in self._purposes.values() else passed
            case "ContainerDelete":
                yield self._do("remove", target, container)
                yield from self._after_executor()
            case "ImageCreate":
                pull = self._rehearsals.own_pull(nth)
                yield from self._credentials(pull)
                yield self._do("pull", target, sh_word(pull.before), sh_word(pull.after))
            case "ImageInspect" if self._waits():
                yield from self._image(target, nth)
            case "ImageLoad":
                if file := file_of(request):
                    yield self._do("load", target, sh_word(str(file.resolve())))
                else:
                    yield self._do("pass_on", target)
                    yield from self._naming()
            case "ImageGetAll":
                yield self._do("fetch", target)
            case "ImageInspect" if sent.elsewhere:
                yield self._do("call", "GET", target)
                missing = self._do("fail", "125", sh_word(self._rehearsals.missing_elsewhere()))
                yield f'[ "$status" != 404 ] || {missing}'
                yield self._do("accept", "200")
                yield f"platform=$({self._do('runs_on')})"
            case "ImageInspect":
                yield from self._look(target, nth)
            case "SystemVersion":
                yield self._do("call", "GET", target)
                yield self._do("accept", "200")
                yield from self._fits()
            case _:
                yield self._do("call", request.method, target)

    def _waits(self) -> bool:
        """Tell whether there is the waiter before the user's program."""
        return any(purpose_of(request) is Purpose.VOLUMES for request in self._good.all_of("ContainerCreate"))

    def _has_terminal(self) -> bool:
        return any((document_of(request) or {}).get("Tty") for request in self._good.all_of("ContainerCreate"))

    def _is_run(self) -> bool:
        """Tell whether the command makes a container of the user's own; an executor before it asks for DNS options."""
        return any(purpose_of(request) is Purpose.USER for request in self._good.all_of("ContainerCreate"))

    def _users(self) -> str | None:
        """Return the id of the user's container, if one was made by now."""
        return next((identity for identity, purpose in self._purposes.items() if purpose is Purpose.USER), None)

    def _prints_id(self) -> bool:
        """Tell whether the command ends with the id of the user's container, and does not stay with it."""
        return any(isinstance(event, Printed) and event.text == f"{self._users()}\n" for event in self._good.events)

    def _after_executor(self) -> Iterator[str]:
        """Yield what there is to do once the executor is gone: its exit code is the command's, if it failed."""
        user = self._users()
        if user is None and self._is_run():
            yield self._do("told_options", sh_word(NAMELESS))
            return
        if user is None:
            yield '[ "$result" = 0 ] || exit "$result"'
            return
        target = self._variables.target(f"/v1.0/containers/{user}?{self._removal()}")
        waits = "yes" if self._waits() else ""
        failed = self._do("not_joined", target, self._variables.word(user), f'"{waits}"')
        yield f'[ "$result" = 0 ] || {failed}'
        yield self._do("release")

    def _file(self, step: FileStep) -> Iterator[str]:
        path = sh_word(str(Path(step.path).absolute()))
        if step.action == "reserve":
            yield self._do("reserve", path, sh_word(step.path))
        elif step.action == "fill":
            yield f"printf %s {self._variables.word(step.text)} >{path}"

    def _look(self, target: str, nth: int) -> Iterator[str]:
        """Yield a look at an image of Weave's own; one that is missing is no trouble where another call brings it."""
        pull = self._rehearsals.pull_for("ImageInspect", nth)
        yield self._do("call", "GET", target)
        if pull.request or pull.before:
            yield from self._credentials(pull)
            yield f'[ "$status" != 404 ] || {{ {self._do("pull", self._pulling(pull))}; status=200; }}'
            yield self._do("accept", "200")

    def _fits(self) -> Iterator[str]:
        """Yield the end of the script where the image is for another kind of machine than the daemon says it has."""
        platform = platform_of(self._good.all_of("ImageLoad")[0])
        misfit = self._rehearsals.misfit(platform)
        if misfit is None:
            return
        if platform:
            yield f"platform={sh_word(platform)}"
        yield f"machine=$({self._do('runs_on')})"
        words = filled_in(misfit.words, {misfit.image: '"$platform"', misfit.host: '"$machine"'})
        refused = self._do("fail", str(misfit.code), words)
        yield '[ -z "$platform" ] || [ -z "$machine" ] || [ "$platform" = "$machine" ] \\'
        yield f"  || {refused}"

    def _image(self, target: str, nth: int) -> Iterator[str]:
        """Yield a look at an image: it is pulled where the command does that, and refused where it has no waiter."""
        pull = self._rehearsals.pull_for("ImageInspect", nth)
        yield from self._credentials(pull)
        yield self._do("image", f"i{nth}", target, self._pulling(pull))
        bare = self._rehearsals.without_waiter(nth)
        if bare is not None:
            test = f'.Config.Labels["{constants.WAITER_LABEL}"]'
            refused = self._do("fail", str(bare.exit_code), sh_word(str(bare)))
            yield f"""jq -e '{test}' "$dir/i{nth}" >/dev/null || {refused}"""
        yield f"i{nth}=$({self._do('image_id', f'i{nth}')}) || exit"

    def _pulling(self, pull: Pull) -> str:
        """Return the words that say how a missing image is pulled."""
        return f"{self._variables.target_of(pull.request)} \\\n  {sh_word(pull.before)} {sh_word(pull.after)}"

    def _printed(self, printed: Printed) -> Iterator[str]:
        line = printed.text.removesuffix("\n")
        marks = self._rehearsals.marks
        if any(line == f"WARNING: {marks.placeholder('warning', number + 1)}" for number in range(len(self._purposes))):
            yield self._do("warnings")
            return
        redirection = " >&2" if printed.stream == 2 else ""
        yield f"printf '%s\\n' {self._variables.word(line)}{redirection}"

    def _create(self, request: Request, nth: int) -> Iterator[str]:
        pull = self._rehearsals.pull_for("ContainerCreate", nth)
        document = document_of(request)
        found = [] if self._show_secrets else find(document)
        text = self._variables.word(json_text(masked(document) if found else document, indent=2))
        yield ""
        yield from self._credentials(pull)
        if found:
            steps = [f"setpath({json.dumps(each.path)}; {self._secrets.joined(each)})" for each in found]
            yield f"body=$(printf '%s' {text} | jq {sh_word(' | '.join(steps))})"
        else:
            yield f"body={text}"
        marks = self._rehearsals.marks
        words = [*(document.get("Entrypoint") or ()), *(document.get("Cmd") or ())]
        for number in asks_of_image(words, marks):
            places = [marks.placeholder(kind, number) for kind in ("entrypoint", "command")]
            filled = self._do("filled", f"i{number}", *map(sh_word, places))
            missing = self._do("fail", "125", '"no command specified"')
            yield f"body=$(printf '%s' \"$body\" | {filled}) || {missing}"
        if purpose_of(request) is Purpose.USER and Purpose.EXECUTOR in self._purposes.values():
            filled = self._do("named", sh_word(dict(request.query).get("name", "")))
            yield f"body=$(printf '%s' \"$body\" | {filled})"
        yield self._do("create", self._variables.target_of(request), '"$body"', self._pulling(pull))
        yield f"c{nth}=$id"

    def _naming(self) -> Iterator[str]:
        """Yield what the command does when the daemon loaded the image by another name."""
        naming = self._rehearsals.named_otherwise()
        before, after = self._variables.target(naming.before), self._variables.word(naming.after)
        yield "case $loaded in"
        yield f"  '' | {sh_word(subject_of(naming.asked))}) ;;"
        asked = self._do("call", "GET", self._variables.target_of(naming.asked))
        yield f'  *) {asked}; [ "$status" != 404 ] || {{'
        path = self._do("path_of", '"$loaded"')
        loaded = f'"$({path})"'
        yield f"    {self._do('call', 'POST', before + loaded + after)}"
        yield f"    {self._do('accept', '201')}; }} ;;"
        yield "esac"

    def _credentials(self, pull: Pull) -> Iterator[str]:
        if pull.credentials and self._show_secrets:
            yield f"registry_auth={sh_word(pull.credentials)}"
        elif pull.credentials:
            yield f"registry_auth=${self._secrets.variable(Hidden('REGISTRY_AUTH', pull.credentials))}"

    def _start(self, target: str, nth: int) -> Iterator[str]:
        """Yield the start of a container, with an exit code by the daemon's words if the command has one."""
        codes = [
            (code, signs)
            for code, signs in self._start_failures
            if self._rehearsals.exit_code_of_start(nth, signs[0]) != EngineError.exit_code
        ]
        if not codes:
            yield self._do("start", target)
            return
        yield self._do("call", "POST", target)
        yield f'case $status:$({self._do("message")} | tr "[:upper:]" "[:lower:]") in'
        yield "  204:* | 304:*) ;;"
        for code, signs in codes:
            patterns = " | ".join(f"*{sh_word(sign)}*" for sign in signs)
            told = self._do("fail", str(code), '"$(message)"')
            yield f"  {patterns}) {told} ;;"
        yield f"  *) {self._do('accept', '204')} ;;"
        yield "esac"
