"""`start CIDR… CONTAINER`: start a container that was stopped, and join it to the network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from weave_http.engine.errors import InvalidReference, NotFound
from weave_http.errors import EngineError, ExitCode, HostError
from weave_http.host import joining
from weave_http.host.attach import join
from weave_http.host.host import Host


def run(host: Host, words: list[str]) -> int:
    """Start a container, attach it, and print its name as it was given.

    Raises:
        UsageError: the words are no CIDRs followed by a container.
        WeaveError: it did not work; a container that did not run before doesn't run now.
    """
    return begin(host, words, host.engine.containers.start)


def begin(host: Host, words: list[str], start: Callable[[str], None]) -> int:
    """Have a container started, attach it, and print its name as it was given.

    Args:
        host: where it is.
        words: addresses and the container.
        start: starts it; takes its id.

    Raises:
        WeaveError: it did not work; a container that did not run before doesn't run now.
    """
    wanted = joining.parse(words)
    before = host.container(wanted.container)
    try:
        start(before["Id"])
    except (InvalidReference, NotFound) as error:
        raise HostError(error.message) from error
    try:
        join(host, wanted, host.container(before["Id"]))
    except BaseException:
        if not before["State"]["Running"]:
            with suppress(EngineError):  # the first failure is the one to tell
                host.engine.containers.stop(before["Id"])
        raise
    host.say(wanted.container)
    return ExitCode.OK
