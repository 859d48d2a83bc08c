"""Plays for minutes, on hosts of its own: `python -m tests.chaos --minutes 10 --seed 1`; or moves an address often.

With WEAVE_TEST_PASSWORD set, the network has that password.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.chaos.moves import FOLLOWS, Moves
from tests.chaos.player import Player, Wrong
from tests.chaos.schedule import rounds
from tests.hosts.host import Host
from tests.hosts.test_network import joined
from weave_http.image import build_guest_image, build_image
from weave_http.sandbox import Sandbox

STATE = Path("/var/lib/weave-chaos")
NAME = "chaos"
SUBNET = "10.97.0.0/16"
CACHE = Path(__file__).parents[2] / "build" / "cache" / "weave-http"
STEPS, AT_ONCE = 6, 4


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="for how long failures are begun (10)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="what is done follows from it")
    parser.add_argument("--hosts", type=int, default=5, help="how many (5)")
    parser.add_argument("--moves", type=int, default=0, help="move an address so many times instead")
    return parser.parse_args(argv)


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """Yield so many hosts, with both images; everything is gone afterwards."""
    CACHE.mkdir(parents=True, exist_ok=True)
    images = (
        build_image(CACHE / "weave.tar", cache=CACHE, report=say).path,
        build_guest_image(CACHE / "guest.tar", cache=CACHE, report=say).path,
    )
    sandbox = Sandbox(state_dir=STATE, name=NAME, subnet=SUBNET)
    sandbox.down()
    try:
        sandbox.up(hosts=count, report=say)
        found = [Host(sandbox, each.name, unix=True) for each in sandbox.hosts()]
        for host in found:
            for image in images:
                host.weave("setup", "--from", str(image))
        yield found
    finally:
        sandbox.down()
        shutil.rmtree(STATE, ignore_errors=True)


def say(line: str) -> None:
    """Tell how far it is."""
    print(line, flush=True)


def play(found: Sequence[Host], seed: int, minutes: float) -> None:
    """Play rounds until the time is over, and then take everything away. Raises `Wrong`."""
    player = Player(found, say)
    until = time.monotonic() + 60 * minutes
    for number, steps in enumerate(rounds(seed, len(found), steps=STEPS, at_once=AT_ONCE), start=1):
        if time.monotonic() > until:
            break
        say(f"round {number}")
        player.play(steps)
    player.end()


def main(argv: Sequence[str]) -> int:
    """Play; return the exit code."""
    options = arguments(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as by Ctrl-C, what was made is taken away
    say(f"seed {options.seed}")
    with hosts(options.hosts) as found:
        joined(*found)
        if options.moves:
            took = sorted(Moves(found, options.seed).play(options.moves))
            say(f"{len(took)} moves: median {median(took):.3f} s, slowest {took[-1]:.3f} s until all hosts followed")
            return 0 if took[-1] <= FOLLOWS else 1
        try:
            play(found, options.seed, options.minutes)
        except Wrong as error:
            say(f"seed {options.seed}: wrong after healing:\n{error}")
            return 1
    say(f"seed {options.seed}: all well")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
