"""The one call that nearly every command is: a throw-away container that runs `weave --local …` on the host.

Create, attach, wait, start, read the output, read the exit code, DELETE. Attach and wait come before start, so
that no output and no exit code can be missed; both answer their heads at once, so one thread is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from signal import Signals
from typing import Any

from weave_http import constants
from weave_http.commands.caller import Caller
from weave_http.commands.containers import create, remove
from weave_http.commands.interrupts import Interrupted
from weave_http.engine.errors import APIError


def executor_config(argv: Sequence[str], environ: Mapping[str, str], image: str) -> dict[str, Any]:
    """Return the create body of an executor container.

    It is what `docker run --rm -v /var/run/docker.sock:/var/run/docker.sock -v /proc:/hostproc
    -e PROCFS=/hostproc --privileged --net=host IMAGE --local ARGV…` sends, but for `AutoRemove`: with an
    explicit DELETE the exit code can't be lost.

    Args:
        argv: command and arguments for the executor.
        environ: the caller's environment; variables of Weave that are set are handed on by name.
        image: reference of the executor's image.
    """
    procfs = environ.get("PROCFS", constants.PROCFS)
    forwarded = [f"{name}={environ[name]}" for name in constants.FORWARDED_VARIABLES if name in environ]
    return {
        "Image": image,
        "Cmd": ["--local", *argv],
        "Env": [f"PROCFS={constants.HOSTPROC}", *forwarded],
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": {
            "Binds": [f"{constants.DOCKER_SOCKET}:{constants.DOCKER_SOCKET}", f"{procfs}:{constants.HOSTPROC}"],
            "NetworkMode": "host",
            "Privileged": True,
        },
    }


def execute(caller: Caller, argv: Sequence[str]) -> int:
    """Run the executor on the host, pass its output on, and return its exit code.

    Args:
        caller: engine, streams and environment.
        argv: command and arguments for the executor, as `["attach", "10.2.1.1/24", "c1"]`.

    Raises:
        EngineError: the daemon refused a call or can't be reached.
        Interrupted: a signal came before the executor ran.
    """
    interrupts = caller.interrupts
    containers = caller.engine.containers
    with interrupts.deferred():
        created = create(caller, executor_config(argv, caller.environ, caller.image))
        try:
            interrupts.check()
            with (
                containers.attach(created.id) as attached,
                containers.wait(created.id, condition="next-exit") as waiter,
            ):
                containers.start(created.id)
                with interrupts.forwarded(lambda number: _signal(caller, created.id, number)):
                    for stream, data in attached:
                        caller.write(stream, data)
                    result = waiter.result()
        finally:
            remove(caller, created.id)
        if interrupts.received and result.code == 0:
            raise Interrupted(interrupts.received)
    return result.code


def _signal(caller: Caller, container: str, number: int) -> None:
    with suppress(APIError):  # it has ended meanwhile, which is what the signal was to bring about
        caller.engine.containers.kill(container, signal=Signals(number).name)
