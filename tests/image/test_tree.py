"""A layer is a function of its tree."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from weave_http.image.tree import Directory, Entry, File, Symlink, digest, layer_tar, newest, read_layer, resolve, write

TREE: dict[str, Entry] = {
    "usr/bin/weave": File(b"#!/usr/bin/python3\n", 0o755),
    "etc/passwd": File(b"root"),
    "bin": Symlink("usr/bin"),
    "tmp": Directory(0o1777),
}


def members(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.getmembers()


def test_equal_trees_give_equal_bytes_in_whatever_order_they_were_filled() -> None:
    backwards = dict(reversed(TREE.items()))
    assert layer_tar(TREE, mtime=7) == layer_tar(backwards, mtime=7)


def test_a_layer_is_sorted_has_all_parents_and_belongs_to_root() -> None:
    found = members(layer_tar(TREE, mtime=1234))
    assert [member.name for member in found] == [
        *("bin", "etc", "etc/passwd", "tmp", "usr", "usr/bin", "usr/bin/weave"),
    ]
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in found} == {(0, 0, "", 1234)}


def test_modes_and_links_come_through_a_tar_and_back() -> None:
    back = read_layer(layer_tar(TREE, mtime=0))
    assert {path: entry for path, entry in back.items() if path in TREE} == TREE


def test_a_hard_link_in_a_package_becomes_a_file_of_its_own() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        first = tarfile.TarInfo("./bin/one")
        first.size = 3
        archive.addfile(first, io.BytesIO(b"abc"))
        second = tarfile.TarInfo("./bin/two")
        second.type, second.linkname = tarfile.LNKTYPE, "./bin/one"
        archive.addfile(second)
    tree = read_layer(buffer.getvalue())
    assert isinstance(entry := tree["bin/two"], File)
    assert entry.data == b"abc"


def test_newest_is_the_time_the_layer_was_made_with() -> None:
    assert newest(layer_tar(TREE, mtime=99)) == 99


def test_a_link_resolves_relative_to_its_folder_or_to_the_root() -> None:
    tree: dict[str, Entry] = {
        "lib/a.so": Symlink("../usr/lib/a.so.1"),
        "usr/lib/a.so.1": Symlink("/opt/a"),
        "opt/a": File(b""),
        "loop": Symlink("loop"),
        "nowhere": Symlink("gone"),
    }
    assert resolve(tree, "lib/a.so") == "opt/a"
    assert resolve(tree, "loop") is None
    assert resolve(tree, "nowhere") is None


def test_a_tree_is_written_below_a_folder(tmp_path: Path) -> None:
    write(TREE, tmp_path)
    assert (tmp_path / "usr/bin/weave").read_bytes().startswith(b"#!")
    assert (tmp_path / "usr/bin/weave").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "bin/weave").resolve() == tmp_path / "usr/bin/weave"


def test_a_digest_tells_how_parts_are_divided() -> None:
    assert digest([b"ab", b"c"]) != digest([b"a", b"bc"])
