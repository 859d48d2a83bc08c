"""`weave create-body`: the JSON on stdout, everything else on stderr, nothing sent."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path


def weave(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "weave_http", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": os.getcwd(), **environ},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_body_is_json_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("A=1\nTOWN\n")
    done = weave("create-body", "-itd", "--env-file", "env", "-v", "./x:/y", "busybox", "sh", cwd=tmp_path, TOWN="Bree")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert json.loads(done.stdout) == {
        "Image": "busybox",
        "Cmd": ["sh"],
        "OpenStdin": True,
        "Env": ["A=1", "TOWN=Bree"],
        "Tty": True,
        "HostConfig": {"Binds": [f"{tmp_path}/x:/y"]},
    }


def test_what_is_not_in_the_body_is_told_on_stderr(tmp_path: Path) -> None:
    arguments = ("create-body", "--name", "c1", "--platform", "arm64", "--kernel-memory", "1m", "-v.:/x", "busybox")
    done = weave(*arguments, cwd=tmp_path, DOCKER_HOST="tcp://192.0.2.1")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "weave: --kernel-memory is ignored: no daemon limits it any more",
        f"weave: --volume: . is {tmp_path} here, and that of the Docker host will be mounted",
        "weave: goes with POST /containers/create?name=c1&platform=linux/arm64",
    ]
    assert json.loads(done.stdout)["Image"] == "busybox"


def test_a_bad_line_is_refused_in_one_line(tmp_path: Path) -> None:
    done = weave("create-body", "-p", "99999", "busybox", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == "weave: invalid value '99999' for -p, --publish: invalid port: expected 0 to 65535\n"


def test_proxies_of_the_daemon_s_own_count(tmp_path: Path) -> None:
    proxies = {"proxies": {"tcp://192.0.2.1:2375": {"httpProxy": "http://p"}}}
    (tmp_path / "config.json").write_text(json.dumps(proxies))
    done = weave("create-body", "x", cwd=tmp_path, DOCKER_HOST="tcp://192.0.2.1:2375", DOCKER_CONFIG=str(tmp_path))
    assert json.loads(done.stdout)["Env"] == ["HTTP_PROXY=http://p", "http_proxy=http://p"]


def test_on_a_terminal_it_is_for_people(tmp_path: Path) -> None:
    ours, its = pty.openpty()
    try:
        command = [sys.executable, "-m", "weave_http", "create-body", "--hostname", "é", "busybox"]
        subprocess.run(command, stdout=its, timeout=60, check=True)
        shown = os.read(ours, 4096).decode()
    finally:
        os.close(ours)
        os.close(its)
    assert shown.splitlines()[:2] == ["{", '  "Image": "busybox",']
    assert '"Hostname": "é"' in shown
