"""What is missing is said in one line, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from weave_http.errors import SandboxError
from weave_http.sandbox import Sandbox, checks, engine_root_missing


def engine_root(directory: Path, programs: list[str]) -> Path:
    (directory / "usr" / "sbin").mkdir(parents=True)
    for program in programs:
        (directory / "usr" / "sbin" / program).touch(mode=0o755)
    return directory


NEEDED = ["dockerd", "containerd", "runc", "iptables", "sh", "setsid", "sleep"]


def test_a_complete_engine_root_lacks_nothing(tmp_path: Path) -> None:
    assert engine_root_missing(engine_root(tmp_path, NEEDED)) == []


def test_each_missing_program_is_named_with_its_package(tmp_path: Path) -> None:
    root = engine_root(tmp_path, [name for name in NEEDED if name not in {"dockerd", "iptables"}])

    assert engine_root_missing(root) == [
        f"no dockerd in {root}: install the Debian package docker.io there",
        f"no iptables in {root}: install the Debian package iptables there",
    ]


def test_an_engine_root_may_have_podman_instead_of_docker(tmp_path: Path) -> None:
    root = engine_root(tmp_path, ["podman", "conmon", "iptables", "sh", "setsid", "sleep"])

    assert engine_root_missing(root) == [f"no crun in {root}: install the Debian package crun there"]


@pytest.mark.parametrize("name", ["a:b", "a,b", "a\\b"])
def test_a_path_that_an_overlay_cannot_take_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()

    assert "which an overlay cannot take" in engine_root_missing(tmp_path / name)[0]


def test_no_directory_is_no_engine_root(tmp_path: Path) -> None:
    assert engine_root_missing(tmp_path / "none") == [f"{tmp_path / 'none'} is not the absolute path of a directory"]


def test_not_being_root_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    for action in (Sandbox(tmp_path / "state").up, Sandbox(tmp_path / "state").down):
        with pytest.raises(SandboxError, match=r"^a sandbox needs root; run it with sudo$"):
            action()


def root_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "require_root", lambda: None)
    monkeypatch.setattr(checks, "missing_here", list)
    monkeypatch.setattr(checks, "engine_root_missing", lambda _: [])
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    root_here(monkeypatch)
    monkeypatch.setattr("shutil.which", lambda name: None if name == "ip" else name)

    with pytest.raises(SandboxError, match=r"^no ip on this machine; apt-get install iproute2$"):
        checks.require_machine(Path("/"))


def test_a_root_in_a_container_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    root_here(monkeypatch)
    monkeypatch.setattr(checks, "missing_here", lambda: ["CAP_SYS_ADMIN", "CAP_SYS_RESOURCE"])

    with pytest.raises(SandboxError, match=r"^root lacks CAP_SYS_ADMIN here; "):
        checks.require_machine(Path("/"))


def test_a_kernel_without_overlays_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    root_here(monkeypatch)
    monkeypatch.setattr(checks, "_has_filesystem", lambda kind: kind != "overlay")

    with pytest.raises(SandboxError, match=r"^this kernel has no overlay file system; "):
        checks.require_machine(Path("/"))


def test_a_directory_with_other_things_in_it_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()

    with pytest.raises(SandboxError, match=r"holds other things \(thesis\.tex\)"):
        checks.require_state_directory(tmp_path)


def test_a_path_too_long_for_a_unix_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="too long a path"):
        checks.require_state_directory(tmp_path / ("x" * 100))


def test_the_innermost_mount_tells_the_file_system() -> None:
    text = (
        "22 1 254:0 / / rw - overlay overlay rw\n"
        "30 22 0:26 / /var/lib rw shared:1 - ext4 /dev/vda rw\n"
        "31 22 0:27 / /var/library rw - xfs /dev/vdb rw\n"
    )

    assert checks.filesystem_of(Path("/var/lib/x"), text) == "ext4"
    assert checks.filesystem_of(Path("/var/library"), text) == "xfs"
    assert checks.filesystem_of(Path("/home"), text) == "overlay"


@pytest.mark.parametrize("name", ["", "Weave", "a" * 12, "a/b", "1a"])
def test_a_name_that_makes_no_interface_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SandboxError, match="is no sandbox name"):
        Sandbox(tmp_path, name=name)


@pytest.mark.parametrize("subnet", ["10.1.2.3/8", "fd00::/64", "lan"])
def test_a_subnet_that_is_none_is_refused(tmp_path: Path, subnet: str) -> None:
    with pytest.raises(SandboxError, match="is no IPv4 network"):
        Sandbox(tmp_path, subnet=subnet)
