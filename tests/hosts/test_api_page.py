"""The calls of the API's page, made by hand on a real host, over its socket and over TLS."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.hosts.host import Host

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
LAST = "docker_api -X DELETE"
LOOK = """
echo; echo "exit code $(jq .StatusCode exit-code)"
echo "after the header: $(tail -c +9 output)"
"""
"""What is looked at beside what the page looks at."""


def blocks(heading: str) -> list[str]:
    """The blocks of shell under a heading."""
    return re.findall(r"```sh\n(.*?)```", PAGE.partition(heading)[2].partition("\n#")[0], re.DOTALL)


@pytest.mark.parametrize("way", ["socket", "TLS"])
def test_weave_ps_by_hand(host: Host, way: str, tmp_path: Path) -> None:
    host.weave("launch")
    told = host.weave("ps").strip()
    assert re.fullmatch(r"weave:expose [0-9a-f:]{17}", told)
    first, *others = blocks("## By hand")
    assert others[-1].startswith(LAST)
    if way == "TLS":
        (first,) = blocks("### Over TLS and ssh")
        first = first.replace("//host1:", f"//{host.address}:")
        script = f"set -eu\n{first}{''.join(others)}{LOOK}"
        environ = Host(host.sandbox, host.name).environ()
        done = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stderr == ""
        printed = done.stdout
    else:
        printed = host.shell(f"set -eu\ncd $(mktemp -d)\n{first}{''.join(others)}{LOOK}")
    assert "\nexit code 0\n" in printed
    assert f"after the header: {told}\n" in printed
    assert re.search(r"^0000000 01 00 00 00 00 00 00 1f .*>\.{8}weave:ex<$", printed, re.MULTILINE)
    assert host.shell("docker ps -a --format '{{.Names}}'") == "weave\n"
