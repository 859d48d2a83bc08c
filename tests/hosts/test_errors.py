"""Everything that can stand between a caller and a daemon ends as one line and the right exit code."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.host import Host
from weave_http import constants


def weave(*arguments: str, power: str = "+all", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `weave` with nothing of Docker's in the environment but what is given, and with less power if asked."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "WEAVE_"))}
    return subprocess.run(
        ["setpriv", f"--bounding-set={power}", sys.executable, "-m", "weave_http", *arguments],
        env=clean | {"HOME": "/nonexistent"} | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


PLAIN_SERVER = """
import socket
connection, _ = socket.socket(fileno={}).accept()
connection.recv(1)
connection.send(b'HTTP/1.1 400 Bad Request')
"""


def is_one_line(done: subprocess.CompletedProcess[str], *parts: str, code: int = 125) -> None:
    assert done.returncode == code, done
    assert done.stdout == "", done
    assert done.stderr.startswith("weave: "), done
    assert done.stderr.count("\n") == 1, done
    for part in parts:
        assert part in done.stderr, (part, done.stderr)


def test_no_daemon_at_a_socket(tmp_path: Path) -> None:
    is_one_line(weave("ps", DOCKER_HOST=f"unix://{tmp_path}/none.sock"), f"{tmp_path}/none.sock", "DOCKER_HOST")


def test_no_daemon_at_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    is_one_line(weave("ps", DOCKER_HOST=f"tcp://127.0.0.1:{port}"), str(port), "refused")


def test_a_socket_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    is_one_line(weave("ps", DOCKER_HOST=f"unix://{tmp_path}/file"), f"{tmp_path}/file")


def test_a_socket_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "d.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0o600)
        os.chown(path, 65534, 65534)
        is_one_line(weave("ps", power="-dac_override", DOCKER_HOST=f"unix://{path}"), str(path), "no permission")


@pytest.mark.not_podman(reason="its service speaks no TLS")
def test_tls_spoken_to_no_tls_and_the_other_way_round(host: Host) -> None:
    tls = Host(host.sandbox, host.name).environ()
    is_one_line(weave("ps", DOCKER_HOST=tls["DOCKER_HOST"]), "TLS")
    with socket.create_server(("127.0.0.1", 0)) as server:
        plain = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-c", PLAIN_SERVER.format(server.fileno())],
            pass_fds=[server.fileno()],
        )
        try:
            done = weave(
                "ps",
                DOCKER_HOST=plain,
                DOCKER_TLS_VERIFY=tls["DOCKER_TLS_VERIFY"],
                DOCKER_CERT_PATH=tls["DOCKER_CERT_PATH"],
            )
        finally:
            process.wait(10)
    is_one_line(done, "TLS")


def test_an_image_that_is_nowhere(host: Host) -> None:
    done = host.try_weave("ps", EXEC_IMAGE="nowhere/at-all:1")
    is_one_line(done, "nowhere/at-all:1")


def test_an_unreadable_archive(host: Host, tmp_path: Path) -> None:
    is_one_line(host.try_weave("setup", "--from", str(tmp_path / "none.tar")), "none.tar", code=1)
    (tmp_path / "bad.tar").write_bytes(b"x" * 2000)
    is_one_line(host.try_weave("setup", "--from", str(tmp_path / "bad.tar")), "bad.tar", code=1)


def test_the_port_that_dockers_own_proxy_variables_name_is_not_used(host: Host) -> None:
    done = Host(host.sandbox, host.name).try_weave(
        "version", HTTPS_PROXY="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9", ALL_PROXY="http://127.0.0.1:9"
    )
    assert done.returncode == 0, done


def test_version_says_both_sides(host: Host) -> None:
    lines = host.weave("version").splitlines()
    version = constants.DEFAULT_IMAGE.rpartition(":")[2]
    assert lines[0] == f"weave script {version}"
    assert lines[1:] == [f"weave {version}"]
