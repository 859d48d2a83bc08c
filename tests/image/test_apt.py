"""What apt prints, and packages without their scripts."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import pytest

from weave_http.errors import WeaveError
from weave_http.image import apt
from weave_http.image.apt import Machine, fetch, file_names

RECORDED = """\
'http://deb.example/debian/pool/main/g/glibc/libc6_2.36-9%2bdeb12u14_amd64.deb' libc6_2.36-9+deb12u14_amd64.deb 2759320 MD5Sum:8d98f0c882f269aaee8437bcfe89346e
'http://deb.example/security/o/openssl/libssl3_3.0.22-1%7edeb12u2_amd64.deb' libssl3_3.0.22-1~deb12u2_amd64.deb 2039888 
'http://deb.example/debian/c/conntrack_1.4.7-1%2bb2_amd64.deb' conntrack_1%3a1.4.7-1+b2_amd64.deb 35240 MD5Sum:c4ca
"""  # noqa: E501, W291


def test_file_names_are_taken_from_what_apt_prints_with_or_without_a_hash() -> None:
    assert file_names(RECORDED) == [
        "conntrack_1%3a1.4.7-1+b2_amd64.deb",
        "libc6_2.36-9+deb12u14_amd64.deb",
        "libssl3_3.0.22-1~deb12u2_amd64.deb",
    ]


def test_a_line_that_is_no_package_is_refused() -> None:
    with pytest.raises(WeaveError, match="no package: Reading package lists"):
        file_names("Reading package lists...\n")


class Apt:
    """Stands in for apt-get: knows what the machine's lists and lists of our own would give."""

    def __init__(self, *, machine_lists: bool, network: bool) -> None:
        self.machine_lists, self.network = machine_lists, network
        self.calls: list[str] = []

    def __call__(self, command: list[str], *, what: str, hint: str = "") -> bytes:
        own_lists = any("Dir::State::Lists" in word for word in command)
        action = next(word for word in command if word in ("update", "--print-uris", "--download-only"))
        self.calls.append(action + (" (own lists)" if own_lists else ""))
        if action == "update":
            if not self.network:
                raise WeaveError(f"{what}: Temporary failure resolving", hint=hint)
        elif not self.machine_lists and not (own_lists and self.network):
            raise WeaveError(f"{what}: Unable to locate package python3")
        return RECORDED.encode() if action == "--print-uris" else b""


@pytest.fixture
def silent() -> list[str]:
    return []


def test_the_machines_own_lists_are_enough_when_they_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: list[str]
) -> None:
    fake = Apt(machine_lists=True, network=True)
    monkeypatch.setattr(apt, "run", fake)
    debs = fetch(["python3"], tmp_path / "apt", report=silent.append)
    assert fake.calls == ["--print-uris", "--download-only"]
    assert [deb.parent.name for deb in debs] == ["debs"] * 3
    assert silent == []


def test_missing_package_lists_are_fetched_into_the_cache_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: list[str]
) -> None:
    fake = Apt(machine_lists=False, network=True)
    monkeypatch.setattr(apt, "run", fake)
    assert len(fetch(["python3"], tmp_path / "apt", report=silent.append)) == 3
    assert fake.calls == [
        *("--print-uris", "update (own lists)", "--print-uris (own lists)", "--download-only (own lists)"),
    ]
    assert silent == ["fetching the package lists"]
    assert (tmp_path / "apt" / "lists" / "partial").is_dir()


def test_without_network_the_error_is_that_of_the_lists_and_not_an_unknown_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: list[str]
) -> None:
    monkeypatch.setattr(apt, "run", Apt(machine_lists=False, network=False))
    with pytest.raises(WeaveError, match=r"Temporary failure resolving; check the network"):
        fetch(["python3"], tmp_path / "apt", report=silent.append)


def test_a_folder_that_apt_would_misread_is_refused_by_name(tmp_path: Path, silent: list[str]) -> None:
    with pytest.raises(WeaveError, match="two words"):
        fetch(["python3"], tmp_path / "two words", report=silent.append)


def test_a_machine_without_apt_is_told_of_the_dockerfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WeaveError, match=r"apt-get is not installed.*Dockerfile"):
        apt.machine()


def test_a_machine_is_its_release_and_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "debian", "VERSION_CODENAME": "trixie"})
    monkeypatch.setattr(apt, "run", lambda command, what: b"arm64\n")
    assert apt.machine() == Machine("debian trixie", "arm64")
