"""The main job: a router on each of two hosts, a container on each, and a ping across both ways."""

from __future__ import annotations

from functools import partial

from tests.hosts.host import GUEST, Host, eventually


def main_job(one: Host, two: Host, *flags: str, **variables: str) -> None:
    """Do it, on hosts that have the image.

    Args:
        one: gets the container `c1` with 10.2.1.1, called `c1.weave.local`.
        two: gets `c2` with 10.2.1.2.
        flags: for `launch`.
        variables: for `launch`, as those by which it gets a secret.
    """
    one.weave("launch", *flags, **variables)
    two.weave("launch", *flags, one.address, **variables)
    one.weave("run", "10.2.1.1/24", "--name", "c1", GUEST, "sleep", "3600")
    two.weave("run", "10.2.1.2/24", "--name", "c2", GUEST, "sleep", "3600")
    assert eventually(partial(one.pings, "c1", "10.2.1.2")), one.weave("status", "connections")
    assert two.pings("c2", "10.2.1.1")
    assert eventually(partial(two.pings, "c2", "c1.weave.local")), one.weave("status", "dns")
