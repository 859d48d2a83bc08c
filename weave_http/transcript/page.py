"""A lesson as one HTML page that needs nothing beside itself: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from weave_http.transcript.diagram import svg
from weave_http.transcript.docker_line import wrapped
from weave_http.transcript.host_steps.step import HostStep
from weave_http.transcript.lesson import Call, Chapter, Lesson
from weave_http.transcript.prose import ACTORS, ANSWER, DOCKER_LINE, ON_THE_HOST, UNNAMED

_DOCKER_WIDTH = 92
STYLE = """
:root { color-scheme: light dark; --ground: #fbfbfa; --ink: #1d2329; --soft: #5d6872; --line: #d5dade;
  --card: #ffffff; --code: #f1f3f4; --accent: #0b64a0; --note: #fff3d6; --note-line: #d9b45a; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14181c; --ink: #e4e8eb; --soft: #9aa6b1; --line: #333c44;
    --card: #1b2126; --code: #10141a; --accent: #6cb6ee; --note: #3a3115; --note-line: #8d742f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font: 600 1.5rem/1.3 ui-monospace, monospace; margin: 0 0 .4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p { margin: .4rem 0; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
code, pre { font: .84rem/1.5 ui-monospace, monospace; }
p code { background: var(--code); padding: .1em .3em; border-radius: 3px; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; margin: .5rem 0;
  white-space: pre-wrap; overflow-wrap: anywhere; }
ol { list-style: none; padding: 0; margin: 0; }
li { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; margin: .8rem 0; }
li.host { border-left: 4px solid var(--note-line); }
a { color: var(--accent); }
.number { color: var(--soft); margin-right: .4rem; }
summary { cursor: pointer; color: var(--soft); }
.picture { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .5rem; margin-top: 1rem; }
svg { display: block; margin: 0 auto; max-width: none; font: 12px ui-monospace, monospace; }
svg text { fill: var(--ink); text-anchor: middle; }
svg .name { font-weight: 600; }
svg .life { stroke: var(--line); stroke-width: 1.5; stroke-dasharray: 2 4; }
svg .actor { fill: var(--code); stroke: var(--soft); }
svg .note { fill: var(--note); stroke: var(--note-line); }
svg .call, svg .answer { stroke: var(--accent); stroke-width: 1.5; }
svg .answer { stroke-dasharray: 5 4; }
svg marker path { fill: var(--accent); }
"""


def as_html(lesson: Lesson) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(lesson.command)}</title><style>{STYLE}</style></head><body><main>"
    yield f"<h1>{escape(lesson.command)}</h1>"
    yield f'<p class="soft">Goes to <code>{escape(lesson.endpoint)}</code> as plain calls to the Docker Engine API.</p>'
    yield f'<p class="soft">{escape(lesson.made_up)}</p>'
    yield f'<div class="picture">{svg(lesson)}</div>'
    number = 0
    for chapter in lesson.chapters:
        yield from _heading(chapter)
        yield "<ol>"
        for call in chapter.calls:
            number += 1
            yield from _call(call, number)
        yield "</ol>"
        if chapter.steps:
            yield f"<h3>{ON_THE_HOST}</h3><ol>"
            for step in chapter.steps:
                yield from _step(step)
            yield "</ol>"
    yield "</main></body></html>"


def _heading(chapter: Chapter) -> Iterator[str]:
    yield f"<h2>{escape(chapter.title)}</h2>"
    if chapter.docker:
        yield f'<p class="soft">{escape(DOCKER_LINE)}</p>{_code(wrapped(chapter.docker, _DOCKER_WIDTH))}'


def _call(call: Call, number: int) -> Iterator[str]:
    name = f'<a href="{escape(call.link)}">{call.route.name}</a>' if call.link else UNNAMED
    yield f'<li><p><span class="number">{number}.</span><strong>{name}</strong></p><p>{_prose(call.text)}</p>'
    yield _code([call.line])
    if call.body:
        yield f"<details open><summary>body</summary>{_code(call.body)}</details>"
    if call.route.answer:
        yield f'<p class="soft">{ANSWER} {escape(call.route.answer)}</p>'
    yield "</li>"


def _step(step: HostStep) -> Iterator[str]:
    yield f'<li class="host"><p><strong>{ACTORS[step.actor]}:</strong> {_prose(step.text)}</p>{_code(step.lines)}</li>'


def _code(lines: Sequence[str]) -> str:
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def _prose(text: str) -> str:
    """Return a sentence with what stands in backticks as code."""
    plain, *rest = escape(text).split("`")
    return plain + "".join(f"<code>{piece}</code>" if index % 2 == 0 else piece for index, piece in enumerate(rest))
