"""`weave run` on a real engine: the interface before the program, the foreground, and what is left when it fails."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tarfile
import termios
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.host import GUEST, Host, eventually
from weave_http import constants
from weave_http.addresses import parse_cidr
from weave_http.commands import Caller, run_container
from weave_http.commands.container_run import ProgramError
from weave_http.engine import connect, resolve_endpoint
from weave_http.image.tree import File
from weave_http.run_args import CreateRequest

LOOK = "ip -o -4 addr show dev ethwe; ip route show 224.0.0.0/4"
"""What a program sees of the network, as the first thing that it does."""
BARE = "bare:latest"


@pytest.fixture
def host(used: Host) -> Host:
    """A host that may have the waiter and the bridge of the test before."""
    return used


def containers(host: Host) -> list[str]:
    """Names of the containers on a host, but for those that hold the waiter."""
    return [
        name
        for name in host.shell("docker ps -a --format '{{.Names}}'").split()
        if not name.startswith(constants.WAITER_VOLUMES)
    ]


def run(host: Host, config: Mapping[str, Any], *, cidr: str = "10.2.1.1/24", **request: Any) -> str:
    """Run a container from a create body; return its id."""
    with connect(resolve_endpoint(host.environ())) as engine:
        made = CreateRequest({"Image": GUEST, **config}, request.pop("name", None), **request)
        outcome = run_container(Caller(engine), [parse_cidr(cidr)], made)
    assert outcome.ok, outcome.err
    return outcome.out.strip()


def output(host: Host, container: str) -> str:
    """What a container wrote, once it has ended."""
    host.shell(f"docker wait {container}")
    return host.shell(f"docker logs {container} 2>&1")


@pytest.mark.usefixtures("fresh")
def test_the_interface_is_there_before_the_program_starts_each_time(host: Host) -> None:
    for number in range(6):
        container = host.weave("run", "--without-dns", f"10.2.1.{number + 1}/24", GUEST, "sh", "-c", LOOK).strip()
        seen = output(host, container)
        assert f"inet 10.2.1.{number + 1}/24" in seen, (number, seen)
        assert "224.0.0.0/4 dev ethwe" in seen, (number, seen)
    volumes = host.shell(f"docker ps -a --filter label={constants.WAITER_VOLUMES} --format '{{{{.Status}}}}'")
    assert [status.split()[:2] for status in volumes.splitlines()] == [["Exited", "(0)"]]


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("way", ["--cold", "--warm"])
def test_the_first_eight_at_once_on_a_host_share_one_waiter_s_volume(host: Host, way: str) -> None:
    if way == "--warm":
        host.weave("launch")

    def first(number: int) -> str:
        words = ("run", "--without-dns", f"10.2.1.{number}/24", GUEST, "sh", "-c", LOOK)
        return host.weave(*(["--cold"] if way == "--cold" else []), *words).strip()

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(first, range(1, 9)))
    for number, container in enumerate(made, start=1):
        assert f"inet 10.2.1.{number}/24" in output(host, container), number
    assert len(host.shell(f"docker ps -aq --filter label={constants.WAITER_VOLUMES}").split()) == 1


@pytest.mark.parametrize(
    "config",
    [
        {"ExposedPorts": {"80/tcp": {}}, "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}},
        {"Hostname": "web", "Domainname": "weave.local"},
        {"User": "1000:1000"},
        {"HostConfig": {"ReadonlyRootfs": True, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"]}},
        {"HostConfig": {"Init": True}},
        {"HostConfig": {"NetworkMode": "none"}},
        {"HostConfig": {"Dns": ["10.0.0.9"]}},
        {"Tty": True, "OpenStdin": True},
        {"Entrypoint": ["/bin/sh", "-c", LOOK], "Cmd": None},
        {"Healthcheck": {"Test": ["CMD", "true"], "Interval": 1_000_000_000}},
    ],
    ids=["publish", "hostname", "user", "read-only", "init", "none", "dns", "tty", "entrypoint", "healthcheck"],
)
def test_it_is_there_whatever_else_the_container_is(host: Host, config: dict[str, Any]) -> None:
    container = run(host, {"Cmd": ["sh", "-c", f"{LOOK}; id -u; hostname; cat /etc/resolv.conf"], **config})
    seen = output(host, container)
    assert "inet 10.2.1.1/24" in seen
    assert "224.0.0.0/4 dev ethwe" in seen
    if "Hostname" in config:
        assert "\nweb\n" in seen
    if "User" in config:
        assert "\n1000\n" in seen
    if "Dns" in config.get("HostConfig", {}):
        assert "10.0.0.9" in seen


@pytest.fixture
def bare(host: Host, images: tuple[Path, Path]) -> Iterator[str]:
    """An image that holds one static program and nothing else."""
    from tests.image.test_real_builds import files

    program = files(images[1])["bin/busybox"]
    assert isinstance(program, File)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("ip")
        member.size, member.mode = len(program.data), 0o755
        archive.addfile(member, io.BytesIO(program.data))
    with connect(resolve_endpoint(host.environ())) as engine:
        changes = ['ENTRYPOINT ["/ip", "-o", "-4", "addr"]', 'CMD ["show", "dev", "ethwe"]']
        with engine.images.import_root([buffer.getvalue()], BARE, changes=changes) as steps:
            list(steps)
        yield BARE
        for each in engine.containers.list(all=True, filters={"ancestor": [BARE]}):
            engine.containers.remove(each["Id"], force=True)
        engine.images.remove(BARE, force=True)


def test_an_image_needs_no_shell_and_its_own_words_are_run(host: Host, bare: str) -> None:
    container = host.weave("run", "--without-dns", "10.2.1.1/24", bare).strip()
    assert "inet 10.2.1.1/24" in output(host, container)
    other = host.weave("run", "--without-dns", "10.2.1.2/24", bare, "show", "dev", "lo").strip()
    assert "127.0.0.1" in output(host, other)


@pytest.mark.usefixtures("fresh")
def test_a_container_that_is_started_again_waits_again(host: Host) -> None:
    host.weave("launch")
    line = f"{LOOK}; echo up; exec sleep 3600"
    host.weave("run", "--without-dns", "10.2.1.1/24", "--name", "c1", "--restart", "always", GUEST, "sh", "-c", line)
    for count in range(1, 4):
        assert eventually(lambda count=count: host.shell("docker logs c1 2>&1").count("up") == count)  # type: ignore[misc]
        if count == 1:
            host.shell("docker restart -t 0 c1")
        elif count == 2:
            assert host.kill("c1")
    seen = host.shell("docker logs c1 2>&1")
    assert seen.count("inet 10.2.1.1/24") == seen.count("224.0.0.0/4") == 3, seen


def test_a_container_ends_quickly_when_told_while_it_waits_and_after(host: Host) -> None:
    program = 'trap "echo bye; exit 7" TERM; echo up; while :; do sleep 0.1; done'
    host.weave("run", "--without-dns", "10.2.1.1/24", "--name", "c1", GUEST, "sh", "-c", program)
    assert eventually(lambda: "up" in host.shell("docker logs c1"))
    host.shell("docker stop -t 60 c1")
    assert host.shell("docker inspect -f '{{.State.ExitCode}}' c1").strip() == "7"
    host.shell("docker start c1")  # without a router nobody attaches it again
    began = time.monotonic()
    host.shell("docker stop -t 60 c1")
    assert time.monotonic() - began < 30
    assert host.shell("docker inspect -f '{{.State.ExitCode}}' c1").strip() == "143"
    assert host.shell("docker logs c1").count("up") == 1


@pytest.mark.usefixtures("fresh")
def test_an_attach_that_fails_leaves_no_container(host: Host) -> None:
    done = host.try_weave("run", "--without-dns", "10.2.1.1/24", "--name", "c1", GUEST, "sleep", "3600", WEAVE_MTU="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "WEAVE_MTU" in done.stderr
    assert containers(host) == []
    assert "vethwe" not in host.left_overs()


@pytest.mark.parametrize(
    ("options", "program", "code"),
    [
        *(([], *each) for each in (("no-such-program", 127), ("/etc", 126), ("/no/such", 127))),
        (["--no-wait"], "no-such-program", 127),
        *((["--foreground"], *each) for each in (("no-such-program", 127), ("/etc", 126))),
    ],
)
def test_a_program_that_can_not_be_run_has_dockers_exit_code(
    host: Host, options: list[str], program: str, code: int
) -> None:
    done = host.try_weave("run", "--without-dns", *options, "10.2.1.1/24", GUEST, program)
    assert (done.returncode, done.stdout) == (code, ""), done
    assert program in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert containers(host) == []


def test_a_container_that_removes_itself_tells_why_it_did_not_start(host: Host) -> None:
    with connect(resolve_endpoint(host.environ())) as engine:
        request = CreateRequest({"Image": GUEST, "Cmd": ["nonsense"], "HostConfig": {"AutoRemove": True}}, None)
        with pytest.raises(ProgramError, match=r"nonsense.*not found") as caught:
            run_container(Caller(engine), [parse_cidr("10.2.1.1/24")], request)
    assert caught.value.exit_code == 127
    assert eventually(lambda: containers(host) == [])


def test_what_ends_at_once_was_on_the_network_all_the_same(host: Host) -> None:
    container = host.weave("run", "--without-dns", "10.2.1.1/24", GUEST, "true").strip()
    assert host.shell(f"docker wait {container}").strip() == "0"


@pytest.mark.usefixtures("fresh")
def test_reset_removes_the_waiters_volume_and_containers_that_use_it_keep_it(host: Host) -> None:
    container = run(host, {"Cmd": ["sh", "-c", "echo up; exec sleep 3600"]}, name="web")
    assert constants.WAITER_VOLUMES in host.left_overs()
    done = host.try_weave("reset")
    assert "wait for the network whenever they start: web; to have them start: weave launch" in done.stderr, done
    assert done.stderr.count("\n") == 1, done
    assert host.left_overs() == ""
    host.shell(f"docker restart -t 0 {container}")
    assert eventually(
        lambda: 'so "sh" waits; on this host: weave launch' in host.shell(f"docker logs {container} 2>&1")
    )
    host.weave("attach", "10.2.1.1/24", container)  # there is no router to do it
    assert eventually(lambda: host.shell(f"docker logs {container}").count("up") == 2)


# -- the foreground --------------------------------------------------------------------------------------


def weave(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "weave_http", *arguments]


def test_a_hundred_megabytes_go_in_and_come_out(host: Host, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 100
    (tmp_path / "in").write_bytes(data)
    with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as sink:
        done = subprocess.run(
            weave(
                "run",
                "--without-dns",
                "--foreground",
                "10.2.1.1/24",
                "-i",
                GUEST,
                "sh",
                "-c",
                "cat; echo end >&2; exit 3",
            ),
            env=host.environ(),
            stdin=source,
            stdout=sink,
            stderr=subprocess.PIPE,
            timeout=240,
            check=False,
        )
    assert (done.returncode, done.stderr) == (3, b"end\n")
    with (tmp_path / "out").open("rb") as sink:
        assert hashlib.file_digest(sink, "sha256").hexdigest() == hashlib.sha256(data).hexdigest()


def test_ctrl_c_is_the_programs(host: Host) -> None:
    program = 'trap "echo int; exit 9" INT; echo up; while :; do sleep 0.1; done'
    with subprocess.Popen(
        weave("run", "--without-dns", "--foreground", "10.2.1.1/24", GUEST, "sh", "-c", program),
        env=host.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (9, b"int\n", b"")


def test_a_terminal_is_asked_for_where_there_is_none(host: Host) -> None:
    done = host.try_weave("run", "--without-dns", "--foreground", "10.2.1.1/24", "-it", GUEST, "sh")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "not a TTY" in done.stderr
    assert containers(host) == []


class Screen:
    """A terminal with `weave` at it."""

    def __init__(self, host: Host, *arguments: str) -> None:
        self.master, terminal = pty.openpty()
        self.resize(40, 100)
        self.before = termios.tcgetattr(terminal)
        self.process = subprocess.Popen(
            weave(*arguments),
            env=host.environ(),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        self.terminal = terminal
        self.seen = b""

    def resize(self, height: int, width: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def shows(self, text: bytes, *, seconds: float = 30) -> bool:
        """Whether a text appears; what came before it is forgotten."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return False
            self.seen += os.read(self.master, 65536)
        self.seen = self.seen.partition(text)[2]
        return True


@contextmanager
def screen(host: Host, *arguments: str) -> Iterator[Screen]:
    """A terminal, and its end."""
    made = Screen(host, *arguments)
    try:
        yield made
    finally:
        with suppress(ProcessLookupError):
            made.process.kill()
        made.process.wait(10)
        os.close(made.master)
        os.close(made.terminal)


def test_a_terminal_has_its_size_raw_keys_and_the_keys_to_leave(host: Host) -> None:
    with screen(host, "run", "--without-dns", "--foreground", "10.2.1.1/24", "--name", "c1", "-it", GUEST, "sh") as tty:
        assert tty.shows(b"# ")
        assert not termios.tcgetattr(tty.terminal)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
        tty.type(b"stty size\r")
        assert tty.shows(b"40 100\r\n")
        tty.resize(50, 120)
        tty.process.send_signal(signal.SIGWINCH)
        assert eventually(lambda: "50 120" in host.shell("docker exec c1 sh -c 'stty size </proc/1/fd/0'"))
        tty.type(b'echo re""ady; sleep 1000\r')
        assert tty.shows(b"ready\r\n")
        assert eventually(lambda: "sleep 1000" in host.shell("docker top c1"))
        tty.type(b"\x03")  # Ctrl-C is the shell's: it is there afterwards
        assert tty.shows(b"# ")
        tty.type(b"\x10\x11")
        assert tty.process.wait(30) == 0
        assert termios.tcgetattr(tty.terminal) == tty.before
    assert host.shell("docker inspect -f '{{.State.Running}}' c1").strip() == "true"


def test_a_shell_at_a_terminal_ends_with_its_exit_code(host: Host) -> None:
    with screen(host, "run", "--without-dns", "--foreground", "10.2.1.1/24", "-it", GUEST, "sh") as tty:
        assert tty.shows(b"# ")
        tty.type(b"exit 5\r")
        assert tty.process.wait(30) == 5
