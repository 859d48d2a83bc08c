"""One table of Docker's routes serves explanations, the stand-in and the tests' daemon; other routes are said so."""

from __future__ import annotations

import json
import re

import pytest

from weave_http.engine import Endpoint, Request, connect
from weave_http.errors import UsageError
from weave_http.transcript import Exchange, FullPrinter, Printer, Stage, StandIn
from weave_http.transcript.lesson import lesson
from weave_http.transcript.page import as_html
from weave_http.transcript.prose import as_markdown, as_text
from weave_http.transcript.route import Route
from weave_http.transcript.routes import ROUTES, UNKNOWN, route_of, subject_of
from weave_http.transcript.script import script

STRANGE = Request("POST", "/v1.45/swarm/init")


def play(stage: Stage) -> None:
    with connect(stage.endpoint, watch=lambda _: stage) as engine:
        engine.send("POST", "/swarm/init").close()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_is_found_by_its_own_path_alone(route: Route) -> None:
    assert route in ROUTES
    path = re.sub(r"\{\w+\}", "x1", route.path)
    assert route_of(Request(route.method, f"/v1.45{path}")) is route


@pytest.mark.parametrize("route", [route for route in ROUTES if route.executor], ids=lambda route: route.name)
def test_a_stand_in_answers_with_the_status_that_is_told(route: Route) -> None:
    path = re.sub(r"\{\w+\}", "x1", route.path)
    answer = StandIn("1.45").send(Request(route.method, f"/v1.45{path}"))
    assert re.search(rf"\b{answer.status}\b", route.answer)


def test_the_subject_of_a_call_is_what_it_was_before_it_became_a_path() -> None:
    assert subject_of(Request("GET", "/v1.45/images/h:1/a%20b/json")) == "h:1/a b"
    assert subject_of(Request("POST", "/v1.45/containers/web/start")) == "web"
    assert subject_of(STRANGE) == ""


@pytest.mark.parametrize("timed", [False, True], ids=["dry run", "trace"])
def test_a_route_that_is_not_in_the_table_is_said_so_in_lines(timed: bool) -> None:
    lines: list[str] = []
    Printer(lines.append, timed=timed)(Exchange(STRANGE, 200, 0.1))
    assert [UNKNOWN in line for line in lines] == [True]
    for form in ("curl", "http"):
        lines.clear()
        FullPrinter(lines.append, form, Endpoint("unix"), timed=timed, show_secrets=False)(Exchange(STRANGE, 200, 0.1))
        assert f"# {UNKNOWN}" in lines
    lines.clear()
    FullPrinter(lines.append, "json", Endpoint("unix"), timed=timed, show_secrets=False)(Exchange(STRANGE, 200, 0.1))
    assert [json.loads(line)["operation"] for line in lines] == [None]


def test_a_route_that_is_not_in_the_table_is_explained_as_such() -> None:
    told = lesson(["x"], play)
    for render in (as_text, as_markdown, as_html):
        assert "table of Docker's routes does not have this one" in "\n".join(render(told)).replace("&#x27;", "'")


def test_a_script_refuses_a_route_that_is_not_in_the_table() -> None:
    with pytest.raises(UsageError, match="POST /swarm/init") as refused:
        script(["x"], play, (), show_secrets=False)
    assert "\n" not in str(refused.value)
