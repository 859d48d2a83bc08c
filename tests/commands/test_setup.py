"""`weave setup`: the image comes from a registry or from an archive, and only when it is not there yet."""

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from tests.commands.conftest import Desk
from tests.fake_engine import FakeEngine, Recorded, Reply
from weave_http import constants
from weave_http.commands import setup
from weave_http.commands.archive import Archive, archive_identity
from weave_http.commands.bringing_image import copy
from weave_http.commands.caller import Caller
from weave_http.commands.saved import SavedImages
from weave_http.engine import Endpoint, connect
from weave_http.engine.errors import ProtocolError, StreamError
from weave_http.errors import WeaveError
from weave_http.records import replace

DIGEST = hashlib.sha256(b"{}").hexdigest()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A docker archive with one image, which is all that setup looks at."""
    path = tmp_path / "image.tar"
    manifest = [{"Config": f"{DIGEST}.json", "RepoTags": ["loaded:latest"], "Layers": []}]
    with tarfile.open(path, "w") as tar:
        for name, content in (("manifest.json", json.dumps(manifest).encode()), (f"{DIGEST}.json", b"{}")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_an_image_that_is_named_is_pulled_when_it_is_not_there(desk: Desk) -> None:
    desk.fake.pullable.add("registry.example/weave:7")
    caller = replace(desk.caller, environ={"EXEC_IMAGE": "registry.example/weave:7"})
    assert setup(caller).out == "registry.example/weave:7\n"
    assert desk.fake.calls() == ["HEAD /_ping", "GET /images/registry.example/weave:7/json", "POST /images/create"]


def test_a_file_is_sent_as_it_is(desk: Desk, archive: Path) -> None:
    assert setup(desk.caller, archive).ok
    sent = desk.fake.requests[-1]
    assert sent.call == "POST /images/load"
    assert sent.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert desk.out.getvalue() == b"loaded:latest\n"


def test_a_file_whose_image_is_there_is_not_sent_again(desk: Desk, archive: Path) -> None:
    desk.fake.images["loaded:latest"] = {"Id": f"sha256:{DIGEST}"}
    assert setup(desk.caller, archive).ok
    assert "POST /images/load" not in desk.fake.calls()


def test_an_image_of_the_same_name_that_is_another_one_is_replaced(desk: Desk, archive: Path) -> None:
    desk.fake.images["loaded:latest"] = {"Id": "sha256:" + "3" * 64}
    setup(desk.caller, archive)
    assert "POST /images/load" in desk.fake.calls()


def test_the_daemons_refusal_inside_its_answer_is_raised(desk: Desk, archive: Path) -> None:
    desk.fake.on(
        "POST",
        "/images/load",
        lambda request, reply: reply.json({"errorDetail": {"message": "no space left on device"}}),
    )
    with pytest.raises(StreamError, match="no space left on device"):
        setup(desk.caller, archive)


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\0" * 10240])
def test_a_file_that_is_no_archive_is_refused_before_anything_is_sent(
    desk: Desk, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad.tar"
    path.write_bytes(content)
    with pytest.raises(WeaveError, match=r"bad\.tar is not a docker archive"):
        setup(desk.caller, path)
    assert desk.fake.requests == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeaveError, match=r"can't read .*nowhere\.tar: No such file"):
        archive_identity(tmp_path / "nowhere.tar")


# -- what is there, and where else it may come from ------------------------------------------------------


def test_an_image_that_is_there_is_good_and_nothing_is_pulled(desk: Desk) -> None:
    outcome = setup(desk.caller)
    assert (outcome.code, outcome.out) == (0, f"{constants.DEFAULT_IMAGE}\n")
    assert desk.fake.calls() == ["HEAD /_ping", f"GET /images/{constants.DEFAULT_IMAGE}/json"]


Scheme = Literal["unix", "tcp", "ssh"]


def write(path: Path, files: dict[str, bytes]) -> Path:
    """Write a tar archive."""
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def image_archive(path: Path, config: dict[str, str], **more: bytes) -> Path:
    manifest = [{"Config": "c.json", "RepoTags": ["loaded:latest"], "Layers": []}]
    return write(path, {"c.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode(), **more})


def test_an_archive_for_another_kind_of_machine_is_not_sent(desk: Desk, tmp_path: Path) -> None:
    path = image_archive(tmp_path / "arm.tar", {"os": "linux", "architecture": "riscv64"})
    with pytest.raises(
        WeaveError, match=r"arm\.tar is for linux/riscv64, and the Docker host is linux/amd64; build it"
    ):
        setup(desk.caller, path)
    assert "POST /images/load" not in desk.fake.calls()


def test_an_image_of_another_daemon_for_another_kind_of_machine_is_not_sent(desk: Desk, tmp_path: Path) -> None:
    desk.fake.images.clear()
    with FakeEngine(tmp_path / "o.sock") as other, connect(other.endpoint) as source:
        other.images[constants.DEFAULT_IMAGE] = {"Id": "sha256:9", "Os": "linux", "Architecture": "s390x"}
        with pytest.raises(WeaveError, match="is for linux/s390x, and the Docker host is linux/amd64"):
            setup(desk.caller, source)
    assert "POST /images/load" not in desk.fake.calls()


@pytest.mark.parametrize(
    ("scheme", "size", "packed"),
    [("tcp", 20_000_000, True), ("ssh", 20_000_000, True), ("unix", 20_000_000, False), ("tcp", 1000, False)],
)
def test_a_large_archive_is_compressed_on_its_way_to_another_machine(
    desk: Desk,
    tmp_path: Path,
    scheme: Scheme,
    size: int,
    packed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    path = image_archive(tmp_path / "image.tar", {}, layer=bytes(size))
    sent = b"".join(Archive(path, "", replace(desk.caller, endpoint=Endpoint(scheme))))
    assert sent.startswith(b"\x1f\x8b") == packed
    assert (gzip.decompress(sent) if packed else sent) == path.read_bytes()
    path.write_bytes(gzip.compress(path.read_bytes(), 1))
    assert b"".join(Archive(path, "", replace(desk.caller, endpoint=Endpoint(scheme)))) == path.read_bytes()


LAYERS = {"low.tar": b"l" * 3000, "middle.tar": b"m" * 2000, "top.tar": b"t" * 1000}


def layered(path: Path) -> Path:
    """An archive of three layers, whose diff ids are the names of their files."""
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [*LAYERS]}}
    manifest = [{"Config": "c.json", "RepoTags": ["name/space:2"], "Layers": [*LAYERS]}]
    head = {"c.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    return write(path, {**LAYERS, **head})


@pytest.mark.parametrize(
    ("there", "sent"),
    [
        (["low.tar", "middle.tar", "other"], {"top.tar"}),
        (["low.tar"], {"middle.tar", "top.tar"}),
        (["other", "middle.tar", "top.tar"], {*LAYERS}),
        (None, {*LAYERS}),
    ],
)
def test_layers_that_another_version_of_the_image_has_are_not_sent_again(
    desk: Desk, tmp_path: Path, there: list[str] | None, sent: set[str]
) -> None:
    path = layered(tmp_path / "image.tar")
    desk.fake.images["sha256:7"] = {"Id": "sha256:7", "RootFS": {"Layers": there}}
    assert setup(replace(desk.caller, endpoint=Endpoint("tcp")), path).ok
    with tarfile.open(fileobj=io.BytesIO(desk.fake.requests[-1].body)) as archive:
        names = archive.getnames()
        assert {*names} == {"c.json", "manifest.json", *sent}
        assert all(archive.extractfile(name).read() == LAYERS[name] for name in sent)  # type: ignore[union-attr]


def test_a_daemon_that_wants_every_layer_gets_them(desk: Desk, tmp_path: Path) -> None:
    path = layered(tmp_path / "image.tar")
    desk.fake.images["sha256:7"] = {"Id": "sha256:7", "RootFS": {"Layers": [*LAYERS]}}
    load = desk.fake._load

    def wants_all(request: Recorded, reply: Reply) -> None:
        desk.fake.on("POST", "/images/load", load)
        reply.error(500, "Some layer tarfiles are missing")

    desk.fake.on("POST", "/images/load", wants_all)
    assert setup(replace(desk.caller, endpoint=Endpoint("tcp")), path).ok
    first, second = (request for request in desk.fake.requests if request.call == "POST /images/load")
    assert second.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() != first.sha256


def test_a_layer_is_left_out_of_no_archive_with_links_or_compression(desk: Desk, tmp_path: Path) -> None:
    path, names = layered(tmp_path / "image.tar"), frozenset(LAYERS)
    assert b"".join(Archive(path, "", desk.caller, names)) != path.read_bytes()
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("again.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "low.tar"
        tar.addfile(link)
    assert b"".join(Archive(path, "", desk.caller, names)) == path.read_bytes()
    packed = tmp_path / "image.tgz"
    packed.write_bytes(gzip.compress(layered(path).read_bytes()))
    assert b"".join(Archive(packed, "", desk.caller, names)) == packed.read_bytes()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[FakeEngine]:
    """Another daemon, with the image of `layered` in it."""
    content = layered(tmp_path / "saved.tar").read_bytes()

    def save(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/x-tar")
        reply.more(content)
        reply.end()

    with FakeEngine(tmp_path / "o.sock") as other:
        here = {"Os": "linux", "Architecture": "amd64"}
        other.images["name/space:2"] = {"Id": "sha256:2", "RootFS": {"Layers": [*LAYERS]}, **here}
        other.on("GET", "/images/get", save)
        yield other


def taking(desk: Desk) -> Caller:
    return replace(desk.caller, endpoint=Endpoint("tcp"), environ={"EXEC_IMAGE": "name/space:2"})


def test_from_host_to_host_go_only_the_layers_that_changed(desk: Desk, other: FakeEngine) -> None:
    desk.fake.images["sha256:7"] = {"Id": "sha256:7", "RootFS": {"Layers": ["low.tar", "middle.tar", "other"]}}
    with connect(other.endpoint) as source, SavedImages() as saved:
        for _ in range(2):
            assert copy(taking(desk), source, saved) == "name/space:2"
            del desk.fake.images["name/space:2"]
    loads = [request for request in desk.fake.requests if request.call == "POST /images/load"]
    assert len(loads) == 2
    for load in loads:
        with tarfile.open(fileobj=io.BytesIO(load.body)) as archive:
            assert {*archive.getnames()} == {"c.json", "manifest.json", "top.tar"}
    assert other.calls().count("GET /images/get") == 1, "two targets, read once"


def test_an_image_goes_as_a_stream_where_no_layer_of_it_is_there(
    desk: Desk, other: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with connect(other.endpoint) as source:
        assert setup(taking(desk), source).out == "name/space:2\n"
    (load,) = (request for request in desk.fake.requests if request.call == "POST /images/load")
    assert load.sha256 == hashlib.sha256((tmp_path / "saved.tar").read_bytes()).hexdigest()


def test_an_image_that_can_not_be_saved_here_is_one_line(
    desk: Desk, other: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.fake.images["sha256:7"] = {"Id": "sha256:7", "RootFS": {"Layers": ["low.tar"]}}
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    line = "can't save image name/space:2 in /nowhere: No such file or directory; TMPDIR names another folder"
    with connect(other.endpoint) as source, pytest.raises(WeaveError, match=line):
        setup(taking(desk), source)
    assert "POST /images/load" not in desk.fake.calls()


def test_nothing_of_an_image_that_breaks_off_is_left_here(
    desk: Desk, other: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/x-tar")
        reply.more(b"a piece of it")
        reply.close()

    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    desk.fake.images["sha256:7"] = {"Id": "sha256:7", "RootFS": {"Layers": ["low.tar"]}}
    other.on("GET", "/images/get", cut)
    with connect(other.endpoint) as source, pytest.raises(ProtocolError):
        setup(taking(desk), source)
    assert [*(tmp_path / "tmp").iterdir()] == []


@pytest.mark.parametrize(
    "manifest",
    [b"[" * 200_000, b'{"a":' * 100_000, b" " * 5_000_000, b"[{}]", b'[{"RepoTags": 1, "Config": 2}]', b"\xff"],
)
def test_a_manifest_that_is_none_is_one_line(desk: Desk, tmp_path: Path, manifest: bytes) -> None:
    path = write(tmp_path / "bad.tar", {"manifest.json": manifest})
    with pytest.raises(WeaveError, match=r"bad\.tar is not a docker archive with one image in it; make one"):
        setup(desk.caller, path)
    assert desk.fake.requests == []


def test_a_header_that_asks_for_too_much_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bad.tar"
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1 << 33
    with path.open("wb") as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        file.truncate(1 << 34)
    tracemalloc.start()
    try:
        with pytest.raises(WeaveError, match="is not a docker archive"):
            archive_identity(path)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["device", "directory", "pipe"])
def test_what_is_no_file_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = {"device": Path("/dev/zero"), "directory": tmp_path, "pipe": tmp_path / "pipe"}[kind]
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(WeaveError, match=r"it is not a regular file; it is read twice"):
        archive_identity(path)


def test_bars_end_before_the_result_is_printed(desk: Desk, archive: Path) -> None:
    steps: list[str] = []

    class Bars:
        def update(self, item: str, status: str, current: int, total: int) -> None:
            steps.append("bar")

        def end(self) -> None:
            steps.append("end")

    class Out:
        def write(self, data: bytes) -> None:
            steps.append(data.decode())

        def flush(self) -> None:
            pass

    setup(replace(desk.caller, meter=Bars(), stdout=Out()), archive)
    assert "bar" in steps
    assert steps[-2:] == ["end", "loaded:latest\n"]
