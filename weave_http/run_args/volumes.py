"""`--volume` and `--tmpfs`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from weave_http.run_args.draft import Draft
from weave_http.run_args.wrong import BadValue


def volume(text: str) -> str:
    """Check `target`, `source:target` or `source:target:options`; what the options mean is the daemon's to say."""
    parts = text.split(":")
    if not all(parts):
        raise BadValue("an empty part: expected [source:]target[:options]")
    if len(parts) > 3:
        raise BadValue("too many colons: expected [source:]target[:options]")
    return text


def build(draft: Draft) -> None:
    """Put volumes with a source into `Binds`, those without into `Volumes`; the same twice counts once."""
    binds: dict[str, None] = {}
    anonymous: dict[str, dict[str, str]] = {}
    for text in draft.texts("volume"):
        source, colon, rest = text.partition(":")
        if colon:
            binds[f"{draft.absolute(source, '--volume')}:{rest}"] = None
        else:
            anonymous[text] = {}
    if anonymous:
        draft.config["Volumes"] = anonymous
    if binds:
        draft.host["Binds"] = list(binds)


def volumes(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield volumes as `--volume` takes them."""
    yield from body.get("Volumes") or ()
    yield from (body.get("HostConfig") or {}).get("Binds") or ()


def tmpfs(text: str) -> tuple[str, str]:
    """Return path and options of `path[:options]`."""
    path, _, options = text.partition(":")
    return path, options


def all_tmpfs(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield file systems in memory as `--tmpfs` takes them."""
    for path, options in ((body.get("HostConfig") or {}).get("Tmpfs") or {}).items():
        yield f"{path}:{options}" if options else path
