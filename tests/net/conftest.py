from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.descriptors import descriptors
from tests.net.kernel import Space


@pytest.fixture
def spaces() -> Iterator[Callable[[], Space]]:
    """Makes namespaces; all are gone after the test, and no descriptor more is open than before."""
    before = descriptors()
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Space())
    assert descriptors() <= before


@pytest.fixture
def host(spaces: Callable[[], Space]) -> Space:
    """A Docker host: a namespace with an interface to other hosts."""
    space, lan = spaces(), spaces()
    space.run(f"ip link add eth0 type veth peer name eth0 netns {lan.pid}; ip link set eth0 up")
    return space
