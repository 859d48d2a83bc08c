"""`weave run --with-dns`: the options by which a container asks Weave's name server, as the host knows them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

from weave_http.commands.caller import Caller
from weave_http.commands.executor import execute


def dns_options(caller: Caller, arguments: Sequence[str]) -> tuple[int, list[str]]:
    """Ask the executor, and return its exit code and options of docker run, as `--dns 172.17.0.1 --dns-search=.`.

    Args:
        caller: engine, streams and environment.
        arguments: docker run's; the executor leaves out what they say themselves.
    """
    said = io.BytesIO()
    code = execute(replace(caller, stdout=said), ["dns-args", *arguments])
    return code, said.getvalue().decode(errors="replace").split()
