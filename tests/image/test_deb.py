"""Debian's package files are read without Debian's programs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from weave_http.errors import WeaveError
from weave_http.image.deb import built, contents, unpack
from weave_http.image.tree import File


def make_deb(folder: Path, name: str) -> Path:
    """A package with one file, made by dpkg-deb."""
    root = folder / name
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: test\n"
    )
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / name).write_text("hello")
    deb = folder / f"{name}_1_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(root), str(deb)], check=True, capture_output=True)
    return deb


@pytest.mark.programs
def test_packages_are_unpacked_except_the_skipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    debs = [make_deb(tmp_path, "wanted"), make_deb(tmp_path, "unwanted")]
    (tree,) = unpack(debs, frozenset({"unwanted"}))
    assert isinstance(tree["usr/bin/wanted"], File)
    assert built(debs[0]) == 1000000000


@pytest.mark.programs
def test_a_broken_package_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken_1_all.deb"
    broken.write_bytes(b"not a package")
    with pytest.raises(WeaveError, match=r"broken_1_all\.deb is no Debian package; remove"):
        unpack([broken], frozenset())
    with pytest.raises(WeaveError, match="is no Debian package"):
        built(broken)


def member(name: str, data: bytes) -> bytes:
    return f"{name:<16}{7:<12}0     0     100644  {len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"!<arch>\n",
        b"!<arch>\n" + member("debian-binary", b"2.0\n"),
        b"!<arch>\n" + member("data.tar.xz", b"no xz"),
        b"!<arch>\n" + member("data.tar", b"x" * 600),
        b"!<arch>\n" + member("data.tar.xz", b"123")[:-30],
    ],
)
def test_what_is_no_package_is_one_line(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a_1_all.deb"
    path.write_bytes(damage)
    with pytest.raises(WeaveError, match=r"a_1_all\.deb is no Debian package"):
        contents(path)


def test_a_packing_that_only_dpkg_reads_is_named_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "a_1_all.deb"
    path.write_bytes(b"!<arch>\n" + member("data.tar.zst", b"123"))
    with pytest.raises(WeaveError, match=r"is packed as data\.tar\.zst, which needs dpkg-deb"):
        contents(path)
