"""Scripts of `weave run`: what its options do around the calls."""

from __future__ import annotations

import io
import itertools
import subprocess
from pathlib import Path

import pytest

from tests.fake_engine import FakeEngine, Recorded, Reply, Run
from tests.transcript.test_script import left, said, sh
from weave_http import constants
from weave_http.addresses import parse_cidr
from weave_http.commands import Caller, run_container
from weave_http.commands.container_run import START_FAILURE_CODES
from weave_http.commands.id_file import LocalIdFiles
from weave_http.engine import connect
from weave_http.errors import WeaveError
from weave_http.records import replace
from weave_http.run_args import CreateRequest
from weave_http.transcript import Stage
from weave_http.transcript.script import script

CIDR = parse_cidr("10.2.1.1/24")


def written(fake: FakeEngine, request: CreateRequest) -> str:
    """Return the script of a request."""

    def play(stage: Stage) -> None:
        stage.endpoint = fake.endpoint
        with connect(stage.endpoint, watch=lambda _: stage) as engine:
            run_container(Caller(engine, stage.stdout, stage.stderr, id_files=stage.files, cold=True), [CIDR], request)

    return script(["run"], play, START_FAILURE_CODES, show_secrets=False)


def done(fake: FakeEngine, request: CreateRequest) -> tuple[int, bytes]:
    """Run a request itself; return its exit code and what it said on stderr."""
    err = io.BytesIO()
    with connect(fake.endpoint) as engine:
        try:
            code = run_container(Caller(engine, stderr=err, id_files=LocalIdFiles(), cold=True), [CIDR], request).code
        except WeaveError as error:
            code = error.exit_code
            err.write(f"weave: {error}\n".encode())
    return code, err.getvalue()


def both(fake: FakeEngine, request: CreateRequest) -> tuple[int, subprocess.CompletedProcess[bytes]]:
    """Run a request and its script against the same state; the same calls, words and exit code must come of it."""
    text = written(fake, request)
    assert fake.requests == []
    images = dict(fake.images)
    code, err = done(fake, request)
    sent = said(fake.requests)
    fake.requests.clear()
    fake.containers.clear()
    fake.images = images
    if request.cidfile:
        Path(request.cidfile).unlink(missing_ok=True)
    played = sh(text)
    assert said(fake.requests) == sent, played
    assert (played.returncode, played.stderr) == (code, err)
    return code, played


@pytest.mark.parametrize("present", [True, False], ids=["present", "missing"])
@pytest.mark.parametrize("policy", ["always", "missing", "never", ""])
@pytest.mark.parametrize("pullable", [True, False])
def test_an_image_is_pulled_when_the_command_does(fake: FakeEngine, present: bool, policy: str, pullable: bool) -> None:
    if not present:
        del fake.images["busybox"]
    if pullable:
        fake.pullable.add("busybox:latest")
        fake.images.setdefault("busybox:latest", {"Id": "sha256:3"})
        if not present:
            del fake.images["busybox:latest"]
    request = CreateRequest({"Image": "busybox:latest"}, "c1", pull=policy, platform="linux/amd64")
    code, _ = both(fake, request)
    there = (present or policy in ("always", "missing")) and (pullable or policy != "always")
    assert code == (0 if there and pullable else 125)


@pytest.mark.parametrize("attach", [0, 1])
def test_the_file_for_the_id_is_there_only_if_the_container_is(fake: FakeEngine, tmp_path: Path, attach: int) -> None:
    fake.program = lambda config: Run(code=attach if config["Image"] == constants.DEFAULT_IMAGE else 0)
    path = tmp_path / "it's an id"
    request = CreateRequest({"Image": "busybox"}, None, cidfile=str(path))
    code, _ = both(fake, request)
    assert code == attach
    assert path.exists() == (attach == 0)
    if attach == 0:
        assert [path.read_text()] == left(fake)
        again = sh(written(fake, replace(request, name="other")))
        assert again.returncode == 125
        assert b"container ID file" in again.stderr


def test_what_a_terminals_waiter_says_is_told(fake: FakeEngine) -> None:
    failed = Run([(1, b'weave: exec: "/etc": is a directory\r\n')], code=126)
    fake.program = lambda config: Run([(2, b"no\n")], 1) if config["Image"] == constants.DEFAULT_IMAGE else failed
    code, played = both(fake, CreateRequest({"Image": "busybox", "Cmd": ["/etc"], "Tty": True}, None))
    assert code == 126
    assert played.stderr == b'weave: exec: "/etc": is a directory\n'


@pytest.mark.parametrize("looks", [1, 2])
def test_a_waiter_s_container_that_another_one_makes_is_waited_for(fake: FakeEngine, looks: int) -> None:
    seen = itertools.count(1)

    def create(request: Recorded, reply: Reply) -> None:
        if request.query.get("name", "").startswith(constants.WAITER_VOLUMES):
            reply.error(409, "Conflict. The container name is already in use")
        else:
            fake._create(request, reply)

    def look(_request: Recorded, reply: Reply) -> None:
        if next(seen) % looks:
            reply.error(404, "No such container")
        else:
            reply.json({"State": {"Status": "exited"}})

    fake.on("POST", "/containers/create", create)
    fake.on("GET", f"/containers/{constants.WAITER_VOLUMES}-[^/]+/json", look)
    code, _ = both(fake, CreateRequest({"Image": "busybox"}, None))
    assert code == 0
    assert next(seen) == 2 * looks + 1
