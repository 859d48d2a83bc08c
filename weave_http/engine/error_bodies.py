"""Error answers in words for people.

A daemon puts its reason into JSON (`{"message": …}`), in a few places into plain text; a proxy between answers with a
page of HTML. Whatever it is becomes one line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from weave_http.engine.endpoint import use_tls
from weave_http.engine.errors import APIError, Conflict, TLSFailure, api_error
from weave_http.engine.version import refused_version
from weave_http.errors import EngineError

_MAX_WORDS = 400
"""Characters of a message; a longer one is not read by anybody."""
_TAKEN_ON_PODMAN = ": that name is already in use"
_PLAIN_TO_TLS = ("HTTP request to an HTTPS server", "plain HTTP request was sent to HTTPS port")


def problem(status: int, headers: Mapping[str, str], body: bytes, *, call: str, where: str) -> EngineError:
    """Return the exception for an answer with an error status.

    Args:
        status: 300 or more.
        headers: the answer's, names in lower case.
        body: the answer's, or its beginning.
        call: method and path of the request.
        where: the daemon, as a person knows it.
    """
    text = body.decode(errors="replace")
    if status == 400 and any(mark in text for mark in _PLAIN_TO_TLS):
        return TLSFailure(f"{where} speaks TLS and was spoken to without", hint=use_tls(where))
    words = _words(text, headers.get("content-type", ""))
    if status == 400 and words.startswith("client version ") and "API version" in words:
        return refused_version(words, where)
    if status == 500 and words.endswith(_TAKEN_ON_PODMAN):
        return Conflict(status, words, call=call)
    if words:
        return api_error(status, words, call=call)
    return _wordless(status, headers, call, where)


def _wordless(status: int, headers: Mapping[str, str], call: str, where: str) -> APIError:
    answer = f"{where} answered {call} with {_status_text(status)}"
    if 300 <= status < 400:
        target = headers.get("location", "")
        return api_error(status, f"{answer} to {shorten(target)!r}, which is not followed", call=call)
    return api_error(status, f"{answer} and no reason", call=call)


def _status_text(status: int) -> str:
    from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _words(text: str, content_type: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        # Podman adds the root `cause` to the same `message`.
        message = value.get("message")
        if isinstance(message, str) and message.strip():
            return shorten(message)
    if "html" in content_type or text.lstrip()[:9].lower().startswith(("<!doctype", "<html")):
        return _page_words(text)
    return shorten(text)


def _page_words(page: str) -> str:
    """Return what a page of HTML says, without its markup."""
    import html
    import re

    title = re.search(r"<title[^>]*>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
    bare = re.sub(r"<(script|style|title)\b.*?</\1>|<[^>]*>", " ", page, flags=re.IGNORECASE | re.DOTALL)
    said = shorten(html.unescape(title.group(1) if title and title.group(1).strip() else bare), 120)
    return f"not the daemon but a proxy or web server answered: {said}" if said else ""


def shorten(text: str, limit: int = _MAX_WORDS) -> str:
    """Return a text as one line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
