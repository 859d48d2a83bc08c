"""Packages are chosen from an archive's index, and what is fetched is what the index promises."""

from __future__ import annotations

import functools
import hashlib
import itertools
import random
import subprocess
from pathlib import Path

import pytest

from tests.image.debian_archive import add_index, served
from weave_http.errors import WeaveError
from weave_http.image.apt import Machine
from weave_http.image.mirror import RELEASE, Package, choose, fetch, parse_index, version_key

SYSTEM = Machine("debian test", "amd64")


def package(name: str, *needs: tuple[str, ...], provides: tuple[str, ...] = ()) -> Package:
    return Package(name, "1", needs, provides, f"x/{name}.deb", "0")


def chosen(*known: Package, wanted: str = "a", skipped: frozenset[str] = frozenset()) -> str:
    found = choose([wanted], {each.name: each for each in known}, skipped)
    return " ".join(each.name for each in found)


def test_dependencies_come_along_once_also_in_circles() -> None:
    assert chosen(package("a", ("b",), ("c",)), package("b", ("c",)), package("c", ("a",)), package("d")) == "a b c"


def test_of_alternatives_the_first_that_exists_is_taken() -> None:
    assert chosen(package("a", ("gone", "b", "c")), package("b"), package("c")) == "a b"


def test_what_is_only_provided_is_found() -> None:
    assert chosen(package("a", ("virtual",)), package("b", provides=("virtual",))) == "a b"


def test_what_is_not_wanted_is_left_out_with_what_only_it_needs() -> None:
    known = (package("a", ("b",), ("c",)), package("b", ("d",)), package("c"), package("d"))
    assert chosen(*known, skipped=frozenset({"b"})) == "a c"


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(WeaveError, match="the Debian archive has no package b for this release"):
        chosen(package("a", ("b",)))


def test_an_index_is_read_with_versions_and_architectures_of_dependencies_left_out() -> None:
    text = (
        "Package: a\nVersion: 1:2-3\nPre-Depends: libc6 (>= 2.36)\nDepends: python3:any (>= 3), b | c (<< 2)\n"
        "Provides: d (= 1), e\nDescription: text\n more: text\nFilename: pool/a.deb\nSHA256: 00\n\n"
    )
    (found,) = parse_index(text, "https://x/debian")
    assert found == Package(
        "a", "1:2-3", (("libc6",), ("python3",), ("b", "c")), ("d", "e"), "https://x/debian/pool/a.deb", "00"
    )
    with pytest.raises(WeaveError, match="lacks a field: SHA256"):
        list(parse_index(text.replace("SHA256", "MD5sum"), "x"))


VERSIONS = ["1", "1.0", "1.0-1", "1.0-1~deb12u1", "1.0-1+b1", "1.0-10", "1:0.1", "1.0~rc1", "1.0a", "1.0+1", "2.36-9"]


@pytest.mark.programs
def test_versions_are_sorted_as_dpkg_sorts_them() -> None:
    mixed = random.Random(1).sample(VERSIONS, len(VERSIONS))
    ordered = sorted(mixed, key=version_key)
    for lower, higher in itertools.pairwise(ordered):
        done = subprocess.run(["dpkg", "--compare-versions", lower, "lt", higher], check=False)
        assert done.returncode == 0, (lower, higher)


def archive(root: Path, *, security: str = "") -> bytes:
    """An archive with one package, whose content is returned, and perhaps another version of it in the updates."""
    data = b"the package"
    for top, suite, version in (("debian", RELEASE, "1.0-9"), ("debian-security", f"{RELEASE}-security", security)):
        text = f"Package: a\nVersion: {version}\nFilename: pool/a_{version}.deb\nSHA256: "
        add_index(root / top, suite, f"{text}{hashlib.sha256(data).hexdigest()}\n" if version else "", "amd64")
        (root / top / "pool").mkdir()
        (root / top / "pool" / f"a_{version}.deb").write_bytes(data)
    return data


got = functools.partial(fetch, ["a"], system=SYSTEM, report=lambda line: None)


@pytest.mark.parametrize(("security", "expected"), [("", "1.0-9"), ("1.0-10", "1.0-10"), ("1.0-8", "1.0-9")])
def test_the_newest_version_is_fetched_and_kept(tmp_path: Path, security: str, expected: str) -> None:
    data = archive(tmp_path / "www", security=security)
    with served(tmp_path / "www") as url:
        (deb,) = got(tmp_path / "cache", archive=url)
        assert (deb.name, deb.read_bytes()) == (f"a_{expected}.deb", data)
        for pool in (tmp_path / "www").glob("*/pool/*.deb"):
            pool.unlink()
        assert got(tmp_path / "cache", archive=url) == [deb], "what is there and whole is not fetched again"


def test_a_package_other_than_promised_is_not_kept(tmp_path: Path) -> None:
    archive(tmp_path / "www")
    (tmp_path / "www" / "debian" / "pool" / "a_1.0-9.deb").write_bytes(b"another")
    with (
        served(tmp_path / "www") as url,
        pytest.raises(WeaveError, match=r"a_1\.0-9\.deb is not what the archive's lists promise"),
    ):
        got(tmp_path / "cache", archive=url)
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_index_other_than_promised_is_refused(tmp_path: Path) -> None:
    archive(tmp_path / "www")
    index = next((tmp_path / "www" / "debian").rglob("Packages.xz"))
    index.write_bytes(index.read_bytes() + b"x")
    with served(tmp_path / "www") as url, pytest.raises(WeaveError, match="not what the archive's lists promise"):
        got(tmp_path / "cache", archive=url)


def test_an_archive_without_tls_is_refused_unless_it_is_on_this_machine(tmp_path: Path) -> None:
    with pytest.raises(WeaveError, match="is no https:// address; signatures are not checked"):
        got(tmp_path, archive="http://mirror.example/debian")


def test_what_a_server_refuses_and_a_server_that_is_not_there_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    with served(tmp_path / "www") as url, pytest.raises(WeaveError, match="the server answers 404"):
        got(tmp_path / "cache", archive=url)
    with pytest.raises(WeaveError, match=rf"fetching {url}.*; check the network"):
        got(tmp_path / "cache", archive=url)
