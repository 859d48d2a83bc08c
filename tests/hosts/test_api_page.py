"""The calls of the API's page, made by hand on a real host, over its socket and over TLS."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.host import Host
from weave_http.sandbox import Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
LOOK = """
echo; echo "exit code $(jq .StatusCode exit-code)"
echo "after the header: $(tail -c +9 output)"
"""
"""What is looked at beside what the page looks at."""


def blocks(heading: str) -> list[str]:
    """The blocks of shell under a heading."""
    return re.findall(r"```sh\n(.*?)```", PAGE.partition(heading)[2].partition("\n#")[0], re.DOTALL)


TLS = pytest.mark.not_podman(reason="its service speaks no TLS")


@pytest.mark.parametrize("unix", [pytest.param(True, id="socket"), pytest.param(False, id="TLS", marks=TLS)])
def test_weave_ps_by_hand(clean: Sandbox, unix: bool, tmp_path: Path) -> None:
    host = Host(clean, "host1", unix=unix)
    host.weave("launch")
    told = host.weave("ps").strip()
    assert re.fullmatch(r"weave:expose [0-9a-f:]{17}", told)
    first, *others = blocks("## By hand")
    assert others[-1].startswith("docker_api -X DELETE")
    if unix:
        socket = host.environ()["DOCKER_HOST"].removeprefix("unix://")
        first = first.replace("--unix-socket /var/run/docker.sock", f"--unix-socket {socket}")
    else:
        (first,) = blocks("### Over TLS and ssh")
        first = first.replace("//host1:", f"//{host.address}:")
    script = f"set -eu\n{first}{''.join(others)}{LOOK}"
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=host.environ(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "\nexit code 0\n" in done.stdout
    assert f"after the header: {told}\n" in done.stdout
    assert re.search(r"^0000000 01 00 00 00 00 00 00 1f .*>\.{8}weave:ex<$", done.stdout, re.MULTILINE)
    assert set(host.shell("docker ps -a --format '{{.Names}}'").split()) == {"weave", "weave-exec"}


def test_the_resident_executor_by_hand(host: Host, tmp_path: Path) -> None:
    host.weave("launch")
    told = host.weave("ps").strip()
    heading = "## By hand: the resident executor"
    socket = host.environ()["DOCKER_HOST"].removeprefix("unix://")
    (shell,) = blocks(heading)
    (python,) = re.findall(r"```python\n(.*?)```", PAGE.partition(heading)[2].partition("\n## ")[0], re.DOTALL)
    script = "set -eu\n" + shell.replace("/var/run/docker.sock", socket)
    for words in (["sh", "-c", script], [sys.executable, "-c", python, socket]):
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done
        said = [re.sub(r"[\"' ]", "", line.partition("{")[2]) for line in done.stdout.splitlines() if "{" in line]
        said = [line.removeprefix("id:0123456789abcdef,") for line in said]
        # Podman puts that before the name of an image that was loaded.
        said[0] = said[0].replace("image:localhost/", "image:")
        version = "ready:{version:0.1.0,image:weavehttp/weave:0.1.0}}"
        assert said == [version, f"said:[1,{told.replace(' ', '')}\\n]}}", "end:0}"]
