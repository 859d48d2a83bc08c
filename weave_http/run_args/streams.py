"""Which of the container's streams the caller listens to, and the words that it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from weave_http.run_args.draft import Draft
from weave_http.run_args.wrong import BadValue, RunArgumentError

STREAMS = {"stdin": "AttachStdin", "stdout": "AttachStdout", "stderr": "AttachStderr"}


def stream(text: str) -> str:
    """Return the name of a stream."""
    name = text.lower()
    if name not in STREAMS:
        raise BadValue("expected stdin, stdout or stderr")
    return name


def build_streams(draft: Draft) -> None:
    """Set what is attached: nothing with `-d`, what `-a` names, else output and errors; and input with `-i`."""
    chosen = set(draft.texts("attach"))
    if draft.given.get("detach"):
        if chosen:
            raise RunArgumentError("--attach and --detach exclude each other")
        chosen = set()
    else:
        chosen = chosen or {"stdout", "stderr"}
        if draft.given.get("interactive"):
            chosen.add("stdin")
    for name, key in STREAMS.items():
        if name in chosen:
            draft.config[key] = True
    if draft.given.get("interactive"):
        draft.config["OpenStdin"] = True
        if "stdin" in chosen:
            draft.config["StdinOnce"] = True


def is_attached(body: Mapping[str, Any]) -> bool:
    """Tell whether somebody listens."""
    return any(body.get(key) for key in STREAMS.values())


def attached(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the streams that have to be named."""
    chosen = {name for name, key in STREAMS.items() if body.get(key)}
    interactive = bool(body.get("OpenStdin"))
    if not chosen or chosen == {"stdout", "stderr"} | ({"stdin"} if interactive else set()):
        return
    yield from sorted(chosen - ({"stdin"} if interactive and len(chosen) > 1 else set()))


def build_entrypoint(draft: Draft) -> None:
    """Set the program; an empty one resets the image's."""
    draft.config["Entrypoint"] = [draft.given["entrypoint"]]


def entrypoint(body: Mapping[str, Any]) -> list[str]:
    """Return the program; further words of it stand before the command's."""
    return list((body.get("Entrypoint") or [])[:1])
