"""The image goes from one real host to another, without a file and without the whole of it in memory."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.hosts.conftest import CACHE
from tests.hosts.host import Host
from tests.image.debian_archive import make_archive, served
from weave_http.commands import open_caller, setup
from weave_http.commands.caller import NoMeter
from weave_http.image import apt, tunnel
from weave_http.image.archive import ImageConfig, Layer, write_archive
from weave_http.image.tree import File, layer_tar
from weave_http.records import replace

COPY = "copied/weave:1"
MEBIBYTE = 1 << 20


def most_memory(host: Host, *arguments: str, **environ: str) -> int:
    """Run `weave ARGUMENTS…`, which must work, and return how many bytes of memory it had at most."""
    argv = [sys.executable, "-m", "weave_http", *arguments]
    process = subprocess.Popen(argv, env=host.environ(**environ), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return usage.ru_maxrss * 1024


def image_id(host: Host, name: str) -> str:
    return host.shell(f"docker image inspect -f '{{{{.Id}}}}' {name}").strip().removeprefix("sha256:")


@pytest.mark.parametrize(("unix", "as_script"), [(False, False), (True, True)], ids=["tls-weave", "unix-script"])
def test_an_image_goes_from_host_to_host(trio: list[Host], unix: bool, as_script: bool) -> None:
    one, two, _ = (replace(host, unix=unix) for host in trio)
    source = one.environ()["DOCKER_HOST"]
    one.shell(f"docker tag weavehttp/weave:0.1.0 {COPY}")
    size = int(one.shell(f"docker image inspect -f '{{{{.Size}}}}' {COPY}"))
    try:
        if as_script:
            text = two.weave("script", "setup", "--from-host", source, EXEC_IMAGE=COPY)
            done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, timeout=120, check=False)
            assert (done.returncode, done.stdout, done.stderr) == (0, f"{COPY}\n", "")
        else:
            small = most_memory(two, "ps")
            assert most_memory(two, "setup", "--from-host", source, EXEC_IMAGE=COPY) < small + 16 * MEBIBYTE
            assert size > 32 * MEBIBYTE, "or the figure would say nothing"
        assert image_id(two, COPY) == image_id(one, COPY)
        trace = two.try_weave("--trace", "setup", "--from-host", source, EXEC_IMAGE=COPY).stderr
        assert "images/load" not in trace, "what is there is not sent again"
    finally:
        one.shell(f"docker rmi {COPY}")
        two.try_shell(f"docker rmi {COPY}")


def test_an_upgrade_sends_only_the_layers_that_changed(
    trio: list[Host], images: tuple[Path, Path], tmp_path: Path
) -> None:
    """Docker takes an archive that lacks the files of layers that it has. Podman does not, and gets them all."""
    host, other, name = *trio[:2], "weavehttp/weave:9.9.9"
    sent: list[int] = []
    with tarfile.open(images[0]) as archive:
        (image,) = json.load(archive.extractfile("manifest.json") or io.BytesIO())
        base = (archive.extractfile(image["Layers"][0]) or io.BytesIO()).read()
    newer = Layer(layer_tar({"newer": File(b"newer\n")}, mtime=0), "newer")
    config = ImageConfig(apt.machine().architecture, 0, entrypoint=["/bin/cat", "/newer"])
    write_archive(tmp_path / "image.tar", tag=name, config=config, layers=[Layer(base, "base"), newer])

    class Bytes(NoMeter):
        def update(self, item: str, status: str, current: int, total: int) -> None:
            if status == "loading":
                sent.append(current)

    try:
        with open_caller(host.environ()) as caller:
            assert setup(replace(caller, meter=Bytes()), tmp_path / "image.tar").out == f"{name}\n"
        assert host.shell(f"docker run --rm --network none {name}") == "newer\n"
        podman = host.has_podman
        assert (sent[-1] < MEBIBYTE) != podman, sent[-1]

        with open_caller(host.environ()) as source, open_caller(other.environ(EXEC_IMAGE=name)) as caller:
            assert setup(replace(caller, meter=Bytes()), source.engine).out == f"{name}\n"
        assert other.shell(f"docker run --rm --network none {name}") == "newer\n"
        assert (sent[-1] < MEBIBYTE) != podman, f"from host to host: {sent[-1]}"
    finally:
        host.try_shell(f"docker rmi {name}")
        other.try_shell(f"docker rmi {name}")


@pytest.mark.long
@pytest.mark.not_podman(reason="the classic builder's stages are Docker's")
def test_a_host_without_a_base_or_registry_builds_the_image(host: Host, tmp_path: Path) -> None:
    """The caller has no apt; packages come from an archive on loopback, with what apt has fetched before."""
    name = "made/weave:1"
    architecture = apt.machine().architecture
    make_archive(tmp_path, sorted((CACHE / "apt" / "debs").glob("*.deb")), architecture)
    make_archive(tmp_path, (CACHE / "tunnel").glob("*.deb"), architecture, tunnel.RELEASE)
    with served(tmp_path) as url:
        environ = {"WEAVE_DEBIAN_ARCHIVE": url, "XDG_CACHE_HOME": str(tmp_path / "cache"), "EXEC_IMAGE": name}
        try:
            said = host.try_weave("setup", "--build", PATH="/nowhere", **environ)
            assert (said.returncode, said.stdout) == (0, f"{name}\n"), said.stderr
            assert f"building the image on the Docker host, from packages of {url}" in said.stderr
            assert said.stderr.count("\n") == 2, said.stderr
            assert host.weave("ps", **environ) == host.weave("ps")
            waiter = host.shell(f"docker run --rm --network none --entrypoint /w/w {name} no-such; echo $?")
            assert waiter.strip().endswith("127"), "it runs, and finds no such program"
            again = host.try_weave("--trace", "setup", "--build", PATH="/nowhere", **environ)
            assert again.returncode == 0
            assert again.stderr.count("/build") == 1, "the lower half is there, and only the code is sent"
            assert host.shell("docker images -qf dangling=true -f label=works.weave.image.stage") == ""
        finally:
            lower = "$(docker images -q weavehttp/lower)"
            host.try_shell(f"docker rmi -f {name} {lower}")
