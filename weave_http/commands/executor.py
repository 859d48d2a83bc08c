"""The one call that nearly every operation is: a throw-away container that runs `weave --local …` on the host.

Create, attach, wait, start, read the output, read the exit code, DELETE. Attach and wait come before start, so
that no output and no exit code can be missed; both answer their heads at once, so one thread is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from signal import Signals
from typing import Any

from weave_http import constants
from weave_http.commands.caller import Caller
from weave_http.commands.containers import create, pulling, remove
from weave_http.commands.pull import pull_own
from weave_http.commands.signals import Interrupted, Repeating
from weave_http.engine.errors import APIError
from weave_http.errors import UsageError
from weave_http.printable import is_text

ROLE = "executor"
"""Value of the label that tells such a container, for whoever looks for those that were left behind."""


def executor_config(argv: Sequence[str], environ: Mapping[str, str], image: str) -> dict[str, Any]:
    """Return the create body of an executor container.

    It is what `docker run --rm -v /var/run/docker.sock:/var/run/docker.sock -v /proc:/hostproc
    -e PROCFS=/hostproc --privileged --net=host IMAGE --local ARGV…` sends, but for `AutoRemove`: with an
    explicit DELETE the exit code can't be lost. The label is for finding what a caller that was killed has left.

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
        "Labels": {constants.ROLE_LABEL: ROLE},
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
        UsageError: a word is no text.
        EngineError: the daemon refused a call or can't be reached.
        Interrupted: a signal came before the executor ran.
    """
    for word in argv:
        if not is_text(word):
            raise UsageError(f"{word!r} is no UTF-8", hint="words are sent as JSON, which knows nothing else")
    signals, containers = caller.signals, caller.engine.containers
    config = executor_config(argv, caller.environ, caller.image)
    with ExitStack() as scope:
        created = pulling(lambda: create(caller, config, scope), lambda: pull_own(caller))
        try:
            signals.check()
            with (
                containers.attach(created.id) as attached,
                containers.wait(created.id, condition="next-exit") as waiter,
            ):
                containers.start(created.id)
                with signals.under(Repeating(lambda number: _signal(caller, created.id, number))):
                    for stream, data in attached:
                        caller.write(stream, data)
                    result = waiter.result()
        finally:
            remove(caller, created.id)
        if signals.waiting and result.code == 0:
            raise Interrupted(signals.waiting)
    return result.code


def _signal(caller: Caller, container: str, number: int) -> None:
    with suppress(APIError):  # it has ended meanwhile, which is what the signal was to bring about
        caller.engine.containers.kill(container, signal=Signals(number).name)
