"""Both images built for real and run, here in a root of their own; engines get them in `tests/hosts`."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from weave_http import __version__
from weave_http.image import BuildResult, build, build_guest_image, build_image
from weave_http.image.build import CODE_FOLDER, PACKAGE, host_side
from weave_http.image.tree import Directory, Entry, File, Symlink, read_layer, write

PROJECT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("WEAVE_TEST_CACHE") or PROJECT / "build" / "cache" / "weave-http")
"""Shared, because fetching everything takes a quarter of a minute."""

pytestmark = pytest.mark.hosts

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module", autouse=True)
def same_code() -> Iterator[None]:
    """The code as it is now for all builds of this module, also while somebody is working on it."""
    code = host_side(PACKAGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "host_side", lambda package: dict(code))
        yield


@pytest.fixture(scope="module")
def space() -> Iterator[Path]:
    """A folder that is gone afterwards: pytest keeps its own ones, and these files are large."""
    with tempfile.TemporaryDirectory(prefix="weave-image-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def weave(space: Path) -> BuildResult:
    return build_image(space / "weave.tar", cache=CACHE, report=print)


@pytest.fixture(scope="module")
def guest(space: Path) -> BuildResult:
    return build_guest_image(space / "guest.tar", cache=CACHE, report=print)


def files(archive: Path) -> dict[str, Entry]:
    """All files of an image, its layers laid over each other."""
    parts = read_layer(archive.read_bytes())
    manifest = json.loads(data_of(parts["manifest.json"]))
    tree: dict[str, Entry] = {}
    for name in manifest[0]["Layers"]:
        tree |= read_layer(data_of(parts[name]))
    return tree


def data_of(entry: Entry) -> bytes:
    assert isinstance(entry, File)
    return entry.data


@pytest.fixture(scope="module")
def in_weave(weave: BuildResult, space: Path) -> Run:
    return runner(weave, space / "weave-root")


@pytest.fixture(scope="module")
def in_guest(guest: BuildResult, space: Path) -> Run:
    return runner(guest, space / "guest-root")


def runner(image: BuildResult, root: Path) -> Run:
    """Unpacks an image below `root`; what is returned runs a program of it there, in namespaces of its own."""
    root.mkdir()
    write(files(image.path), root)
    os.mknod(root / "dev" / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["unshare", "--net", "--pid", "--fork", "--kill-child", "chroot", str(root), *command],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )

    return run


def test_the_libraries_of_the_host_side_import_and_those_of_the_caller_are_absent(in_weave: Run) -> None:
    found = in_weave(
        "python3", "-W", "error", "-c", "import aiohttp.web, dnslib, msgpack, pyroute2, ssl, sqlite3, ctypes"
    )
    assert found.returncode == 0, found.stderr
    for absent in ("typer", "httpx", "requests", "weave_http.cli", "weave_http.sandbox"):
        assert "ModuleNotFoundError" in in_weave("python3", "-c", f"import {absent}").stderr


def test_the_launcher_runs_the_executor(in_weave: Run) -> None:
    done = in_weave("sh", "-c", "busybox ip link set lo up && exec /usr/bin/weave --local version")
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout


def test_the_waiter_is_alone_in_its_folder_and_runs(weave: BuildResult, in_weave: Run) -> None:
    found = {path: entry for path, entry in files(weave.path).items() if path.split("/")[0] == "w"}
    assert [path for path, entry in found.items() if not isinstance(entry, Directory)] == ["w/w"]
    waiter = found["w/w"]
    assert isinstance(waiter, File)
    assert (waiter.mode, len(waiter.data) < 10_000) == (0o755, True)
    done = in_weave("/w/w", "no-such-program")
    assert done.returncode == 127
    assert done.stderr == 'weave: exec: "no-such-program": executable file not found in $PATH\n'
    config = next(
        data for path, data in read_layer(weave.path.read_bytes()).items() if len(path) == 69 and "json" in path
    )
    assert json.loads(data_of(config))["config"]["Labels"]["works.weave.waiter"] == "/w/w"


def test_both_firewall_backends_run(in_weave: Run) -> None:
    for backend in ("iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy", "iptables"):
        done = in_weave(backend, "-w", "-A", "FORWARD", "-m", "comment", "--comment", "weave", "-j", "ACCEPT")
        assert done.returncode == 0, f"{backend}: {done.stderr}"
    assert "nf_tables" in in_weave("iptables", "--version").stdout
    assert "legacy" in in_weave("iptables-legacy-save", "--version").stdout
    assert in_weave("conntrack", "--version").returncode == 0


def test_every_module_comes_with_byte_code_that_is_never_checked(weave: BuildResult) -> None:
    tree = files(weave.path)
    modules = [path for path in tree if path.endswith(".py")]
    assert len(modules) > 500
    for path in modules:
        folder, _, name = path.rpartition("/")
        (code,) = [data for cached, data in tree.items() if cached.startswith(f"{folder}/__pycache__/{name[:-3]}.cp")]
        assert data_of(code)[4:8] == b"\x01\0\0\0", path  # hash-based, and not to be checked


def test_all_belongs_to_root_and_the_size_stays_small(weave: BuildResult, guest: BuildResult) -> None:
    assert weave.size < 100_000_000
    assert guest.size < 4_000_000


def test_a_change_of_code_leaves_the_lower_layer_as_it_is(
    weave: BuildResult, space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = build_image(weave.path, cache=CACHE, report=print)
    assert again.reused
    assert again.seconds < 1
    changed = {**host_side(PACKAGE), f"{CODE_FOLDER}/extra.py": File(b"x = 1\n")}
    monkeypatch.setattr(build, "host_side", lambda package: changed)
    other = build_image(space / "other.tar", cache=CACHE, report=print)
    assert not other.reused
    assert other.seconds < 10
    first, second = (
        json.loads(data_of(read_layer(result.path.read_bytes())["manifest.json"]))[0]["Layers"]
        for result in (weave, other)
    )
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_the_same_inputs_give_the_same_image(weave: BuildResult, space: Path) -> None:
    again = build_image(space / "again.tar", cache=CACHE, report=print)
    assert not again.reused
    assert again.path.read_bytes() == weave.path.read_bytes()


@pytest.mark.parametrize(
    "command",
    [
        "ip link set lo up && ping -c 1 -W 2 127.0.0.1",
        "ip link set lo up && (echo hello | nc -l -p 9999 &) && sleep 0.3 && echo | nc 127.0.0.1 9999 | grep hello",
        "dd if=/etc/passwd bs=1k count=1 | sha256sum",
        "ip -o address show lo; seq 1 3 | wc -l",
        "arping --help; ifconfig --help; httpd --help; sleep 0; cat /etc/group",
    ],
)
def test_the_guest_image_has_what_people_try_a_network_with(in_guest: Run, command: str) -> None:
    done = in_guest("sh", "-c", f"set -e; {command}")
    assert done.returncode == 0, done.stderr


def test_every_link_of_the_guest_image_is_a_tool_that_busybox_has(guest: BuildResult, in_guest: Run) -> None:
    linked = {path.removeprefix("bin/") for path, entry in files(guest.path).items() if isinstance(entry, Symlink)}
    assert linked == set(in_guest("/bin/busybox", "--list").stdout.split()) - {"busybox"}
