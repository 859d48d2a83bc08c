"""`report [-f TEMPLATE]`: all the router knows, as JSON or as a Go template puts it."""

from __future__ import annotations

from weave_http.errors import ExitCode, UsageError
from weave_http.host.host import Host

FLAGS = ("-f", "--format")


def run(host: Host, words: list[str]) -> int:
    """Print the report (`GET /report`).

    Raises:
        UsageError: there are other arguments.
        HostError: there is no router, or it can't make sense of the template.
    """
    template, rest = "", list(words)
    while rest:
        option, equals, value = rest.pop(0).partition("=")
        if option not in FLAGS:
            raise UsageError(f"unexpected argument {option!r}")
        if not equals:
            if not rest:
                raise UsageError(f"option {option!r} needs a value")
            value = rest.pop(0)
        template = value
    text = host.router.report_text(template)
    host.stdout.write(text if text.endswith("\n") else f"{text}\n")
    return ExitCode.OK
