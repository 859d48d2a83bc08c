"""A pull sends the credentials that `docker login` left, and shows them to no one."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.fake_engine import FakeEngine


def test_setup_pulls_with_the_credentials_of_the_docker_configuration(tmp_path: Path) -> None:
    auth = base64.b64encode(b"me:hunter2").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"registry.example": {"auth": auth}}}))
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "WEAVE_"))}
    with FakeEngine(tmp_path / "d.sock") as fake:
        fake.pullable.add("registry.example/weave:1")
        done = subprocess.run(
            [sys.executable, "-m", "weave_http", "--trace", "--calls", "http", "setup"],
            env=clean
            | {
                "DOCKER_HOST": f"unix://{tmp_path}/d.sock",
                "DOCKER_CONFIG": str(tmp_path),
                "EXEC_IMAGE": "registry.example/weave:1",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done
    (sent,) = [request.headers for request in fake.requests if request.path == "/images/create"]
    header = next(value for name, value in sent.items() if name.lower() == "x-registry-auth")
    assert json.loads(base64.urlsafe_b64decode(header))["password"] == "hunter2"
    assert header not in done.stderr
    assert "hunter2" not in done.stderr
