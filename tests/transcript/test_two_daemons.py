"""`weave setup --from-host`: what is shown of a command that speaks with two daemons is what it does."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.certificates import Certificates
from tests.fake_engine import FakeEngine, Recorded, Reply
from tests.prefork import run_weave
from weave_http import constants

Done = subprocess.CompletedProcess[str]
IMAGE = {"Id": "sha256:" + "a" * 64, "Size": 5_000_000}
SENT = b"manifest.json " + constants.DEFAULT_IMAGE.encode()
PIECES = [random.Random(1).randbytes(100_000)] * 50


@pytest.fixture
def there(tmp_path: Path) -> Iterator[FakeEngine]:
    """The daemon that has the image."""
    with FakeEngine(tmp_path / "there.sock", api_version="1.45") as engine:
        engine.images[constants.DEFAULT_IMAGE] = dict(IMAGE)
        engine.archive = PIECES
        yield engine


@pytest.fixture(params=["unix", "tls"])
def here(request: pytest.FixtureRequest, tmp_path: Path, certificates: Certificates) -> Iterator[FakeEngine]:
    """The daemon that is to get it."""
    tls = request.param == "tls"
    with FakeEngine(
        None if tls else tmp_path / "here.sock",
        tls=certificates.server if tls else None,
        client_tls=certificates.client if tls else None,
    ) as engine:
        loads_as(engine, constants.DEFAULT_IMAGE)
        yield engine


def loads_as(here: FakeEngine, name: str) -> None:
    """Let a daemon load images by a name."""

    def load(_request: Recorded, reply: Reply) -> None:
        here.images[name] = {"Id": "sha256:" + "b" * 64}
        reply.begin("application/json")
        reply.more(f'{{"stream":"Loaded image: {name}\\n"}}\r\n'.encode())
        reply.end()

    here.on("POST", "/images/load", load)


def weave(here: FakeEngine, *words: str, **environ: str) -> Done:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "WEAVE_"))}
    options = []
    if tls := here.endpoint.tls:
        options = ["--tlsverify", "--tlscacert", tls.ca, "--tlscert", tls.cert, "--tlskey", tls.key]
    done = run_weave(["--host", here.endpoint.url, *options, *words], clean | environ, timeout=30)
    return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def sh(text: str) -> Done:
    return subprocess.run(["dash", "-c", text], capture_output=True, text=True, timeout=30, check=False)


def both(here: FakeEngine, there: FakeEngine) -> tuple[Done, Done]:
    """Run the command and its script; what they send to the two daemons must be the same."""
    words = ("setup", "--from-host", there.endpoint.url)
    text = weave(here, "script", *words).stdout
    assert here.requests == there.requests == []
    real = weave(here, *words)
    sent = [(r.call, r.version, r.query, r.sha256) for r in [*here.requests, *there.requests]]
    here.requests.clear()
    there.requests.clear()
    here.images.clear()
    played = subprocess.run(["dash", "-c", text], capture_output=True, text=True, timeout=30, check=False)
    assert [(r.call, r.version, r.query, r.sha256) for r in [*here.requests, *there.requests]] == sent, played
    assert (played.returncode, played.stdout) == (real.returncode, real.stdout), (real, played)
    return real, played


def test_the_image_goes_over_as_it_is(here: FakeEngine, there: FakeEngine) -> None:
    real, played = both(here, there)
    assert (real.returncode, real.stdout, real.stderr) == (0, f"{constants.DEFAULT_IMAGE}\n", "")
    assert played.stderr == ""
    assert there.calls() == ["HEAD /_ping", f"GET /images/{constants.DEFAULT_IMAGE}/json", "GET /images/get"]
    image = f"/images/{constants.DEFAULT_IMAGE}/json"
    assert here.calls() == ["HEAD /_ping", f"GET {image}", "GET /version", "POST /images/load"]
    assert here.requests[-1].sha256 == hashlib.sha256(SENT + b"".join(PIECES)).hexdigest()
    assert here.requests[-1].version == "v1.41"
    assert there.requests[-1].version == "v1.45"


def test_an_image_for_another_kind_of_machine_does_not_go_over(here: FakeEngine, there: FakeEngine) -> None:
    there.images[constants.DEFAULT_IMAGE] |= {"Os": "linux", "Architecture": "s390x"}
    real, played = both(here, there)
    assert real.returncode == 1
    assert real.stderr.startswith(f"weave: the image from {there.endpoint.url} (--from-host) is for linux/s390x")
    assert played.stderr == real.stderr
    assert here.calls()[-1] == "GET /version"


def test_an_image_that_comes_by_another_name_gets_its_own(here: FakeEngine, there: FakeEngine) -> None:
    loads_as(here, f"localhost/{constants.DEFAULT_IMAGE}")
    words = ("setup", "--from-host", there.endpoint.url)
    text = weave(here, "script", *words).stdout
    for as_script in (False, True):
        here.images.clear()
        here.requests.clear()
        done = sh(text) if as_script else weave(here, *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{constants.DEFAULT_IMAGE}\n", "")
        assert here.images[constants.DEFAULT_IMAGE] == {"Id": "sha256:" + "b" * 64}
        assert here.calls()[-1] == f"POST /images/localhost/{constants.DEFAULT_IMAGE}/tag"


def test_what_is_there_already_is_not_sent(here: FakeEngine, there: FakeEngine) -> None:
    here.images[constants.DEFAULT_IMAGE] = dict(IMAGE)
    done = weave(here, "setup", "--from-host", there.endpoint.url)
    assert (done.returncode, done.stdout) == (0, f"{constants.DEFAULT_IMAGE}\n")
    assert "POST /images/load" not in here.calls()
    assert "GET /images/get" not in there.calls()


def test_a_host_that_has_no_image_is_named(here: FakeEngine, there: FakeEngine) -> None:
    there.images.clear()
    real, played = both(here, there)
    assert real.returncode == 125
    assert played.stderr == real.stderr
    assert real.stderr == (
        f"weave: {there.endpoint.url} (--from-host) has no image {constants.DEFAULT_IMAGE}; "
        "run `weave setup` for that host first\n"
    )
    assert here.requests == []


def test_a_daemon_that_does_not_take_it_is_quoted(here: FakeEngine, there: FakeEngine) -> None:
    def refuse(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        reply.more(b'{"errorDetail":{"message":"no space left on device"}}\r\n')
        reply.end()

    here.on("POST", "/images/load", refuse)
    real, played = both(here, there)
    assert (real.returncode, real.stderr) == (125, "weave: no space left on device\n")
    assert played.stderr == real.stderr


def test_a_source_that_breaks_off_is_named(here: FakeEngine, there: FakeEngine) -> None:
    def half(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/x-tar")
        reply.more(b"manifest.json and a half")
        reply.close()

    there.on("GET", "/images/get", half)
    done = weave(here, "setup", "--from-host", there.endpoint.url)
    words = f"weave: {there.endpoint.url} (--from-host) closed the connection in the middle of its answer to GET"
    assert (done.returncode, done.stderr) == (125, f"{words} /images/get\n")
    text = weave(here, "script", "setup", "--from-host", there.endpoint.url).stdout
    played = subprocess.run(["dash", "-c", text], capture_output=True, text=True, timeout=30, check=False)
    assert (played.returncode, played.stderr) == (125, done.stderr)


def test_a_dry_run_and_a_trace_say_which_daemon_a_call_is_for(here: FakeEngine, there: FakeEngine) -> None:
    words = ("setup", "--from-host", there.endpoint.url)
    shown = weave(here, "--dry-run", *words).stdout.splitlines()
    assert here.requests == there.requests == []
    traced = weave(here, "--trace", *words).stderr.splitlines()
    at = f"  at {there.endpoint.url}"
    for lines in (shown, traced):
        assert [line.split()[0] for line in lines] == ["HEAD", "GET", "HEAD", "GET", "GET", "GET", "POST"]
        assert [line.endswith(at) for line in lines] == [True, True, False, False, False, True, False]


def test_curl_lines_are_a_pipe(here: FakeEngine, there: FakeEngine) -> None:
    # Versions are those of the newest daemon; these two are of a newer kind.
    here.api_version = there.api_version = "1.55"
    text = weave(here, "--dry-run", "--calls", "curl", "setup", "--from-host", there.endpoint.url).stdout
    *_, first, second = text.splitlines()
    assert first.endswith(" |")
    done = subprocess.run(["dash", "-c", f"{first}\n{second}"], capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done
    assert here.requests[-1].sha256 == hashlib.sha256(SENT + b"".join(PIECES)).hexdigest()


def test_an_explanation_has_chapters_for_the_other_host(here: FakeEngine, there: FakeEngine) -> None:
    told = weave(here, "explain", "setup", "--from-host", there.endpoint.url).stdout
    assert "On the other host: take the image" in told
    assert f"docker -H {there.endpoint.url} save" in told.replace(" \\\n      ", " ")
    page = weave(here, "explain", "--format", "html", "setup", "--from-host", there.endpoint.url).stdout
    assert "there: GET …/get" in page


def test_only_one_source_can_be_named(here: FakeEngine, there: FakeEngine) -> None:
    done = weave(here, "setup", "--from-host", there.endpoint.url, "--build")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "--build and --from-host exclude each other" in done.stderr


def test_the_other_host_may_be_a_context(there: FakeEngine, tmp_path: Path) -> None:
    meta = tmp_path / "docker" / "contexts" / "meta" / hashlib.sha256(b"first").hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": "first", "Endpoints": {"docker": {"Host": there.endpoint.url}}}))
    with FakeEngine(tmp_path / "here.sock") as here:
        loads_as(here, constants.DEFAULT_IMAGE)
        done = weave(here, "setup", "--from-context", "first", DOCKER_CONFIG=str(tmp_path / "docker"))
        assert (done.returncode, done.stdout) == (0, f"{constants.DEFAULT_IMAGE}\n"), done
        assert here.calls()[-1] == "POST /images/load"
        missing = weave(here, "setup", "--from-context", "second", DOCKER_CONFIG=str(tmp_path / "docker"))
    assert there.calls()[-1] == "GET /images/get"
    assert "there is no docker context 'second'" in missing.stderr
