"""`weave up`: from Docker hosts to one network. The image goes to every host, a router starts on each, and they mesh.

It converges: what is there already is left, a router that runs is given the peers it lacks. A host that fails is left
out, and the others become a network without it; when it is back, the same again takes it in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from weave_http.addresses import parse_peer_address
from weave_http.commands import reach
from weave_http.commands.bringing_image import copy, setup
from weave_http.commands.caller import Caller
from weave_http.commands.fleet import Fleet, Result, Work
from weave_http.commands.perform import perform
from weave_http.commands.platform import platform
from weave_http.commands.saved import SavedImages
from weave_http.engine.errors import NotFound
from weave_http.errors import HostError, UsageError
from weave_http.operations.launch import Launch
from weave_http.operations.outcome import Outcome
from weave_http.operations.reading import WAIT_SECONDS, Status
from weave_http.records import replace
from weave_http.sinks import NOWHERE

READERS = 2
"""Copies taken from one host at the same time. Whoever has got the image hands it on, too."""
Bring = Callable[[Caller], Outcome]
"""Brings the image to a host when no other host has it."""
Tell = Callable[[str, str], None]
"""Takes a host's name, and what is the case there now; called in several threads."""
Value = TypeVar("Value")


class StepFailed(HostError):
    """An operation failed on its host; has its exit code, and says why.

    Args:
        outcome: what came of it.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.exit_code = outcome.code


def up(
    fleet: Fleet,
    *,
    flags: Sequence[str] = (),
    wait: int = WAIT_SECONDS,
    bring: Bring = setup,
    tell: Tell = lambda _host, _line: None,
    ended: Callable[[Result[str]], None] = lambda _result: None,
) -> list[Result[str]]:
    """Make one network of Docker hosts, and return what came of each, in the order of the hosts.

    Args:
        fleet: the hosts.
        flags: of `launch`, for routers that don't run yet.
        wait: seconds to wait at most until the routers are connected and data passes between them.
        bring: brings the image to a host when no other one has it.
        tell: told how far each host is.
        ended: called with each host that is done, or has failed.

    Raises:
        UsageError: flags that make no sense; or how other hosts reach some hosts can't be told.
        Interrupted: a signal came. What was done so far stays, and the same again goes on from there.
    """
    where = reach.addresses(fleet.members)
    try:
        Launch.parse(["--if-needed", *flags])
    except UsageError as error:
        raise UsageError(error.message, hint=error.hint or "see `weave launch --help`") from error
    steps = _Steps(fleet, ended)
    with SavedImages() as saved:
        ready = _with_image(steps, saved, bring, tell)

    def peers_of(name: str, among: Sequence[str]) -> list[str]:
        return [where[other] for other in among if other != name and where[other]]

    def launch(name: str, caller: Caller) -> bool:
        outcome = perform(caller, Launch.parse(["--if-needed", *flags, *peers_of(name, ready)]))
        for line in outcome.err.splitlines()[: None if outcome.ok else -1]:
            tell(name, line)
        _check(outcome)
        tell(name, "the router runs")
        return True

    running = list(steps.take({name: partial(launch, name) for name in ready}))

    def connect(name: str, caller: Caller) -> str:
        peers = tuple(map(parse_peer_address, peers_of(name, running)))
        if peers:
            _check(perform(caller, Status(section="targets", wait=wait, peers=peers)))
        return f"connected to {len(peers)} peer{'s' * (len(peers) != 1)}"

    steps.take({name: partial(connect, name) for name in running}, last=True)
    return [steps.results[member.name] for member in fleet.members]


def _check(outcome: Outcome) -> None:
    """Raise `StepFailed` unless an operation was done."""
    if not outcome.ok:
        raise StepFailed(outcome)


class _Steps:
    """Work on hosts, one step after the other; where one fails, the host is done.

    Attributes:
        names: of all hosts.
        results: of the hosts that are done, by name.
    """

    def __init__(self, fleet: Fleet, ended: Callable[[Result[str]], None]) -> None:
        self.names = [member.name for member in fleet.members]
        self.results: dict[str, Result[str]] = {}
        self._fleet = fleet
        self._ended = ended

    def take(self, work: Mapping[str, Work[Value]], *, last: bool = False) -> dict[str, Value]:
        """Take a step, and return what the work returned, by the names of the hosts where it did not fail.

        Args:
            work: what to do, by the names of the hosts; what it prints is dropped, failures apart.
            last: these are done after it, each with the line that its work returns.
        """
        values: dict[str, Value] = {}

        def quiet(each: Work[Value], caller: Caller) -> Value:
            return each(replace(caller, stdout=NOWHERE, stderr=NOWHERE))

        def ended(result: Result[Value]) -> None:
            if result.value is not None:
                values[result.host] = result.value
            if last or result.error is not None:
                line = str(result.value) if result.value is not None else ""
                done = self.results[result.host] = Result(result.host, line, result.error, result.seconds)
                self._ended(done)

        self._fleet.each({name: partial(quiet, each) for name, each in work.items()}, ended=ended)
        return {name: values[name] for name in self.names if name in values}


# -- the image ---------------------------------------------------------------------------------------


def _with_image(steps: _Steps, saved: SavedImages, bring: Bring, tell: Tell) -> list[str]:
    """Make all hosts have the image, and return the names of those that do."""
    have, lack = _Holders(), dict[str, str]()

    def look(name: str, caller: Caller) -> str:
        runs_on = platform(caller.engine.system.version(), "Os", "Arch")
        try:
            caller.engine.images.inspect(caller.image)
        except NotFound:
            lack[name] = runs_on
        else:
            have.add(name, caller, runs_on)
            tell(name, "the image is there")
        return runs_on

    def fetch(name: str, caller: Caller) -> bool:
        begun = time.monotonic()
        with have.lent(lack[name]) as (other, source):
            copy(caller, source.engine, saved)
        have.add(name, caller, lack[name])
        tell(name, f"the image has come from {other} in {time.monotonic() - begun:.1f} s")
        return True

    def first(name: str, caller: Caller) -> bool:
        begun = time.monotonic()
        for line in bring(caller).err.splitlines():
            tell(name, line.removeprefix("weave: "))
        have.add(name, caller, lack[name])
        tell(name, f"the image was brought there in {time.monotonic() - begun:.1f} s")
        return True

    ready = set(steps.take({name: partial(look, name) for name in steps.names})) - set(lack)
    without = [name for name in steps.names if name in lack and not have.has(lack[name])]
    pioneers = {lack[name]: name for name in reversed(without)}
    ready |= set(steps.take({name: partial(first, name) for name in pioneers.values()}))
    others = [name for name in lack if name not in pioneers.values()]
    ready |= set(steps.take({name: partial(fetch if have.has(lack[name]) else first, name) for name in others}))
    return [name for name in steps.names if name in ready]


class _Holders:
    """The hosts that have the image, and how many take it from each at the moment."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers: dict[str, int] = {}
        self._callers: dict[str, tuple[Caller, str]] = {}

    def add(self, name: str, caller: Caller, runs_on: str) -> None:
        """Note that a host has got it."""
        with self._changed:
            self._callers[name] = caller, runs_on
            self._readers[name] = 0
            self._changed.notify_all()

    def has(self, runs_on: str) -> bool:
        """Tell whether any host of a platform has it."""
        return any(each == runs_on for _, each in self._callers.values())

    @contextmanager
    def lent(self, runs_on: str) -> Iterator[tuple[str, Caller]]:
        """Lend the host of that platform that is least busy; wait until one has time."""

        def free() -> list[str]:
            return [
                name for name, (_, each) in self._callers.items() if each == runs_on and self._readers[name] < READERS
            ]

        with self._changed:
            self._changed.wait_for(free)
            name = min(free(), key=self._readers.__getitem__)
            self._readers[name] += 1
        try:
            yield name, self._callers[name][0]
        finally:
            with self._changed:
                self._readers[name] -= 1
                self._changed.notify_all()
