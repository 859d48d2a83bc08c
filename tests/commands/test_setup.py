"""`weave setup`: the image comes from a registry or from an archive, and only when it is not there yet."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from tests.commands.conftest import Desk
from weave_http import constants
from weave_http.commands import setup
from weave_http.commands.archive import archive_identity
from weave_http.engine.errors import StreamError
from weave_http.errors import WeaveError

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


def test_without_a_file_the_daemon_pulls(desk: Desk) -> None:
    desk.fake.pullable.add(constants.DEFAULT_IMAGE)
    assert setup(desk.caller) == 0
    assert desk.routes() == ["HEAD /_ping", "POST /images/create"]
    assert desk.out.getvalue() == f"{constants.DEFAULT_IMAGE}\n".encode()


def test_a_file_is_sent_as_it_is(desk: Desk, archive: Path) -> None:
    assert setup(desk.caller, archive) == 0
    sent = desk.fake.requests[-1]
    assert sent.call == "POST /images/load"
    assert sent.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert desk.out.getvalue() == b"loaded:latest\n"


def test_a_file_whose_image_is_there_is_not_sent_again(desk: Desk, archive: Path) -> None:
    desk.fake.images["loaded:latest"] = {"Id": f"sha256:{DIGEST}"}
    assert setup(desk.caller, archive) == 0
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
