"""`setup`, typed on the host itself: have the engine pull the image that belongs to this version."""

from __future__ import annotations

from weave_http.errors import ExitCode
from weave_http.host.host import Host, no_arguments
from weave_http.host.router_container import own_image


def run(host: Host, words: list[str]) -> int:
    """Pull the image, and print its name.

    Raises:
        UsageError: there are arguments.
        EngineError: the registry or the engine refused.
    """
    no_arguments(words)
    image = own_image(host)
    with host.engine.images.pull(image) as steps:
        for _ in steps:
            pass
    host.say(image)
    return ExitCode.OK
