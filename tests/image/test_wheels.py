"""Which Python libraries the image gets."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import zipfile
from pathlib import Path

import pytest

from weave_http.errors import WeaveError
from weave_http.image import wheels
from weave_http.image.tree import File

PYPROJECT = """
[project]
name = "weave-http"
[project.optional-dependencies]
host = ["pyroute2>=0.9", "aiohttp>=3"]
dev = ["pytest"]
"""
FOLDER = "usr/lib/python3/dist-packages"


def test_a_source_checkout_says_itself_what_the_host_needs(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    assert wheels.requirements(tmp_path) == ("aiohttp>=3", "pyroute2>=0.9")


def test_an_installed_package_says_it_in_its_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = [
        "httpx<1,>=0.28",
        "msgpack<2,>=1.1; extra == 'host'",
        'aiohttp>=3; extra == "host"',
        "x; extra == 'dev'",
    ]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: declared)
    assert wheels.requirements(tmp_path) == ("aiohttp>=3", "msgpack<2,>=1.1")


def test_versions_are_pinned_only_by_a_source_checkout(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("aiohttp==3.14.5\n")
    assert wheels.constraints(tmp_path) is None  # some other project's file beside an installed package
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    assert wheels.constraints(tmp_path) == tmp_path / "constraints.txt"


def test_pip_is_asked_for_the_images_python_and_libc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def pip(command: list[str], *, what: str, hint: str) -> bytes:
        asked.append(command)
        (tmp_path / "aiohttp-3-cp313.whl").touch()
        return b""

    monkeypatch.setattr(wheels, "run", pip)
    found = wheels.fetch(
        ["aiohttp>=3"],
        tmp_path,
        pinned=Path("/p/constraints.txt"),
        python=(3, 13),
        architecture="arm64",
        glibc=(2, 41),
    )
    assert found == [tmp_path / "aiohttp-3-cp313.whl"]
    (command,) = asked
    assert command[command.index("--python-version") + 1] == "3.13"
    assert command[command.index("-c") + 1] == "/p/constraints.txt"
    assert {"--platform=manylinux_2_41_aarch64", "--platform=manylinux_2_17_aarch64"} <= set(command)
    assert "--platform=manylinux_2_42_aarch64" not in command


def test_without_pip_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WeaveError, match="pip is not installed; install it"):
        wheels.fetch(["a"], tmp_path / "w", pinned=None, python=(3, 11), architecture="amd64", glibc=(2, 36))


def test_a_wheel_is_unpacked_without_stubs_sources_and_tests(tmp_path: Path) -> None:
    wheel = tmp_path / "thing-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (
            *("thing/__init__.py", "thing/fast.so", "thing/fast.pyx", "thing/__init__.pyi", "thing/tests/test_a.py"),
            *("thing-1.dist-info/METADATA", "thing-1.dist-info/RECORD", "thing-1.data/scripts/thing"),
        ):
            archive.writestr(name, "x")
    assert wheels.unpack([wheel]) == {
        f"{FOLDER}/{name}": File(b"x") for name in ("thing/__init__.py", "thing/fast.so", "thing-1.dist-info/METADATA")
    }


def test_a_broken_wheel_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.whl").write_bytes(b"no zip")
    with pytest.raises(WeaveError, match=r"bad\.whl is broken; remove"):
        wheels.unpack([tmp_path / "bad.whl"])
