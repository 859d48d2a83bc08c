"""Turns texts of a rehearsal into words of a script: values that only a daemon can know become shell variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from weave_http.engine.wire.contract import Request
from weave_http.records import dataclass
from weave_http.transcript.quoting import sh_word
from weave_http.transcript.standin import Marks

_VERSION = re.compile(r"/v1\.\d+(?=/)")


def filled_in(text: str, variables: Mapping[str, str]) -> str:
    """Return a text as a word of the shell.

    Args:
        text: the text.
        variables: what stands in the text for a variable, and the quoted variable.
    """
    pieces = re.split(f"({'|'.join(map(re.escape, variables))})", text)
    return "".join(variables.get(piece) or sh_word(piece) for piece in pieces if piece)


@dataclass(frozen=True, slots=True)
class Variables:
    """Writes words: `$c1`, `$c2`, … are ids of containers, `$i1`, … of images, `$api` is the API's version.

    Args:
        marks: how ids begin in the rehearsal.
    """

    marks: Marks

    def word(self, text: str) -> str:
        """Return a text as a word of the shell."""
        words, end = [], 0
        for match in self.marks.ids.finditer(text):
            kind, number = ("c", match["container"]) if match["container"] else ("i", match["image"])
            words += [text[end : match.start()], f'"${kind}{int(number)}"']
            end = match.end()
        words.append(text[end:])
        # Every second one is a variable.
        return "".join(each if index % 2 else sh_word(each) for index, each in enumerate(words) if each) or "''"

    def target(self, target: str) -> str:
        """Return a request's target as a word of the shell."""
        version = _VERSION.match(target)
        return f'"/v1.$api"{self.word(target[version.end() :])}' if version else self.word(target)

    def target_of(self, request: Request | None) -> str:
        """Return a request's target as a word of the shell; the empty word for no request."""
        return self.target(request.target) if request else "''"
