"""An image that is nowhere is built: here, on the daemon from a base, or on the daemon from packages fetched here."""

from __future__ import annotations

import gzip
import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.commands.conftest import Desk
from tests.commands.test_setup import image_archive
from tests.fake_engine import FakeEngine, Recorded, Reply
from weave_http import constants, image
from weave_http.commands import setup
from weave_http.engine import connect
from weave_http.errors import WeaveError
from weave_http.image import apt, context
from weave_http.image.apt import Machine
from weave_http.image.context import Context
from weave_http.image.tree import File
from weave_http.records import replace


def no_debian() -> Machine:
    raise WeaveError("apt-get is not installed")


@pytest.fixture
def bare(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    """A daemon without any image, called from a machine that is no Debian."""
    desk.fake.images.clear()
    desk.caller = replace(desk.caller, environ={"XDG_CACHE_HOME": str(tmp_path), "WEAVE_DEBIAN_ARCHIVE": "https://x"})
    monkeypatch.setattr(apt, "machine", no_debian)
    return desk


def sent(request: Recorded) -> dict[str, bytes]:
    """The files of a build context."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(request.body))) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}


def said(desk: Desk) -> str:
    return desk.err.getvalue().decode()


def builds(fake: FakeEngine) -> list[Recorded]:
    return [request for request in fake.requests if request.call == "POST /build"]


def packed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Leave fetching out; returns the architectures that were asked for."""
    asked: list[str] = []

    def lower_half(system: Machine, cache: Path, **_: object) -> Context:
        asked.append(system.architecture)
        return Context({"Dockerfile": File(b"FROM scratch")})

    monkeypatch.setattr(context, "lower_half", lower_half)
    return asked


def test_a_debian_of_the_hosts_architecture_builds_here(
    bare: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = image_archive(tmp_path / "image.tar", {"os": "linux", "architecture": "amd64"})
    monkeypatch.setattr(apt, "machine", lambda: Machine("debian bookworm", "amd64"))
    monkeypatch.setattr(image, "build_image", lambda *_, **__: image.BuildResult(path, "", 0, 0, False))
    assert setup(bare.caller).out == "loaded:latest\n"
    assert said(bare) == "weave: building the image on this machine, from packages of debian bookworm\n"
    assert not builds(bare.fake)


def test_a_debian_of_another_architecture_has_the_host_build(bare: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "machine", lambda: Machine("debian bookworm", "arm64"))
    bare.fake.images["python:3-slim"] = {"Id": "sha256:1"}
    assert setup(bare.caller).ok
    assert [request.query["t"] for request in builds(bare.fake)] == [constants.DEFAULT_IMAGE]


def test_a_base_that_the_host_has_is_used_and_nothing_is_pulled(bare: Desk) -> None:
    bare.fake.images["debian:trixie-slim"] = {"Id": "sha256:1"}
    assert setup(bare.caller).out == f"{constants.DEFAULT_IMAGE}\n"
    (build,) = builds(bare.fake)
    assert '"BASE": "debian:trixie-slim"' in build.query["buildargs"]
    files = sent(build)
    assert b"aiohttp" in files["pyproject.toml"]
    assert {"Dockerfile", "constraints.txt", "weave_http/image/waiter.c", "weave_http/local/__init__.py"} <= set(files)
    assert not [name for name in files if name.startswith(("weave_http/cli/", "weave_http/commands/"))]
    assert "POST /images/create" not in bare.fake.calls()
    assert said(bare) == (
        "weave: building the image on the Docker host, from debian:trixie-slim and the packages it fetches\n"
    )


def test_a_base_is_pulled_and_never_an_image_of_weaves_own_name(bare: Desk) -> None:
    bare.fake.pullable.update({context.BASES[0], constants.DEFAULT_IMAGE})
    assert setup(bare.caller).ok
    pulls = [request for request in bare.fake.requests if request.call == "POST /images/create"]
    assert [(pull.query["fromImage"], pull.query["tag"]) for pull in pulls] == [("debian", "bookworm-slim")]


def test_without_a_base_packages_are_fetched_here_and_built_in_two_halves(
    bare: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = packed(monkeypatch)
    assert setup(bare.caller).ok
    lower, upper = builds(bare.fake)
    assert lower.query["t"].startswith(f"{context.HALF}:")
    assert sent(upper)["Dockerfile"].startswith(f"FROM sha256:{lower.sha256}\n".encode())
    assert set(sent(upper)) == {"Dockerfile", "code.tar"}
    assert "from packages of https://x, fetched here" in said(bare)
    assert setup(bare.caller, build=True).ok
    assert len(builds(bare.fake)) == 3, "the lower half is there, and not sent again"
    assert asked == ["amd64"]


def test_a_failed_step_is_one_line_with_what_it_said_and_the_next_way_is_tried(
    bare: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(monkeypatch)
    bare.fake.images["debian:bookworm-slim"] = {"Id": "sha256:1"}

    def build(request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        reply.more(b'{"stream": "Step 2/9 : RUN apt-get update\\n ---> Running in 1\\nE: no network\\nmore\\n"}\r\n')
        reply.more(b'{"errorDetail": {"message": "The command returned a non-zero code: 100"}}\r\n')
        reply.end()

    bare.fake.on("POST", "/build", build)
    with pytest.raises(WeaveError, match=r"step 2/9: The command returned a non-zero code: 100; no network") as caught:
        setup(bare.caller)
    assert len(str(caught.value).splitlines()) == 1
    assert "; trying packages that are fetched here\n" in said(bare)


def test_an_architecture_that_no_image_is_made_for_is_refused_before_anything_is_fetched(
    bare: Desk,
) -> None:
    bare.fake.on("GET", "/version", lambda _, reply: reply.json({"Os": "linux", "Arch": "riscv64"}))
    with pytest.raises(WeaveError, match="made for amd64 and arm64, and not for riscv64"):
        setup(bare.caller)
    assert not builds(bare.fake)


def test_many_hosts_are_set_up_at_the_same_time(bare: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed(monkeypatch)
    with ExitStack() as held, ThreadPoolExecutor() as pool:
        fakes = [held.enter_context(FakeEngine(tmp_path / f"{number}.sock")) for number in range(4)]
        callers = [replace(bare.caller, engine=held.enter_context(connect(fake.endpoint))) for fake in fakes]
        assert [outcome.ok for outcome in pool.map(setup, callers)] == [True] * 4
        assert [len(builds(fake)) for fake in fakes] == [2] * 4
