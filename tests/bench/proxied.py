"""Docker through the proxy beside docker alone: what a call costs more, an image of 1 GB, 500 followers of events."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import select
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.figures import COMPARED, Cells, Compared, Table, alternate, figure, verdict
from tests.bench.stage import DOCKER, MeasuringError, Stage, pid_of
from tests.hosts.host import GUEST, Host
from weave_http import constants
from weave_http.host.host_files import inside
from weave_http.records import dataclass

ADDED_MS = 5.0
"""What a call may take longer."""
LOAD_GOAL = 0.8
FOLLOWERS = 500
_IMAGE = "big:1"
_PIECE = os.urandom(1024 * 1024)
_FOLLOW = b'GET /events?filters={"event":["tag"]} HTTP/1.1\r\nHost: docker\r\n\r\n'
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Way:
    """One proxy, and what it is compared with.

    Args:
        name: of the proxy's home, and of the way below it.
        socket: of the proxy.
        beside: endpoint of the daemon, as docker's `-H` has it.
        host: whose environment has the files for TLS, None without TLS.
        process: returns the lines of the proxy's /proc/PID/status.
    """

    name: str
    socket: Path
    beside: str
    host: Host | None
    process: Callable[[], str]

    def memory(self) -> float:
        """MiB that the proxy's process has."""
        line = next(line for line in self.process().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


@contextmanager
def ways(stage: Stage, host: Host) -> Iterator[list[Way]]:
    """The router's proxy on a host beside its engine's socket, and one here beside docker over TLS."""
    found = host.sandbox.host(host.name)
    pid = pid_of(host, constants.ROUTER_CONTAINER)
    in_router = inside(Path(f"/proc/{found.pid}/root"), constants.PROXY_SOCKET)
    path = stage.scratch / "proxy.sock"
    command = [sys.executable, "-m", "weave_http", "proxy", "--socket", str(path)]
    with subprocess.Popen(command, env=stage.environ(host), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise MeasuringError("weave proxy does not start")
            status = Path(f"/proc/{process.pid}/status")
            yield [
                Way(
                    "router's", in_router, f"unix://{found.socket}", None, lambda: host.shell(f"cat /proc/{pid}/status")
                ),
                Way("caller's, TLS below", path, found.docker_host, host, status.read_text),
            ]
        finally:
            process.terminate()


def image(path: Path, size: int) -> None:
    """Write an archive for `docker load`, of an image with one layer.

    Args:
        path: of the archive.
        size: of the only file in the layer, in bytes; a whole number of MiB.
    """
    layer = path.with_suffix(".layer")
    with tarfile.open(layer, "w") as tar:
        info = tarfile.TarInfo("file")
        info.size = size
        tar.addfile(info, _Repeated(size))
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}
    manifest = [{"Config": "config.json", "RepoTags": [_IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as tar:
        tar.add(layer, "layer.tar")
        for name, document in (("config.json", config), ("manifest.json", manifest)):
            data = json.dumps(document).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    layer.unlink()


class _Repeated(io.RawIOBase):
    """A file of the same random MiB again and again."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        step = min(size if size >= 0 else self._left, self._left, len(_PIECE))
        self._left -= step
        return _PIECE[:step]


def docker(stage: Stage, way: Way, *words: str, proxied: bool) -> float:
    """Return the milliseconds of a docker command, through a proxy or beside it."""
    if proxied:
        return stage.timed(None, [DOCKER, "-H", f"unix://{way.socket}", *words])
    return stage.timed(way.host, [DOCKER, "-H", way.beside, *words])


def follow(stage: Stage, way: Way, address: str, count: int) -> tuple[float, float]:
    """Have many followers of events hear one.

    Args:
        stage: where docker runs.
        way: whose engine has the event.
        address: path of a socket.
        count: of followers.

    Returns:
        Milliseconds from the event until all have heard of it, and MiB by which the proxy grew.
    """
    before = way.memory()
    with ExitStack() as scope:
        poll = select.poll()
        waiting: dict[int, socket.socket] = {}
        for _ in range(count):
            follower = scope.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            follower.settimeout(_PATIENCE)
            follower.connect(address)
            follower.sendall(_FOLLOW)
            waiting[follower.fileno()] = follower
        for follower in waiting.values():
            if not follower.recv(4096).startswith(b"HTTP/1.1 200"):
                raise MeasuringError(f"events at {address}: refused")
            poll.register(follower, select.POLLIN)
        grown = way.memory() - before
        begun = time.perf_counter()
        docker(stage, way, "tag", GUEST, "heard:1", proxied=False)
        while waiting:
            ready = poll.poll(_PATIENCE * 1000)
            if not ready:
                raise MeasuringError(f"events at {address}: {len(waiting)} of {count} followers heard nothing")
            for descriptor, _ in ready:
                waiting.pop(descriptor).recv(65536)
                poll.unregister(descriptor)
        milliseconds = (time.perf_counter() - begun) * 1000
        docker(stage, way, "rmi", "heard:1", proxied=False)
    return milliseconds, grown


def measure(stage: Stage, host: Host, *, quick: bool) -> tuple[Table, list[str]]:
    """Measure each proxy beside its daemon; return the table, and what misses its goal.

    Args:
        stage: where programs run.
        host: with a router.
        quick: few rounds, and a smaller image.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * FOLLOWERS)), hard))
    calls, loads, size = (5, 2, 128) if quick else (21, 5, 1024)
    archive = stage.scratch / "big.tar"
    image(archive, size * 1024 * 1024)
    rows: list[Cells] = []
    missed: list[str] = []
    grown = []
    with ways(stage, host) as all_:
        for way in all_:
            ours, theirs = _both(stage, way, calls, "ps")
            added = median(ours) - median(theirs)
            each = [mine - beside for mine, beside in zip(ours, theirs, strict=True)]
            met = added <= ADDED_MS
            rows.append(
                (
                    f"docker ps, {way.name}",
                    *(figure(median(times), "ms") for times in (ours, theirs)),
                    f"{added:+.1f} ms",
                    f"{min(each):+.0f}…{max(each):+.0f}",
                    f"≤ +{ADDED_MS:g} ms",
                    verdict(met),
                )
            )
            missed += [] if met else [rows[-1][0]]
            for what, words in (
                (f"load of {size} MiB", ["load", "-q", "-i", str(archive)]),
                ("save of it", ["save", "-o", str(stage.scratch / "saved.tar"), _IMAGE]),
            ):
                mine, others = ([size * 1000 / took for took in each] for each in _both(stage, way, loads, *words))
                row = Compared(f"{what}, {way.name}", mine, others, unit="MiB/s", goal=LOAD_GOAL, at_least=True)
                rows.append(row.cells())
                missed += [] if row.met else [row.what]
        for way in all_:
            heard, more = follow(stage, way, str(way.socket), FOLLOWERS)
            grown.append(f"the {way.name.partition(',')[0]} by {more:.0f} MiB to {way.memory():.0f}")
            alone, _ = follow(stage, way, str(host.sandbox.host(host.name).socket), FOLLOWERS)
            cells = (figure(heard, "ms"), figure(alone, "ms"), f"{heard / alone:.2f}", "", "", "")
            rows.append((f"{FOLLOWERS} followers of events, {way.name}", *cells))
        docker(stage, all_[0], "rmi", _IMAGE, proxied=False)
    notes = [
        "Beside it: the docker CLI without a proxy, to the engine's unix socket, or over TLS. Whole commands, in "
        "turns: "
        f"{calls} rounds of docker ps, {loads} of the others. Of the loaded image the engine has all layers after "
        "the first round, so that it is reading that is measured. Followers: until all have heard of a tag, the "
        f"command included; all connected, the processes have grown: {', '.join(grown)}."
    ]
    return Table("Docker through the proxy", COMPARED, rows, notes), missed


def _both(stage: Stage, way: Way, rounds: int, *words: str) -> list[list[float]]:
    """Return the milliseconds of a docker command through a proxy and beside it, in turns, after a first time."""
    each = [partial(docker, stage, way, *words, proxied=proxied) for proxied in (True, False)]
    alternate(each, 1)
    return alternate(each, rounds)
