"""The archive is what `POST /images/load` reads."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from weave_http.image.archive import INPUTS_LABEL, ImageConfig, Layer, inputs_of, write_archive
from weave_http.image.tree import File, layer_tar

LAYERS = [
    Layer(layer_tar({"a": File(b"one")}, mtime=0), "lower"),
    Layer(layer_tar({"b": File(b"two")}, mtime=0), "upper"),
]
CONFIG = ImageConfig(
    architecture="amd64",
    created=86400,
    env={"PATH": "/bin"},
    labels={INPUTS_LABEL: "abc"},
    entrypoint=["/usr/bin/weave"],
)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    out = tmp_path / "folder" / "image.tar"
    write_archive(out, tag="some/image:1", config=CONFIG, layers=LAYERS)
    return out


def content(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]


def test_the_manifest_names_tag_configuration_and_layers_by_their_digests(archive: Path) -> None:
    files = content(archive)
    (manifest,) = json.loads(files["manifest.json"])
    assert manifest["RepoTags"] == ["some/image:1"]
    assert manifest["Config"] == f"{hashlib.sha256(files[manifest['Config']]).hexdigest()}.json"
    for name in manifest["Layers"]:
        assert name == f"{hashlib.sha256(files[name]).hexdigest()}.tar"


def test_the_configuration_lists_layers_lowest_first_with_a_history_entry_each(archive: Path) -> None:
    files = content(archive)
    (manifest,) = json.loads(files["manifest.json"])
    config = json.loads(files[manifest["Config"]])
    assert config["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in LAYERS]}
    assert [entry["created_by"] for entry in config["history"]] == ["lower", "upper"]
    assert config["created"] == "1970-01-02T00:00:00Z"
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert config["config"] == {
        "Env": ["PATH=/bin"],
        "Labels": {INPUTS_LABEL: "abc"},
        "WorkingDir": "/",
        "Entrypoint": ["/usr/bin/weave"],
    }


@pytest.mark.parametrize(
    ("debian", "architecture", "variant"),
    [("amd64", "amd64", None), ("arm64", "arm64", None), ("armhf", "arm", "v7"), ("ppc64el", "ppc64le", None)],
)
def test_the_architecture_is_given_by_the_name_engines_use(debian: str, architecture: str, variant: str | None) -> None:
    config = json.loads(ImageConfig(architecture=debian, created=0, cmd=["sh"]).json([]))
    assert (config["architecture"], config.get("variant")) == (architecture, variant)
    assert config["config"]["Cmd"] == ["sh"]


def test_the_same_layers_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    write_archive(tmp_path / "again.tar", tag="some/image:1", config=CONFIG, layers=LAYERS)
    assert archive.read_bytes() == (tmp_path / "again.tar").read_bytes()


def test_an_archive_tells_what_it_was_made_from(archive: Path) -> None:
    assert inputs_of(archive) == "abc"


def test_what_is_no_archive_of_ours_was_made_from_nothing(tmp_path: Path) -> None:
    broken, foreign = tmp_path / "broken.tar", tmp_path / "foreign.tar"
    broken.write_bytes(b"x" * 1000)
    with tarfile.open(foreign, "w") as opened:
        member = tarfile.TarInfo("manifest.json")
        member.size = 2
        opened.addfile(member, io.BytesIO(b"[]"))
    assert [inputs_of(path) for path in (tmp_path / "none.tar", broken, foreign)] == ["", "", ""]


def foreign_archive(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w") as opened:
        for name, content in members.items():
            member = tarfile.TarInfo(name.replace("_", "."))
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"manifest_json": b"[]"},
        {"manifest_json": b"[" * 100_000},
        {"manifest_json": b" " * (5 << 20) + b"[]"},
        {"manifest_json": b'[{"Config": "c"}]'},
        {"manifest_json": b'[{"Config": 7}]'},
        {"manifest_json": b'{"a": 1}'},
        {"manifest_json": b"\xff\xff"},
        {"manifest_json": b'[{"Config": "c"}]', "c": b"{"},
        {"manifest_json": b'[{"Config": "c"}]', "c": b"[1]"},
        {"manifest_json": b'[{"Config": "c"}]', "c": b'{"config": {"Labels": ["abc"]}}'},
    ],
    ids=lambda members: f"{sum(map(len, members.values()))} bytes",
)
def test_an_archive_of_others_was_made_from_nothing(tmp_path: Path, members: dict[str, bytes]) -> None:
    assert inputs_of(foreign_archive(tmp_path / "foreign.tar", **members)) == ""


@pytest.mark.parametrize("size", [0, 300, 1000])
def test_a_broken_archive_was_made_from_nothing(tmp_path: Path, archive: Path, size: int) -> None:
    broken = tmp_path / "broken.tar"
    for whole in (archive.read_bytes(), gzip.compress(bytes(range(256)) * 1000)):
        broken.write_bytes(whole[:size])
        assert inputs_of(broken) == ""


def test_a_device_is_not_read_as_an_archive() -> None:
    assert inputs_of(Path("/dev/zero")) == ""
