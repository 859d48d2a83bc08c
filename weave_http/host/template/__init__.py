"""Go's templates, as far as people write them for `weave report -f`: text with `{{…}}` in it, filled from JSON.

There are field access (`.Router.Name`, `$.Name`), variables, pipes, parentheses, `if`, `range` and `with`, comments,
trim marks, and the functions `json index len print printf eq ne lt le gt ge and or not`. A template comes from outside,
so its size, depth and work are limited.
"""

from __future__ import annotations

from weave_http.host.template.filling import fill
from weave_http.host.template.nodes import TemplateError
from weave_http.host.template.reading import read

__all__ = ["LONGEST", "TemplateError", "render"]

LONGEST = 64 * 1024
"""Characters that a template may have."""


def render(template: str, data: object) -> str:
    """Fill a template.

    Args:
        template: as for Go's text/template.
        data: what JSON can say.

    Raises:
        TemplateError: it can't be done.
    """
    if len(template) > LONGEST:
        raise TemplateError(f"the template is longer than {LONGEST} characters")
    return fill(read(template), data)
