"""`setup`, typed on the host itself: have the engine pull the image that belongs to this version."""

from __future__ import annotations

from weave_http.host.host import Host
from weave_http.host.router_container import own_image
from weave_http.operations import Operation


def run(host: Host, op: Operation) -> None:
    """Pull the image, and print its name.

    Raises:
        EngineError: the registry or the engine refused.
    """
    image = own_image(host)
    with host.engine.images.pull(image) as steps:
        for _ in steps:
            pass
    host.say(image)
