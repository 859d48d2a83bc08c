"""What the upper layer holds, when the archive is reused, and that both ways of building agree."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from weave_http import constants
from weave_http.errors import WeaveError
from weave_http.image import DOCKERFILE, apt, build, build_image, waiter
from weave_http.image.apt import Machine
from weave_http.image.archive import inputs_of
from weave_http.image.build import CALLERS_SIDE, CODE_FOLDER, PACKAGE, host_side
from weave_http.image.result import SCRATCH_PREFIX, locked
from weave_http.image.tree import Entry, File, layer_tar


def test_the_image_has_the_hosts_side_and_the_launcher_and_no_more() -> None:
    tree = host_side(PACKAGE)
    assert tree["usr/bin/weave"] == File((PACKAGE / "image" / "launcher").read_bytes(), 0o755)
    parts = {path.removeprefix(f"{CODE_FOLDER}/").split("/")[0] for path in tree if path.startswith(CODE_FOLDER)}
    assert {"__main__.py", "constants.py", "errors.py", "engine", "host", "local", "net", "router"} <= parts
    assert not parts & CALLERS_SIDE
    assert not [path for path in tree if "__pycache__" in path]


@pytest.mark.parametrize("part", ["local", "router", "net", "engine"])
def test_nothing_on_the_hosts_side_imports_what_the_image_leaves_out(part: str) -> None:
    for path in sorted((PACKAGE / part).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            for module in modules:
                inside = module.removeprefix("weave_http.").split(".")[0]
                assert not (module.startswith("weave_http.") and inside in CALLERS_SIDE), f"{path.name}: {module}"


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A build without apt, pip and compilers; the list says which steps were taken."""
    steps: list[str] = []

    def base(key: str, cache: Path, system: Machine, report: object, *, refresh: bool) -> bytes:
        steps.append("base refreshed" if refresh else "base")
        return layer_tar({"etc/base": File(b"")}, mtime=5)

    def compiled(
        base: Mapping[str, Entry], code: Mapping[str, Entry], folders: Sequence[str], *, scratch: Path
    ) -> dict[str, Entry]:
        steps.append("compiled")
        return {}

    monkeypatch.setattr(apt, "machine", lambda: Machine("debian test", "amd64"))
    monkeypatch.setattr(build, "_base_tar", base)
    monkeypatch.setattr(build, "compiled", compiled)
    return steps


def test_an_archive_made_from_the_same_inputs_is_used_again(tmp_path: Path, no_tools: list[str]) -> None:
    out, cache = tmp_path / "weave.tar", tmp_path / "cache"
    first = build_image(out, cache=cache, report=no_tools.append)
    assert not first.reused
    assert first.tag == constants.DEFAULT_IMAGE
    assert first.size == out.stat().st_size
    assert no_tools == ["base", "compiling weave-http", "compiled", f"writing {out}"]
    no_tools.clear()
    assert build_image(out, cache=cache, report=no_tools.append).reused
    assert no_tools == []


def test_another_tag_other_code_or_a_wish_for_updates_is_built_anew(
    tmp_path: Path, no_tools: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, cache = tmp_path / "weave.tar", tmp_path / "cache"
    build_image(out, cache=cache, report=no_tools.append)
    assert not build_image(out, cache=cache, tag="other:1", report=no_tools.append).reused
    assert not build_image(out, cache=cache, tag="other:1", report=no_tools.append, refresh=True).reused
    assert "base refreshed" in no_tools
    monkeypatch.setattr(build, "host_side", lambda package: {"usr/bin/weave": File(b"changed")})
    assert not build_image(out, cache=cache, tag="other:1", report=no_tools.append).reused


def test_a_damaged_archive_is_built_anew(tmp_path: Path, no_tools: list[str]) -> None:
    out, cache = tmp_path / "weave.tar", tmp_path / "cache"
    key = inputs_of(build_image(out, cache=cache, report=no_tools.append).path)
    out.write_bytes(b"")
    assert not build_image(out, cache=cache, report=no_tools.append).reused
    assert inputs_of(out) == key


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, no_tools: list[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeaveError, match=r"weave\.tar can't be built: .*/file\)"):
        build_image(tmp_path / "file" / "weave.tar", cache=tmp_path / "cache", report=no_tools.append)
    with pytest.raises(WeaveError, match=r"the cache folder .*cache can't be used"):
        build_image(tmp_path / "weave.tar", cache=tmp_path / "file" / "cache", report=no_tools.append)


def test_what_a_killed_build_left_in_the_cache_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / f"{SCRATCH_PREFIX}abc" / "usr"
    left.mkdir(parents=True)
    (tmp_path / "apt").mkdir()
    with locked(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["apt", "lock"]


def test_the_dockerfile_leaves_out_the_same_parts_and_says_the_same_to_the_engine() -> None:
    text = DOCKERFILE.read_text()
    removed = re.search(r"rm -rf ((?:\w+ ?)+)", text)
    assert removed is not None
    assert set(removed[1].split()) == CALLERS_SIDE
    assert 'ENTRYPOINT ["/usr/bin/weave"]' in text
    assert f"ARG TAG={constants.DEFAULT_IMAGE}" in text
    assert f'{constants.WAITER_LABEL}="{constants.WAITER}"' in text
    assert " ".join(waiter.OPTIONS) in text
    config = build._config(Machine("debian bookworm", "amd64"), 0, constants.DEFAULT_IMAGE, "")
    assert config.entrypoint == ["/usr/bin/weave"]
    for name in set(config.env) - {"PATH"}:
        assert f"{name}=" in text
    for label in config.labels:
        if label.startswith("org.opencontainers.image") and not label.endswith("base.name"):
            assert f"{label}=" in text
