"""README's first screen, typed as it stands there, on a laptop that knows three fresh hosts by ssh and by TLS."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.hosts.conftest import CACHE, NAMES, PROJECT
from tests.hosts.host import GUEST, Host
from weave_http.constants import DEFAULT_IMAGE
from weave_http.sandbox import Sandbox

STAND_INS = {"nginx": '["httpd", "-f", "-h", "/srv"]', "debian": '["sh"]'}
"""No registry is within reach: images of these names are the guest image, with these commands."""
PROMPT = "/ # "


def blocks() -> list[list[str]]:
    """Return the lines that README's first two blocks have after a `$`, as they stand there."""
    found = re.findall(r"^```\n(.*?)^```$", (PROJECT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return [re.findall(r"^\$ (.*)$", block, re.MULTILINE) for block in found[:2]]


class Laptop:
    """A person's machine: a home with ssh's keys and docker's certificates, the hosts' names, `weave`, a terminal.

    Args:
        home: its folder.
        sandbox: the hosts, which get an sshd each.
    """

    def __init__(self, home: Path, sandbox: Sandbox) -> None:
        hosts = [Host(sandbox, name, unix=True) for name in NAMES]
        tls = sandbox.host("host1").tls_dir
        (home / ".docker").mkdir()
        for name in ("ca.pem", "cert.pem", "key.pem"):
            (home / ".docker" / name).symlink_to(tls / name)
        self._names = home / "hosts"
        self._names.write_text("127.0.0.1 localhost\n" + "".join(f"{host.address} {host.name}\n" for host in hosts))
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / "key")], check=True)
        (home / "bin").mkdir()
        (home / "bin" / "weave").symlink_to(Path(sys.executable).with_name("weave"))
        # The system's ssh takes its files from the user's real home, whatever HOME says.
        options = f"-i {home}/key -o StrictHostKeyChecking=no -o UserKnownHostsFile={home}/known -o LogLevel=ERROR"
        (home / "bin" / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F /dev/null {options} "$@"\n')
        (home / "bin" / "ssh").chmod(0o755)
        for host in hosts:
            serve_ssh(host, (home / "key.pub").read_text())
        self._environ = {
            "HOME": str(home),
            "PATH": f"{home}/bin:{os.environ['PATH']}",
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "XDG_CACHE_HOME": str(CACHE.parent),
        }

    def type(self, line: str, *, then: str = "") -> str:
        """Type a line into a terminal, and return what is to be seen there; it must work.

        Args:
            line: for the shell.
            then: typed into the container that the line starts.
        """
        if line.startswith("export "):
            self._environ |= dict(word.split("=", 1) for word in shlex.split(line, comments=True)[1:])
            return ""
        ours, theirs = pty.openpty()
        with_names = f'mount --bind {self._names} /etc/hosts && exec bash -c "$0"'
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", with_names, line],
            env=self._environ,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        seen, deadline = "", time.monotonic() + 120
        with suppress(OSError):  # EIO: nobody has the terminal open any more
            while time.monotonic() < deadline and (data := os.read(ours, 4096)):
                seen += data.decode(errors="replace")
                if then and PROMPT in seen:
                    os.write(ours, f"{then}; exit\n".encode())
                    then = ""
        os.close(ours)
        assert process.wait(10) == 0, f"{line}\n{seen}"
        return seen


def serve_ssh(host: Host, key: str) -> None:
    """Start an sshd on a host that lets root in with a key; it ends with `end_ssh`."""
    config = (
        "Port 22\nHostKey /run/sshd/key\nAuthorizedKeysFile /run/sshd/authorized\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin prohibit-password\nPidFile /run/sshd/pid\nMaxStartups 100\n"
    )
    host.shell(
        "mkdir -p /run/sshd && cd /run/sshd && ssh-keygen -q -t ed25519 -N '' -f key </dev/null &&"
        f" echo '{key.strip()}' >authorized && printf '%s' '{config}' >config && /usr/sbin/sshd -f /run/sshd/config"
    )


def end_ssh(host: Host) -> None:
    host.try_shell("kill $(cat /run/sshd/pid); rm -r /run/sshd")


@pytest.fixture
def laptop(clean: Sandbox, tmp_path: Path) -> Iterator[Laptop]:
    """A laptop, and hosts without weave's image; they have it again afterwards."""
    hosts = [Host(clean, name, unix=True) for name in NAMES]
    try:
        for host in hosts:
            host.shell(f"docker rmi {DEFAULT_IMAGE}")
            for image, command in STAND_INS.items():
                host.shell(f"docker commit --change 'CMD {command}' $(docker create {GUEST}) {image}")
            host.shell("docker ps -aq | xargs docker rm")
        yield Laptop(tmp_path, clean)
    finally:
        for host in hosts:
            end_ssh(host)
            host.weave("setup", "--from", str(CACHE / "weave.tar"))
            host.weave("reset", "--force")
            host.shell("docker ps -aq | xargs -r docker rm -f")
            host.shell(f"docker rmi {' '.join(STAND_INS)}")


@pytest.mark.parametrize(
    "block", [pytest.param(0, id="many-hosts-at-once"), pytest.param(1, id="host-by-host", marks=pytest.mark.long)]
)
@pytest.mark.not_podman(reason="ssh asks for docker's dial-stdio")
def test_the_first_screen_of_readme_works_as_it_is_typed(laptop: Laptop, block: int) -> None:
    *lines, last = blocks()[block]
    assert len(lines) >= 2
    assert not any(re.search(r"(^|\s)-it\b", line) for line in lines)
    for line in lines:
        laptop.type(line)
    reached = re.search(r"# .*reaches (\S+)$", last)
    assert reached, last
    assert " 0% packet loss" in laptop.type(last, then=f"ping -c 2 -W 5 {reached[1].rstrip('.')}")
