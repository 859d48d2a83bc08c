"""A real sshd on loopback, with keys, a port and a `docker` of its own; nothing of the system's ssh is touched.

Where the connection itself is not what is looked at, an `ssh` that makes none stands in for it: it needs a tenth of the
time.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from weave_http.engine.address import Endpoint
from weave_http.records import dataclass

_SERVER = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))

_DOCKER = f"""#!{sys.executable} -IS
# What `docker system dial-stdio` does: stdin and stdout become a connection to the daemon.
import os, socket, sys, threading

args = sys.argv[1:]
path = open(os.path.join(os.path.dirname(__file__), "default")).read()
if args[0] == "--host":
    path = args[1].removeprefix("unix://")
    args = args[2:]
assert args == ["system", "dial-stdio"], args
sock = socket.socket(socket.AF_UNIX)
try:
    sock.connect(path)
except OSError:
    print(f"Cannot connect to the Docker daemon at unix://{{path}}. Is the docker daemon running?", file=sys.stderr)
    sys.exit(1)

def upload():
    while data := os.read(0, 65536):
        sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)

threading.Thread(target=upload, daemon=True).start()
while data := sock.recv(65536):
    while data:
        data = data[os.write(1, data):]
os._exit(0)
"""


@dataclass(frozen=True)
class SSHServer:
    """The server, and what a client needs.

    Args:
        folder: everything is in it.
        port: on 127.0.0.1.
    """

    folder: Path
    port: int

    @property
    def client_path(self) -> str:
        """A folder for the beginning of PATH: its `ssh` is the system's with the configuration of the test."""
        return str(self.folder / "client")

    def endpoint(self, path: str = "", user: str = "") -> Endpoint:
        return Endpoint("ssh", host="127.0.0.1", port=self.port, path=path, user=user, source="DOCKER_HOST")

    def default_socket(self, path: str) -> None:
        """Say which socket the remote `docker` takes when it is told none."""
        (self.folder / "server" / "default").write_text(path)


def stand_in(folder: Path) -> None:
    """Make an `ssh` in a folder that becomes what it was to run over there: whoever ends it, ends all of it."""
    _script(folder / "docker", _DOCKER)
    (folder / "default").write_text("/nowhere.sock")
    _script(
        folder / "ssh",
        f'#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift 2\nPATH="{folder}:$PATH"; exec sh -c "exec $*"\n',
    )


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[SSHServer]:
    """Run sshd for the user who runs the tests."""
    if _SERVER is None or shutil.which("ssh") is None:
        pytest.fail("needs openssh-server and openssh-client: .ci/setup-tools installs them")
    for name in ("client", "server"):
        (folder / name).mkdir()
    for name in ("host", "user", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = SSHServer(folder, port)
    _script(folder / "server" / "docker", _DOCKER)
    server.default_socket("/nowhere.sock")
    (folder / "authorized_keys").write_text((folder / "user.pub").read_text())
    host_key = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    client_options(server)
    _script(folder / "client" / "ssh", f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\n"
        "StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPidFile none\nMaxStartups 500\nLogLevel ERROR\n"
        f"SetEnv PATH={folder}/server\n"
    )
    with _privilege_separation(), _running(server):
        yield server


def client_options(server: SSHServer, key: str = "user", known_hosts: str = "known_hosts") -> None:
    """Write the client's configuration."""
    folder = server.folder
    (folder / "ssh_config").write_text(
        f"User {getpass.getuser()}\nIdentityFile {folder}/{key}\nIdentitiesOnly yes\nIdentityAgent none\n"
        f"UserKnownHostsFile {folder}/{known_hosts}\nGlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\n"
        "BatchMode yes\n"
    )


@contextlib.contextmanager
def _running(server: SSHServer) -> Iterator[None]:
    assert _SERVER is not None
    with open(server.folder / "log", "wb") as log:
        process = subprocess.Popen([_SERVER, "-D", "-e", "-f", str(server.folder / "sshd_config")], stderr=log)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", server.port), 1).close()
                break
            except ConnectionRefusedError:
                words = (server.folder / "log").read_text()
                assert process.poll() is None, f"sshd does not start: {words}"
                assert time.monotonic() < deadline, f"sshd does not listen: {words}"
                time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def _privilege_separation() -> Iterator[None]:
    """Give sshd the folder that the system's service would have made; who uses it last takes it away again."""
    folder, ours = Path("/run/sshd"), Path("/run/sshd/of-tests")
    if os.getuid() != 0:
        yield
        return
    with _locked(folder.parent):
        if not folder.exists():
            folder.mkdir(mode=0o755)
            ours.touch()
        users = os.open(folder, os.O_RDONLY)
        fcntl.flock(users, fcntl.LOCK_SH)
    try:
        yield
    finally:
        with _locked(folder.parent), contextlib.suppress(BlockingIOError):  # somebody else uses it still
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if ours.exists():
                ours.unlink()
                folder.rmdir()
        os.close(users)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Be the only one of all test processes in here."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
