"""A short chaos on three hosts, and an address that moves between them; `make chaos` does both for long."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.chaos.moves import FOLLOWS, Moves
from tests.chaos.player import Player
from tests.chaos.schedule import rounds
from tests.hosts.conftest import NAMES
from tests.hosts.host import Host
from tests.hosts.test_network import joined
from weave_http.sandbox import Sandbox

pytestmark = pytest.mark.not_podman(reason="its service holds a removed container's namespace for a while")
SEED = 341
MOVES = 30


@pytest.fixture
def three(clean: Sandbox) -> list[Host]:
    """The hosts, over their unix sockets, with a mesh."""
    hosts = [Host(clean, name, unix=True) for name in NAMES]
    joined(*hosts)
    return hosts


@pytest.mark.long
def test_an_address_that_moves_is_followed_and_after_failures_there_is_one_network(three: list[Host]) -> None:
    took = Moves(three, seed=SEED).play(MOVES)
    assert max(took) <= FOLLOWS, took
    for host in three:
        host.shell("docker rm -f asker mover")
    print(f"seed {SEED}")
    player = Player(three)
    (steps,) = islice(rounds(SEED, len(three), steps=4, at_once=4), 1)
    player.play(steps)
    player.end()
