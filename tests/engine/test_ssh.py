"""ssh endpoints, over a real sshd on loopback; what holds for every transport is in the contract's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.descriptors import descriptors
from tests.engine.sshd import SSHServer, client_options
from tests.engine.test_contract import eventually
from tests.fake_engine import FakeEngine
from weave_http.engine import Endpoint, connect, resolve_endpoint
from weave_http.engine.errors import ProtocolError, Unreachable
from weave_http.engine.wire.ssh import ssh_command
from weave_http.errors import ExitCode


def failure(endpoint: Endpoint) -> str:
    """Return the one line with which a first call fails."""
    before = descriptors()
    with connect(endpoint) as engine, pytest.raises(Unreachable) as raised:
        engine.system.info()
    text = str(raised.value)
    raised.value.__traceback__ = None
    assert raised.value.exit_code == ExitCode.ENGINE
    assert "\n" not in text
    assert str(endpoint) in text
    del raised
    assert eventually(lambda: descriptors() <= before)
    return text


def command(text: str) -> list[str]:
    return ssh_command(resolve_endpoint({"DOCKER_HOST": text}))[8:]


def test_ssh_is_told_what_the_address_says_and_nothing_else() -> None:
    whole = ssh_command(resolve_endpoint({"DOCKER_HOST": "ssh://box"}))
    assert whole[:8] == [
        *("ssh", "-T", "-o", "ConnectTimeout=30", "-o", "ServerAliveInterval=30", "-o", "ControlMaster=no")
    ]
    dial = ["docker", "system", "dial-stdio"]
    assert whole[8:] == ["--", "box", *dial]
    assert command("ssh://me@box:2222/") == ["-l", "me", "-p", "2222", "--", "box", *dial]
    assert command("ssh://[fd00::1]:22") == ["-p", "22", "--", "fd00::1", *dial]
    assert command("ssh://box/run/x.sock") == [
        *("--", "box", "docker", "--host", "unix:///run/x.sock", "system", "dial-stdio")
    ]
    assert command("ssh://us%65r%40x@b%C3%BCcher/run/docker%2esock") == [
        *("-l", "user@x", "--", "bücher", "docker", "--host", "unix:///run/docker.sock", "system", "dial-stdio")
    ]
    assert "'unix:///a b;reboot'" in ssh_command(Endpoint("ssh", host="box", path="/a b;reboot"))


def test_without_a_path_the_docker_command_over_there_decides(ssh: SSHServer, socket_path: Path) -> None:
    ssh.default_socket(str(socket_path))
    with FakeEngine(socket_path) as fake, connect(ssh.endpoint()) as engine:
        assert engine.system.info()["ID"] == "FAKE"
        assert engine.system.version()
        assert engine.where == f"ssh://127.0.0.1:{ssh.port} (DOCKER_HOST)"
        assert fake.connections == 1


def test_a_path_with_strange_characters_arrives_as_it_is(ssh: SSHServer, socket_path: Path) -> None:
    strange = socket_path.with_name("do ck'er$x.sock")
    with FakeEngine(strange), connect(ssh.endpoint(str(strange))) as engine:
        assert engine.system.info()["ID"] == "FAKE"


def test_no_process_is_left(ssh: SSHServer, socket_path: Path) -> None:
    def children() -> set[str]:
        return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())

    before, before_descriptors = children(), descriptors()
    with FakeEngine(socket_path), connect(ssh.endpoint(str(socket_path))) as engine:
        with engine.system.events():
            engine.system.info()
            assert len(children() - before) == 2
        for _ in range(3):
            engine.system.events().close()
        engine.system.info()
        assert len(children() - before) <= 3
    assert children() <= before
    assert descriptors() <= before_descriptors


def test_a_host_that_ssh_does_not_know(ssh: SSHServer) -> None:
    text = failure(Endpoint("ssh", host="no-such-host.invalid", source="--host"))
    assert "ssh says: ssh: Could not resolve hostname no-such-host.invalid" in text
    assert "does `ssh no-such-host.invalid` work without a question?" in text


def test_a_host_where_no_ssh_listens(ssh: SSHServer) -> None:
    assert "Connection refused" in failure(Endpoint("ssh", host="127.0.0.1", port=1, source="--host"))


def test_a_host_that_does_not_let_us_in(ssh: SSHServer) -> None:
    client_options(ssh, key="stranger")
    assert "Permission denied (publickey)" in failure(ssh.endpoint())


def test_a_host_whose_key_is_unknown(ssh: SSHServer) -> None:
    client_options(ssh, known_hosts="no_known_hosts")
    assert "Host key verification failed" in failure(ssh.endpoint())


def test_a_host_without_docker(ssh: SSHServer) -> None:
    docker = ssh.folder / "server" / "docker"
    hidden = docker.rename(docker.with_name("hidden"))
    try:
        text = failure(ssh.endpoint())
    finally:
        hidden.rename(docker)
    assert "has no docker command: " in text
    assert "not found" in text


def test_a_host_whose_daemon_does_not_run(ssh: SSHServer) -> None:
    assert "Cannot connect to the Docker daemon at unix:///no/where. Is the docker daemon running?" in failure(
        ssh.endpoint("/no/where")
    )


def test_what_the_other_side_says_at_login_explains_nothing_later(ssh: SSHServer, socket_path: Path) -> None:
    docker = ssh.folder / "server" / "docker"
    text = docker.read_text()
    noisy = text.replace("args = sys", "print('no bash here', file=sys.stderr)\nargs = sys")
    docker.write_text(noisy.replace("os._exit(0)", "os._exit(1)"))
    try:
        with FakeEngine(socket_path) as fake, connect(ssh.endpoint(str(socket_path))) as engine:
            fake.on("GET", "/info", lambda _request, reply: reply.close())
            with pytest.raises(ProtocolError, match="closed the connection without an answer to GET /info"):
                engine.system.info()
    finally:
        docker.write_text(text)


def test_a_machine_without_ssh(ssh: SSHServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "needs ssh, which is not installed here; install openssh-client" in failure(ssh.endpoint())
