"""The functions of a script: how calls are made. Each script has those that it uses, and no others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from weave_http.engine.address import Endpoint
from weave_http.transcript.formats import base_url, curl_options
from weave_http.transcript.quoting import sh_line, sh_word

LIBRARY = Path(__file__).with_name("library.sh")
_FUNCTION = re.compile(r"((?:^#.*\n)*)^(\w+)\(\) \{\n(?:.*\n)*?\}\n\n?", re.MULTILINE)
_COMMENT = re.compile(r"^ *#.*", re.MULTILINE)


def library(used: Collection[str]) -> list[str]:
    """Return the lines of the library without the functions that a script has no use for.

    Args:
        used: names of those that the script's own lines call.
    """
    text = LIBRARY.read_text(encoding="utf-8")
    functions = {match[2]: match[0] for match in _FUNCTION.finditer(text)}
    names = re.compile(rf"\b({'|'.join(functions)})\b")
    needed = set(used)
    waiting = [_FUNCTION.sub("", text), *(functions[name] for name in used)]
    while waiting:
        called = set(names.findall(_COMMENT.sub("", waiting.pop()))) - needed
        needed |= called
        waiting += [functions[name] for name in called]
    return _FUNCTION.sub(lambda match: match[0] if match[2] in needed else "", text).rstrip("\n").splitlines()


def connection(endpoint: Endpoint) -> Iterator[str]:
    """Yield the lines by which calls go to a daemon."""
    yield f"where={sh_word(str(endpoint))}"
    yield f"url={sh_word(base_url(endpoint))}"
    yield f'docker_api() {{ ${{exec:-}} curl {sh_line(curl_options(endpoint))} "$@"; }}'
