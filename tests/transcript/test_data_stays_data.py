"""What is typed or answered never becomes code: scripts and curl lines are run, pages are read, with hostile texts."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transcript.test_quoting import TEXTS
from weave_http.addresses import parse_cidr
from weave_http.commands import Caller, run_container
from weave_http.commands.container_run import START_FAILURE_CODES
from weave_http.engine import Endpoint, Request, connect
from weave_http.engine.address import TLSFiles
from weave_http.engine.errors import InvalidReference
from weave_http.engine.version import NEWEST, version_text
from weave_http.run_args import CreateRequest
from weave_http.transcript import AnswerPrinter, Exchange, FullPrinter, Printer, Stage
from weave_http.transcript.lesson import lesson
from weave_http.transcript.page import as_html
from weave_http.transcript.prose import as_markdown, as_text
from weave_http.transcript.script import script
from weave_http.transcript.watch import ShortAnswer

JSON_TEXTS = TEXTS.filter(lambda text: "\udcff" not in text)
SHELLS = ("dash", "bash")
FAKE_CURL = r"""#!/bin/sh
{ printf '%s\0' "$@"; printf '\036\0'; } >>"$CALLS"
output= code=200 answer='{}' head= created= all=$*
for url; do
  case $url in
    @*) cat "${url#@}" >>"$CALLS.bodies"; printf '\0' >>"$CALLS.bodies" ;;
  esac
  [ "$output" != next ] || output=$url
  [ "$url" != --output ] || output=next
done
case $url in
  *"/containers/create"*) code=201; answer=$(jq -cn '{Id: $ENV.IDENTITY, Warnings: [$ENV.SAID]}') ;;
  *"/start") code=204 ;;
  *"/json") answer='{"Id": "sha256:bbbbbbbbbbbb", "Config": {"Cmd": ["x"], "Labels": {"works.weave.waiter": ""}}}' ;;
  *"/attach"*) answer= ;;
  *"/wait"*) answer='{"StatusCode": 0}' ;;
esac
case $all in *"--request DELETE"*) code=204 ;; esac
case $all in
  *"--dump-header"*) printf 'HTTP/1.1 200 OK\r\n\r\n%s' "$answer" ;;
  *"--head "*) printf 'HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\n\r\n' ;;
  *) [ -z "$output" ] || printf '%s' "$answer" >"$output" ;;
esac
case $all in *"--write-out"*) printf '%s' "$code" ;; esac
"""
"""Answers as a daemon that has everything, and writes down what it was asked."""


class Ran:
    """What came of a text that a shell ran, in a folder of its own, with a curl that only takes notes."""

    def __init__(self, shell: str, text: str, *, said: str = "", identity: str = "c1") -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "bin").mkdir()
            (folder / "work").mkdir()
            (folder / "bin" / "curl").write_text(FAKE_CURL)
            (folder / "bin" / "curl").chmod(0o755)
            calls = folder / "calls"
            calls.touch()
            environ = {
                "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
                "CALLS": str(calls),
                "SAID": said,
                "IDENTITY": identity,
            }
            (folder / "script").write_text(text)
            self.done = subprocess.run(
                [shell, str(folder / "script")],
                cwd=folder / "work",
                env={**environ, "TMPDIR": name, "LC_ALL": "C.UTF-8"},
                capture_output=True,
                timeout=60,
                check=False,
            )
            self.made = sorted(path.name for path in (folder / "work").iterdir())
            self.calls = [call.split("\0")[:-1] for call in calls.read_text().split("\x1e\0")[:-1]]
            bodies = folder / "calls.bodies"
            self.bodies = [json.loads(body) for body in bodies.read_text().split("\0")[:-1]] if bodies.exists() else []
            """The JSON bodies that were sent to create containers."""


def playing(request: CreateRequest) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        with connect(stage.endpoint, watch=lambda _: stage) as engine:
            caller = Caller(engine, stage.stdout, stage.stderr, id_files=stage.files, cold=True)
            run_container(caller, [parse_cidr("10.2.1.1/24")], request)

    return play


def hostile(texts: list[str]) -> CreateRequest:
    """A container with hostile texts in all that a body may have."""
    one, two, three = texts
    config = {
        "Image": "busybox",
        "Cmd": ["sh", "-c", one, two],
        "Env": [f"A={three}", "DB_TOKEN=hunter2" + two],
        "Labels": {one: two},
        "HostConfig": {"Binds": [f"/a{two}:/b"]},
    }
    return CreateRequest(config, "web", warnings=(f"strange: {three}",))


THREE = st.lists(JSON_TEXTS, min_size=3, max_size=3)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=4, deadline=None)
@given(texts=THREE)
def test_a_script_runs_nothing_that_was_typed_and_sends_it_as_it_was(shell: str, texts: list[str]) -> None:
    request = hostile(texts)
    words = ["run", "10.2.1.1/24", "-e", texts[2], "busybox", "sh", "-c", *texts[:2]]
    text = script(words, playing(request), START_FAILURE_CODES, show_secrets=True)
    ran = Ran(shell, text)
    assert (ran.done.returncode, ran.made) == (0, []), ran.done
    made = ran.bodies[1]
    sent = {key: made[key] for key in ("Cmd", "Labels")}
    assert sent == {key: request.config[key] for key in sent}
    assert made["Env"] == ["WEAVE_CIDR=none", *request.config["Env"]]
    assert made["HostConfig"]["Binds"] == request.config["HostConfig"]["Binds"]


@pytest.mark.parametrize("shell", SHELLS)
def test_words_that_look_like_what_stands_for_an_answer_are_sent_as_they_are(shell: str) -> None:
    typed = [
        *("<api>", "<entrypoint of image 1>", "<command of image 1>", "<warning 1>", "<reason>", "loaded-image"),
        *("c0ffee000001".ljust(64, "0"), "1a6e00000100", "$c1", '"$i1"'),
    ]
    request = CreateRequest({"Image": "busybox", "Cmd": typed, "Env": [f"A={word}" for word in typed]}, "web")
    # Also what stood for an answer in an earlier script of the same command.
    first = script(["run"], playing(request), START_FAILURE_CODES, show_secrets=True)
    typed += re.findall(r"<entrypoint of image 1 \w+>", first)[:1]
    ran = Ran(shell, script(["run", *typed], playing(request), START_FAILURE_CODES, show_secrets=True))
    assert ran.done.returncode == 0, ran.done
    assert ran.bodies[1]["Cmd"] == typed
    assert ran.bodies[1]["Env"][1:] == [f"A={word}" for word in typed[:10]]


@pytest.mark.parametrize(
    "words", [["sh", "-c", "echo a\ntouch canary\nb"], ["\ntouch canary\n"], ["'\ntouch canary\n'"]]
)
def test_the_comment_at_the_top_of_a_script_is_a_comment(words: list[str]) -> None:
    request = CreateRequest({"Image": "busybox", "Cmd": words}, None)
    text = script(["run", "10.2.1.1/24", "busybox", *words], playing(request), START_FAILURE_CODES, show_secrets=False)
    assert [line.startswith("#") for line in text.splitlines()[:5]] == [True] * 4 + [False]
    assert text.splitlines()[4] == "set -u"
    assert Ran("dash", text).made == []


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=4, deadline=None)
@given(said=JSON_TEXTS)
def test_a_script_shows_what_a_daemon_says_as_weave_does(shell: str, said: str) -> None:
    from weave_http.printable import printable

    text = script(["run"], playing(CreateRequest({"Image": "busybox"}, None)), START_FAILURE_CODES, show_secrets=False)
    ran = Ran(shell, text, said=said)
    assert (ran.done.returncode, ran.made) == (0, [])
    assert ran.done.stderr.decode() == printable(f"WARNING: {said}") + "\n"


def test_a_daemon_that_gives_no_id_can_add_nothing_to_a_path() -> None:
    text = script(["run"], playing(CreateRequest({"Image": "busybox"}, None)), START_FAILURE_CODES, show_secrets=False)
    for identity in ("../../x?force=1", "a b", "*", "$(touch canary)"):
        ran = Ran("dash", text, identity=identity)
        assert (ran.done.returncode, ran.made, ran.done.stderr.count(b"\n")) == (125, [], 1)
        assert not any(identity in call[-1] for call in ran.calls)


ENDPOINTS = (
    Endpoint("unix", path="/run/it's a\n$(touch canary).sock"),
    Endpoint(
        "tcp",
        host="h",
        port=1,
        base_path="/{a,b}[1-2]",
        tls=TLSFiles(ca="/c a", cert="/a:b\\c", key="/k`touch canary`"),
    ),
)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=["unix", "tls"])
@settings(max_examples=4, deadline=None)
@given(texts=THREE)
def test_curl_lines_run_nothing_and_send_what_was_meant(shell: str, endpoint: Endpoint, texts: list[str]) -> None:
    one, two, three = texts
    body = json.dumps({"Cmd": [one, two], "Labels": {two: three}})
    header = three.replace("\n", " ").replace("\r", " ")
    request = Request("POST", "/v1.45/containers/create", (("name", one),), (("X-Said", header),), body.encode())
    lines: list[str] = []
    show = FullPrinter(lines.append, "curl", endpoint, timed=True, show_secrets=True)
    show(Exchange(request, None, 0.1, failure=f"no\n{three}"))
    ran = Ran(shell, "\n".join(lines))
    assert (ran.done.returncode, ran.made, len(ran.calls)) == (0, [], 1), ran.done
    arguments = ran.calls[0]
    assert json.loads(arguments[arguments.index("--data-raw") + 1]) == json.loads(body)
    assert arguments[arguments.index("--header") + 1] == f"X-Said: {header}"
    assert arguments[-1].endswith(request.target)
    if endpoint.scheme == "unix":
        assert arguments[arguments.index("--unix-socket") + 1] == endpoint.path
    else:
        assert arguments[arguments.index("--cert") + 1] == "/a\\:b\\\\c"


@given(THREE)
def test_lines_of_a_trace_are_lines_and_can_be_seen(texts: list[str]) -> None:
    lines: list[str] = []
    body = json.dumps({"Cmd": texts}).encode()
    request = Request("POST", "/v1.45/containers/create", (("name", texts[0]),), (("X-Said", texts[1]),), body)
    failed = Exchange(request, None, 0.1, failure=texts[2])
    Printer(lines.append, bodies=True, at=texts[1])(failed)
    for form in ("curl", "http", "json"):
        FullPrinter(lines.append, form, Endpoint("unix", path="/x"), timed=True, show_secrets=True)(failed)
    for full in (False, True):
        AnswerPrinter(lines.append, full=full)(ShortAnswer(request, {"message": texts}))
    for line in lines:
        assert line.replace("\n", "").isprintable()
        assert "\n" not in line or line.startswith("curl")


# -- pages -----------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The elements and the texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def explained(texts: list[str]) -> Any:
    words = ["run", "10.2.1.1/24", "-e", texts[2], "busybox", "sh", "-c", *texts[:2]]
    return lesson(words, playing(hostile(texts)), show_secrets=True)


PLAIN = ["a", "b", "c"]


@settings(max_examples=30, deadline=None)
@given(THREE)
def test_a_page_has_the_elements_that_it_always_has(texts: list[str]) -> None:
    text, plain = ("\n".join(as_html(explained(each))) for each in (texts, PLAIN))
    page, usual = Page(text), Page(plain)
    assert (page.tags, page.attributes) == (usual.tags, usual.attributes)
    assert explained(texts).command in "".join(page.words)
    assert text.replace("\n", "").isprintable()


def blocks(lines: list[str]) -> Iterator[str]:
    """The lines of Markdown that are no code."""
    fence = ""
    for line in lines:
        found = re.match(r" *(```+)", line)
        if fence:
            fence = "" if found and line.strip() == fence else fence
        elif found:
            fence = found[1]
        else:
            yield re.sub(r"(`+) ?.*? ?\1(?!`)", "CODE", line)
    assert not fence


@settings(max_examples=30, deadline=None)
@given(THREE)
def test_markdown_and_text_have_the_lines_that_they_always_have(texts: list[str]) -> None:
    told, usual = explained(texts), explained(PLAIN)
    assert list(blocks(list(as_markdown(told)))) == list(blocks(list(as_markdown(usual))))
    for line in [*as_markdown(told), *as_text(told)]:
        assert line.isprintable()
    docker = next(chapter.docker for chapter in told.chapters if chapter.title == "Your container")
    assert docker[-4:] == ("sh", "-c", *texts[:2])


def test_what_is_shown_to_be_pasted_is_one_word_a_word() -> None:
    told = explained(["a\n```\ntouch X", "<b>", "`x`"])
    assert r"$'a\n```\ntouch X'" in "\n".join(as_markdown(told))
    assert html.escape("<b>") in "\n".join(as_html(told))


@pytest.mark.parametrize("image", ["a\nb", "a b", "a\tb", "ü", "a\x1b[1m", "a?x=1", "a#b", "a%2fb"])
def test_an_image_that_is_no_reference_is_refused_in_a_sentence(image: str) -> None:
    with pytest.raises(InvalidReference) as refused:
        playing(CreateRequest({"Image": image}, None))(Stage_())
    assert re.fullmatch(r".* is no image reference; as in busybox:latest", str(refused.value))
    assert str(refused.value).isprintable()


def Stage_() -> Stage:
    from weave_http.transcript.standin import StandIn

    return Stage(StandIn(version_text(NEWEST)))
