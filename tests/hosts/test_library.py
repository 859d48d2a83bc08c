"""The library's page runs on a real host."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.hosts.host import GUEST, Host

PAGE = Path(__file__).parents[2] / "docs" / "library.md"


def test_the_examples_of_the_library_run(host: Host) -> None:
    host.shell(f"docker tag {GUEST} busybox")
    try:
        for example in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
            done = subprocess.run(
                [sys.executable, "-c", example],
                env=host.environ(),
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, ""), done
            assert done.stdout
    finally:
        host.shell("docker rmi busybox")
