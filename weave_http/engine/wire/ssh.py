"""ssh: the system's own, so that its configuration, keys, agents and jump hosts all count.

As docker does it, `docker system dial-stdio` on the other side connects to the daemon there. Each connection is a
socket pair whose far end is stdin and stdout of an ssh process: to the HTTP side it is a unix socket like any other,
with keep-alive and half-close, no thread copies bytes, and nobody else can reach it. Many requests share a connection.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from weave_http.engine.address import Endpoint
from weave_http.engine.errors import TimedOut, TransportError, Unreachable
from weave_http.engine.wire.channel import Channel

_CONNECT_SECONDS = 30
_PROBE_SECONDS = 30
_SETTLE_SECONDS = 2.0
"""How long a process may take to end whose connection has ended."""
_MAX_WORDS = 4096
_SSH_FAILED = 255
_NO_SUCH_COMMAND = 127


def ssh_command(endpoint: Endpoint) -> list[str]:
    """Return the command whose stdin and stdout are a connection to the daemon.

    Args:
        endpoint: of scheme `ssh`. Without a user or port, ssh's configuration decides; a path is the daemon's socket.
    """
    options = [f"ConnectTimeout={_CONNECT_SECONDS}", f"ServerAliveInterval={_PROBE_SECONDS}"]
    # Never the master of other people's connections: it could not be ended without them.
    command = ["ssh", "-T", *(word for option in [*options, "ControlMaster=no"] for word in ("-o", option))]
    command += ["-l", endpoint.user] if endpoint.user else []
    command += ["-p", str(endpoint.port)] if endpoint.port else []
    daemon = ["--host", shlex.quote(f"unix://{endpoint.path}")] if endpoint.path else []
    return [*command, "--", endpoint.host, "docker", *daemon, "system", "dial-stdio"]


class SSHDial:
    """Implements `dial.Dial` for `ssh://` endpoints.

    Args:
        endpoint: host, and what else ssh should know.
    """

    parallel = 4
    """An sshd of OpenSSH drops callers when ten have not yet said who they are (`MaxStartups`)."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._links: list[_Link] = []
        self._sweeping = threading.Lock()
        self._works = False

    def open(self) -> Channel:
        """Start an ssh process, and return the channel to it."""
        self._sweep()
        # In a thread, which no signal interrupts: between making and keeping, a process or a descriptor is nobody's.
        with ThreadPoolExecutor(1) as maker:
            return maker.submit(self._new_link).result().near

    def close(self) -> None:
        """End the processes."""
        while self._links:
            self._links.pop().end()

    def _new_link(self) -> _Link:
        link = _Link(self._endpoint)
        self._links.append(link)
        return link

    def _sweep(self) -> None:
        """End the processes of connections that were closed."""
        with self._sweeping:
            closed = [link for link in self._links if link.near.fileno() < 0]
            for link in closed:
                self._links.remove(link)
        for link in closed:
            link.end()

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Let ssh say why there was no response, if it knows."""
        try:
            yield
        except TimedOut:
            # Its process ran until we gave it up: how it ended then is our own doing.
            raise
        except TransportError as error:
            for link in list(self._links):
                reason = link.failure(self._endpoint, works=self._works) if link.near.fileno() < 0 else None
                if reason is not None:
                    raise reason from error
            raise
        self._works = True
        for link in self._links:
            link.works()


class _Link:
    """One ssh process and our end of its connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        sock, far = socket.socketpair()
        self.near = Channel(sock)
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by `end`
        self._worked: int | None = None
        with far:
            try:
                # A session of its own: an interrupt of ours is not ssh's, and it can't wait for a password that
                # nobody is asked for.
                self._process = subprocess.Popen(
                    ssh_command(endpoint),
                    stdin=far.fileno(),
                    stdout=far.fileno(),
                    stderr=self._words,
                    start_new_session=True,
                )
            except BaseException as error:
                self.near.close()
                self._words.close()
                if isinstance(error, FileNotFoundError):
                    raise Unreachable(
                        f"{endpoint} needs ssh, which is not installed here", hint="install openssh-client"
                    ) from error
                raise

    def works(self) -> None:
        """The daemon has answered: what was said until now, as by the other side's login scripts, explains nothing."""
        if self._worked is None and self.near.fileno() >= 0:
            self._worked = os.fstat(self._words.fileno()).st_size

    def failure(self, endpoint: Endpoint, *, works: bool) -> Unreachable | None:
        """Return what ssh says about the end of its connection; None if it has nothing to say.

        Args:
            works: whether a daemon has answered there before, on this connection or another.
        """
        try:
            code = self._process.wait(_SETTLE_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        said = self._last_words()
        if works and (code != _SSH_FAILED or not said):
            return None
        if code == _NO_SUCH_COMMAND:
            return Unreachable(
                f"{endpoint} has no docker command: {said}",
                hint="install docker there, or forward its socket with ssh -L",
            )
        if code == _SSH_FAILED:
            return Unreachable(
                f"no connection to {endpoint}: ssh says: {said or 'nothing'}",
                hint=f"does `ssh {endpoint.host}` work without a question?",
            )
        return Unreachable(f"no Docker daemon at {endpoint}: {said}") if code > 0 and said else None

    def _last_words(self) -> str:
        end = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(self._worked or 0, end - _MAX_WORDS))
        lines = [line.strip() for line in self._words.read().decode(errors="replace").splitlines()]
        return next((line.rstrip(".") for line in reversed(lines) if line), "")

    def end(self) -> None:
        """End the process and forget what it said."""
        self.near.close()
        self._process.terminate()
        try:
            self._process.wait(_SETTLE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            # Not for ever: an interrupted wait may have left a lock in it.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_SETTLE_SECONDS)
        self._words.close()
