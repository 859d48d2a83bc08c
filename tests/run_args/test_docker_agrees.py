"""The real docker CLI sends the same create call for the options that weave run knows."""

from pathlib import Path, PurePosixPath

import pytest

from tests.docker_cli import recorded_create, told
from weave_http.run_args import parse

LINES = (
    "image",
    "image sh -c ls -l",
    "--name c1 -h web image",
    "--hostname=web -itd image sh",
    "-i=false --tty=true image",
    "-e A=1 --env=B=x=y -e HOME -e NOT_SET_ANYWHERE image",
    "-l a=1 --label b --label=c= image",
    "--entrypoint /bin/sh image -c true",
    "--entrypoint= image",
    "-v /data -v /src:/dst -v named:/n:ro image",
    "-p 80 -p 8080:80 -p 127.0.0.1::81/udp image",
    "-p 8000-8002:9000-9002 -p 7000-7010:80 image",
    "-p [::1]:8080:80 image",
    "--dns 10.0.0.1 --dns=2001:DB8::1 image",
    "--privileged image",
    "--restart on-failure:3 image",
    "--restart unless-stopped image",
    "--restart no image",
)


@pytest.mark.parametrize("line", LINES)
def test_the_same_line_makes_the_same_create_call(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    theirs = told(recorded_create(["-d", *line.split()], tmp_path / "engine.sock"))
    mine = told(parse(line.split(), environ={"HOME": "/home/me"}, directory=PurePosixPath("/")).config)
    for body in (theirs, mine):
        body.get("Env", []).sort()
    assert mine == theirs
