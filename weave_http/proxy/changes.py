"""The calls that the proxy looks at: what is asked and done beside them, on the daemon and on its host."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any

from weave_http import constants
from weave_http.addresses import Wanted, parse_cidr
from weave_http.engine import Engine
from weave_http.engine.containers import Condition
from weave_http.engine.errors import APIError, InvalidReference, NotFound
from weave_http.errors import EngineError, HostError, WeaveError
from weave_http.operations import Attach, DnsArgs, Ps
from weave_http.operations.create_body import WAITER_FAILURES, WAITER_SAYS, Names
from weave_http.operations.outcome import Outcome
from weave_http.proxy import rewriting
from weave_http.proxy.home import Home, Visit
from weave_http.proxy.joining import spread, wanted
from weave_http.proxy.settings import Settings
from weave_http.run_args import RunArgumentError

_LOG_LINES = 20


class Refused(EngineError):
    """What the client is told instead of the daemon's answer.

    Args:
        status: of the response.
        message: why.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def refused(error: WeaveError) -> Refused:
    """Return what a client is told of a failure: the daemon's own words where it was the daemon's."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, APIError):
        return Refused(error.status, str(error.message))
    wrong = isinstance(error, RunArgumentError) or not isinstance(error, (EngineError, HostError))
    return Refused(400 if wrong else 500, f"weave: {error}")


class Changes:
    """What is changed of calls.

    Args:
        home: of the proxy.
        settings: how containers are treated.
    """

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings

    def create(self, data: bytes, name: str) -> bytes | None:
        """Return the body of a create call as it goes to the daemon; None for one that is left as it is.

        Args:
            data: as the client sent it.
            name: that the client chose for the container, or empty.

        Raises:
            WeaveError: the container can't be made so that it joins.
        """
        body = rewriting.check(_read(data))
        with self._home.visit() as visit:
            image = self._image(visit, body)
            if wanted(body, (image or {}).get("Config") or {}, default=self._settings.default) is None:
                self._say("the container is left alone: it does not ask for the network")
                return None
            if image is None:
                # The engine says so in its own words. If it has the image by now, the container must not run unjoined.
                return json.dumps({**body, "Entrypoint": [constants.WAITER, *body["Entrypoint"]]}).encode()
            names = self._names(visit) if self._settings.dns else None
            in_one = visit.engine.is_podman
            changed = rewriting.created(body, name, image, visit.waiter(), names, self._settings, in_one=in_one)
        self._say(f"Entrypoint begins with {constants.WAITER}, which waits for the network")
        self._say(f"HostConfig.VolumesFrom: {changed['HostConfig']['VolumesFrom'][-1]}, which has {constants.WAITER}")
        if names is not None:
            self._say(f"HostConfig.Dns begins with {names.address}, the router")
            if changed.get("Hostname") and not body.get("Hostname"):
                domain = "" if in_one else f", Domainname: {names.domain}"
                self._say(f"Hostname: {changed['Hostname']}{domain}")
        return json.dumps(changed).encode()

    def exec(self, data: bytes, container: str) -> bytes | None:
        """Return the body of an exec-create call, with the waiter if the container has it; else None."""
        body = _read(data)
        with self._home.visit() as visit:
            waits = rewriting.has_waiter(visit.engine.containers.inspect(container))
        if not waits or not isinstance(body, dict):
            return None
        self._say(f"Cmd begins with {constants.WAITER}: it waits for the network, too")
        return json.dumps(rewriting.exec_waiting(body)).encode()

    def start(self, container: str, begin: Callable[[], bool], *, again: bool) -> None:
        """Have a container started, and join it, or end it.

        Args:
            container: name or id.
            begin: starts it, and returns whether it did.
            again: it may run already, as with a restart.

        Raises:
            Refused: it can't be joined, and does not run; or its program can't be run.
        """
        with self._home.visit() as visit, ExitStack() as scope:
            try:
                found = visit.engine.containers.inspect(container)
            except APIError:
                found = {}  # the engine's own answer to the start says so
            addresses = wanted(spread(found), default=self._settings.default) if rewriting.has_waiter(found) else None
            if addresses is None:
                begin()
                return
            ending = None
            if not again:
                vanishes = (found.get("HostConfig") or {}).get("AutoRemove")
                condition: Condition = "removed" if vanishes else "next-exit"
                ending = scope.enter_context(visit.engine.containers.wait(found["Id"], condition=condition))
            if not begin():
                return
            try:
                outcome = self._attach(visit, addresses, found["Id"])
                if outcome.ok:
                    return
                why = outcome.reason
            except WeaveError as error:
                why = str(error)
            with suppress(EngineError):  # it has ended by itself
                visit.engine.containers.kill(found["Id"])
            if ending is not None:
                _check_program(visit.engine, found["Id"], ending.result().code)
            name = str(found.get("Name", "")).removeprefix("/")
            raise Refused(500, f"weave: container {name} can't join the network, so it does not run: {why}")

    def inspect(self, data: bytes) -> bytes | None:
        """Return the answer to inspect with the network's addresses; None if the container is not on it."""
        found = _read(data)
        if not isinstance(found, dict) or not (found.get("State") or {}).get("Running"):
            return None
        with self._home.visit() as visit:
            outcome = visit.perform(Ps((str(found.get("Id", "")),)))
        fields = outcome.out.split()
        if not outcome.ok or len(fields) < 3:
            return None
        _, mac, *addresses = fields
        return json.dumps(rewriting.inspected(found, mac, list(map(parse_cidr, addresses)))).encode()

    def _image(self, visit: Visit, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what the engine says of a container's image; None if there is none."""
        try:
            return visit.engine.images.inspect(str(body.get("Image") or ""))
        except (NotFound, InvalidReference):
            return None

    def _attach(self, visit: Visit, addresses: tuple[Wanted, ...], container: str) -> Outcome:
        operation = Attach(addresses, container, dns=self._settings.dns, rewrite_hosts=self._settings.rewrite_hosts)
        outcome = visit.perform(operation)
        if outcome.ok:
            self._say(f"the container has joined, so that its program starts: {' '.join(outcome.out.split())}")
        return outcome

    def _names(self, visit: Visit) -> Names | None:
        outcome = visit.perform(DnsArgs(()))
        if not outcome.ok:
            raise HostError(outcome.reason)
        return Names.of(outcome.out.split())

    def _say(self, line: str) -> None:
        self._home.say(f"  weave: {line}")


def _check_program(engine: Engine, container: str, code: int) -> None:
    """Raise `Refused` in the words of docker's runtime if a container ended because its program can't be run."""
    if code not in WAITER_FAILURES:
        return
    said = ""
    with suppress(EngineError), engine.containers.logs(container, tail=_LOG_LINES) as log:
        lines = b"".join(data for _, data in log).decode(errors="replace").splitlines()
        said = next((line for line in reversed(lines) if line.startswith(WAITER_SAYS)), "")
    # By these words docker's command line chooses its exit code.
    words = {126: "permission denied", 127: "executable file not found in $PATH"}.get(code, "weave can't wait")
    said = said.removeprefix("weave: ").rstrip() or f"exec: {words}"
    raise Refused(400, said if words in said else f"{said}: {words}")


def _read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RunArgumentError("the body is no JSON") from error
