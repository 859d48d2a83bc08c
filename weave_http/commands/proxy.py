"""The proxy at the caller: docker clients of this machine speak to a socket here, and a daemon anywhere answers.

Nothing listens on the daemon's host. Containers are joined as by every other command, by the executor.
"""

from __future__ import annotations

import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from weave_http.commands import holder
from weave_http.commands.caller import Caller
from weave_http.commands.perform import perform
from weave_http.commands.signals import Interrupted, Signals
from weave_http.engine import Endpoint, Engine
from weave_http.engine.wire.channel import Channel
from weave_http.engine.wire.contract import Timeouts
from weave_http.engine.wire.dial import dial
from weave_http.errors import HostError
from weave_http.operations.operation import Operation
from weave_http.operations.outcome import Outcome
from weave_http.proxy.home import Visit
from weave_http.proxy.server import MOST_CONNECTIONS, Server
from weave_http.proxy.settings import Settings
from weave_http.records import dataclass, replace
from weave_http.sinks import NOWHERE

SOCKET = "weave.sock"
"""Name of the socket."""
_MOST_FILES = 2 * MOST_CONNECTIONS + 100
"""Each connection takes two descriptors, and there are others."""


def own_path(environ: Mapping[str, str]) -> str:
    """Return the path of the socket unless another one is wished for, in a folder that is the user's alone.

    Args:
        environ: environment variables.

    Raises:
        HostError: somebody else has that folder.
    """
    if environ.get("XDG_RUNTIME_DIR"):
        return os.path.join(environ["XDG_RUNTIME_DIR"], SOCKET)
    folder = os.path.join(tempfile.gettempdir(), f"weave-{os.getuid()}")
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    found = os.lstat(folder)
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077 or not stat.S_ISDIR(found.st_mode):
        raise HostError(f"{folder} is not yours alone", hint="choose another place: --socket PATH")
    return os.path.join(folder, SOCKET)


@dataclass(frozen=True, slots=True)
class _Visit:
    """Implements `weave_http.proxy.home.Visit`."""

    caller: Caller

    @property
    def engine(self) -> Engine:
        return self.caller.engine

    def perform(self, operation: Operation) -> Outcome:
        return perform(self.caller, operation)

    def waiter(self) -> str:
        return holder.provide(self.caller)


class CallersHome:
    """Implements `weave_http.proxy.home.Home` for a daemon that an endpoint names.

    Args:
        caller: environment, endpoint and streams; its engine is not used, as calls come in many threads.
        connect: returns a new client of the daemon, watched as the user wants it.
        watched: whether clients' calls are shown, too.
    """

    def __init__(self, caller: Caller, connect: Callable[[Endpoint], Engine], *, watched: bool) -> None:
        self._caller = caller
        self._connect = connect
        self._watched = watched
        self._ssh = dial(caller.endpoint, Timeouts()) if caller.endpoint.scheme == "ssh" else None
        self._lines = threading.Lock()

    def open(self) -> Channel:
        """See `Home`."""
        if self._ssh is not None:
            return self._ssh.open()
        # A dial goes on with an earlier connection's TLS session, which two threads must not do at once.
        return dial(self._caller.endpoint, Timeouts()).open()

    @contextmanager
    def visit(self) -> Iterator[Visit]:
        """See `Home`."""
        with self._connect(self._caller.endpoint) as engine:
            yield _Visit(replace(self._caller, engine=engine, stdout=NOWHERE, stderr=NOWHERE, signals=Signals()))

    def say(self, line: str) -> None:
        """See `Home`."""
        if self._watched:
            with self._lines:
                self._caller.note(line)

    def close(self) -> None:
        """End what is left of connections to the daemon."""
        if self._ssh is not None:
            self._ssh.close()


def proxy(
    caller: Caller, settings: Settings, path: str, connect: Callable[[Endpoint], Engine], *, watched: bool
) -> int:
    """Serve docker clients until a signal ends it, which is no failure; return an exit code.

    Args:
        caller: environment, endpoint and streams.
        settings: how containers are treated.
        path: of the unix socket; empty for one in a folder of the user's own.
        connect: returns a new client of the daemon.
        watched: whether clients' calls are shown.

    Raises:
        WeaveError: the daemon does not answer, or the socket can't be had.
    """
    caller.engine.ping()
    _allow_files()
    home = CallersHome(caller, connect, watched=watched)
    server = Server(home, settings)
    try:
        path = path or own_path(caller.environ)
        server.listen_unix(path)
        with suppress(Interrupted):  # this is how a server ends
            caller.say(f"export DOCKER_HOST=unix://{path}")
            threading.Event().wait()
    finally:
        server.stop()
        home.close()
    return 0


def _allow_files() -> None:
    """Have as many descriptors as this process may have, as docker does; shells often allow fewer at first."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(_MOST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
