"""Error answers become one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.engine.error_bodies import problem, shorten
from weave_http.engine.errors import APIError, Conflict, NotFound, TLSFailure
from weave_http.errors import EngineError, ExitCode

CALL, WHERE = "GET /info", "tcp://h:2375 (DOCKER_HOST)"


def told(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> EngineError:
    return problem(status, {"content-type": content_type, **headers}, body, call=CALL, where=WHERE)


@pytest.mark.parametrize(
    ("body", "content_type", "line"),
    [
        (b'{"message":"No such container: x"}\n', "application/json", "No such container: x"),
        (b'{"message":"two\\nlines  here"}', "application/json", "two lines here"),
        (b'{"cause":"c","message":"Podman says","response":404}', "application/json", "Podman says"),
        (b'{"message":"labelled wrongly"}', "text/plain", "labelled wrongly"),
        (b"plain words\n", "text/plain; charset=utf-8", "plain words"),
        (b'{"error":"x"}', "application/json", '{"error":"x"}'),
        (b'{"message":', "application/json", '{"message":'),
        (
            b"<html><body><h1>Busy &amp; tired</h1></body></html>",
            "text/html",
            "not the daemon but a proxy or web server answered: Busy & tired",
        ),
        (b"<!DOCTYPE html><title>Oops</title>x", "", "not the daemon but a proxy or web server answered: Oops"),
        (b"\xff\xfe", "text/plain", "\ufffd\ufffd"),
    ],
)
def test_the_reason_is_told(body: bytes, content_type: str, line: str) -> None:
    assert str(told(500, body, content_type)) == line


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFound), (409, Conflict), (400, APIError), (500, APIError), (301, APIError)]
)
def test_the_status_chooses_the_exception(status: int, kind: type[APIError]) -> None:
    error = told(status, b'{"message":"x"}')
    assert type(error) is kind
    assert isinstance(error, APIError)
    assert (error.status, error.call, error.exit_code) == (status, CALL, ExitCode.ENGINE)


@pytest.mark.parametrize(
    ("status", "headers", "line"),
    [
        (500, {}, f"{WHERE} answered {CALL} with 500 Internal Server Error and no reason"),
        (599, {}, f"{WHERE} answered {CALL} with 599 and no reason"),
        (302, {"location": "/login"}, f"{WHERE} answered {CALL} with 302 Found to '/login', which is not followed"),
    ],
)
def test_without_a_reason_call_and_status_are_told(status: int, headers: dict[str, str], line: str) -> None:
    assert str(told(status, b" \n", **headers)) == line


@pytest.mark.parametrize(
    "words",
    [
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>",
    ],
)
def test_a_tls_port_that_was_spoken_to_without_is_recognised(words: bytes) -> None:
    error = told(400, words, "text/html")
    assert isinstance(error, TLSFailure)
    assert str(error).startswith(f"{WHERE} speaks TLS and was spoken to without; set DOCKER_TLS_VERIFY")


@given(st.binary(max_size=2000), st.integers(min_value=300, max_value=599), st.sampled_from(["", "text/html", "x"]))
def test_any_answer_becomes_one_short_line(body: bytes, status: int, content_type: str) -> None:
    line = str(told(status, body, content_type))
    assert line.strip()
    assert "\n" not in line
    assert len(line) < 700


def test_texts_are_shortened_to_one_line() -> None:
    assert shorten(" a\n\tb ") == "a b"
    assert shorten("x" * 20, 10) == "x" * 9 + "…"


def test_podmans_word_for_a_name_that_is_taken_is_a_conflict() -> None:
    body = b'{"cause":"that name is already in use","message":"container create: x: that name is already in use"}'
    assert isinstance(told(500, body), Conflict)
    assert not isinstance(told(500, b'{"message":"the port is already in use"}'), Conflict)
