"""A lesson as plain text of at most 80 columns, or as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from weave_http.transcript.docker_line import wrapped
from weave_http.transcript.host_steps.step import HostStep
from weave_http.transcript.lesson import Call, Lesson
from weave_http.transcript.quoting import code_span, fence_for

WIDTH = 80
ACTORS = {"executor": "The executor", "router": "The router"}
ON_THE_HOST = "Meanwhile on the host"
DOCKER_LINE = "docker's command line for it:"
ANSWER = "Answer:"
UNNAMED = "(unknown)"
"""The name of a call that is not in the table of routes."""


def as_text(lesson: Lesson) -> Iterator[str]:
    """Yield the lines of a lesson as plain text."""
    yield from _paragraph(lesson.command, "")
    yield from _paragraph(f"goes to {lesson.endpoint}, as these calls. {lesson.made_up}", "")
    number = 0
    for chapter in lesson.chapters:
        yield ""
        yield chapter.title
        yield "=" * len(chapter.title)
        if chapter.docker:
            yield DOCKER_LINE
            yield from (f"    {line}" for line in wrapped(chapter.docker, WIDTH - 4))
        for call in chapter.calls:
            number += 1
            yield ""
            yield f"{number}. {call.route.name or UNNAMED}"
            yield from _paragraph(call.text, "   ")
            yield from _folded([call.line, *call.body], "       ")
            if call.route.answer:
                yield from _paragraph(f"{ANSWER} {call.route.answer}", "   ")
        if chapter.steps:
            yield ""
            yield ON_THE_HOST
            yield "-" * len(ON_THE_HOST)
        for step in chapter.steps:
            yield ""
            yield from _paragraph(f"{ACTORS[step.actor]}: {step.text}", "   ")
            yield from (f"       {line}" for line in _lines(step))


def as_markdown(lesson: Lesson) -> Iterator[str]:
    """Yield the lines of a lesson as Markdown."""
    yield f"# {code_span(lesson.command)}"
    yield ""
    yield f"Goes to {code_span(lesson.endpoint)}, as these calls. {_literal(lesson.made_up)}"
    number = 0
    for chapter in lesson.chapters:
        yield from ("", f"## {chapter.title}")
        if chapter.docker:
            yield from ("", DOCKER_LINE)
            yield from _fenced("sh", wrapped(chapter.docker, WIDTH))
        for call in chapter.calls:
            number += 1
            yield from ("", f"{number}. {_linked(call)} — {call.text}")
            yield from _fenced("http", [call.line, *([""] if call.body else []), *call.body], "   ")
            if call.route.answer:
                yield from ("", f"   {ANSWER} {_literal(call.route.answer)}")
        if chapter.steps:
            yield from ("", f"### {ON_THE_HOST}")
        for step in chapter.steps:
            yield from ("", f"**{ACTORS[step.actor]}**: {step.text}")
            yield from _fenced("sh", _lines(step))


def _lines(step: HostStep) -> list[str]:
    return [line for item in step.lines for line in item.split("\n")]


def _linked(call: Call) -> str:
    return f"[{call.route.name}]({call.link})" if call.link else UNNAMED


def _fenced(language: str, lines: Sequence[str], indent: str = "") -> Iterator[str]:
    fence = fence_for(lines)
    yield ""
    yield f"{indent}{fence}{language}"
    yield from (f"{indent}{line}" for line in lines)
    yield f"{indent}{fence}"


def _paragraph(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _literal(text: str) -> str:
    """Return a text in which nothing is taken for HTML."""
    return text.replace("<", r"\<")


def _folded(lines: Sequence[str], indent: str) -> Iterator[str]:
    """Yield lines, those that are too long folded: before a word or a part of a query, if there is one near the end."""
    for line in lines:
        rest, margin = line, indent
        while len(margin) + len(rest) > WIDTH:
            width = WIDTH - len(margin)
            cut = max(rest.rfind(mark, width // 2, width) for mark in " &?")
            cut = cut if cut > 0 else width
            yield margin + rest[:cut].rstrip()
            rest, margin = rest[cut:].lstrip(), indent + "    "
        yield margin + rest
