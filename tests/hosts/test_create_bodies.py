"""A container from our create request and one from the docker CLI's own look the same on a real engine.

About a hundred lines, of all that options can be; nothing is started. Our half goes through the API from here, theirs
is `docker create` on the host; a host with Podman has none, and is asked by this machine's.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests.hosts.conftest import ENGINE_ROOT
from tests.hosts.host import GUEST, Host
from weave_http.engine import Engine, connect, resolve_endpoint
from weave_http.errors import EngineError
from weave_http.run_args import parse
from weave_http.sandbox.podman import is_podman

# No limits of devices' rates: the CLI of 26.1 forgets to send them.
LINES = (
    "",
    "-i",
    "-t",
    "-it",
    "-a stdin",
    "-a stdout -a stderr",
    "-h web",
    "--hostname web --domainname example.com",
    "-u 1000:1000",
    "-u nobody",
    "-w /srv",
    "--entrypoint /bin/ls",
    "--entrypoint=",
    "-e A=1 -e B=x=y -e C=",
    "-e NOT_SET_ANYWHERE",
    "-e A=1 -e A=2",
    "-l a=1 -l b -l c=x=y",
    "--stop-signal SIGINT --stop-timeout 0",
    "--stop-timeout 30",
    "--health-cmd 'true || false' --health-interval 5s --health-retries 3",
    "--health-timeout 1m30s --health-start-period 500ms",
    "--no-healthcheck",
    "--expose 80 --expose 90-92/udp",
    "-p 80",
    "-p 8080:80",
    "-p 127.0.0.1:8080:80/udp",
    "-p 127.0.0.1::80",
    "-p [::1]:8080:80",
    "-p 8000-8002:9000-9002",
    "-p 8000-8010:80",
    "-p published=8080,target=80",
    "-P",
    "--network bridge",
    "--network host",
    "--network none",
    "--network others",
    "--net others --net-alias a --network-alias b",
    "--network others --ip 172.31.9.9",
    "--network others --link-local-ip 169.254.1.1",
    "--network name=others,alias=web,ip=172.31.9.10",
    "--network name=others,driver-opt=a=b",
    "--mac-address 02:42:ac:11:00:02",
    "--network others --mac-address 02:42:ac:11:00:03",
    "--add-host a:1.2.3.4 --add-host b:::1 --add-host c:host-gateway",
    "--dns 8.8.8.8 --dns 2001:DB8::1 --dns-search example.com. --dns-option ndots:2",
    "--dns-search .",
    "-v /data",
    "-v /tmp:/x",
    "-v /tmp:/x:ro,rslave",
    "-v named:/n:nocopy",
    "-v /data -v /tmp:/x -v named:/n",
    "-v /tmp:/x -v /tmp:/x",
    "--mount type=bind,src=/tmp,dst=/x",
    "--mount type=bind,src=/tmp,dst=/x,readonly,bind-propagation=rslave",
    "--mount dst=/data",
    "--mount src=named,dst=/data,volume-nocopy",
    "--mount src=labelled,dst=/data,volume-label=a=b,volume-driver=local",
    "--mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777",
    "--tmpfs /run --tmpfs /t:rw,size=1m",
    "--read-only",
    "--volume-driver local -v vol:/y",
    "-m 64m",
    "-m 64m --memory-reservation 32m --memory-swap -1",
    "-m 64m --memory-swap 128m",
    "--memory-swappiness 0",
    "--shm-size 1m",
    "--oom-kill-disable",
    "--oom-score-adj 500",
    "--pids-limit 100",
    "--pids-limit -1",
    "--cpus 0.5",
    "--cpu-shares 512 --cpuset-cpus 0 --cpuset-mems 0",
    "--cpu-period 50000 --cpu-quota 25000",
    "--blkio-weight 500",
    "--ulimit nofile=1024:2048 --ulimit core=-1 --ulimit nproc=5",
    "--device /dev/null",
    "--device /dev/null:/dev/nothing:r",
    "--device /dev/null:rw",
    "--device-cgroup-rule 'c 1:3 rwm'",
    "--privileged",
    "--cap-add CAP_NET_ADMIN --cap-add CAP_CHOWN --cap-drop ALL",
    "--group-add audio --group-add 1000",
    "--security-opt no-new-privileges",
    "--security-opt seccomp=unconfined --security-opt label=disable",
    "--security-opt seccomp=profile.json",
    "--security-opt systempaths=unconfined",
    "--userns host",
    "--uts host",
    "--pid host",
    "--ipc private",
    "--ipc host",
    "--ipc none",
    "--cgroupns private",
    "--cgroupns host",
    "--cgroup-parent /foo",
    "--isolation default",
    "--runtime runc",
    "--init",
    "--init=false",
    "--sysctl net.ipv4.ip_forward=1 --sysctl kernel.shmmax=65536",
    "--rm",
    "--restart always",
    "--restart on-failure:3",
    "--restart no",
    "--log-driver none",
    "--log-driver json-file --log-opt max-size=1m --log-opt max-file=2",
    "-it --rm -p 80:80 -v named:/n -e A=1 --network others --cap-add CAP_NET_ADMIN -m 64m --init",
    "--env-file one.env -e A=3 --label-file labels -l x=y",
)
FILES = {
    "one.env": b"A=1\nB= two \n# no\n",
    "labels": b"a=1\nb=\n",
    "profile.json": b'{ "defaultAction": "SCMP_ACT_ALLOW", "n": [1.0, 2] }\n',
}
PLACE = "/tmp/lines"
"""Where the files are, on the host."""
OF_ONE_CONTAINER = frozenset(
    {"Id", "Name", "Created", "LogPath", "HostnamePath", "HostsPath", "ResolvConfPath", "GraphDriver", "State"}
)
"""What differs from one container to the next."""
TOO_NEW = "requires API version"
SETS = ("Binds", "CapAdd", "CapDrop", "Ulimits")
"""What has no order; older CLIs have some of it in a map."""
NOTHINGS = {
    "ConsoleSize": ([0, 0],),
    "PidsLimit": (0, 2048),
    "MemorySwappiness": (-1,),
    "RestartPolicy": ({"Name": "no", "MaximumRetryCount": 0},),
}
"""What the CLI says where nothing was said, and the engine keeps without taking it for anything else than nothing; but
Podman has a limit of 2048 processes where nothing is said, as by us, and none where 0 is."""
FIRST_CHOSEN_PORT = 32768
"""Podman chooses a port of the host when the container is made, if none was asked for."""
REFUSED = "refused"
ANONYMOUS = re.compile(r"\b[0-9a-f]{64}\b")


class Desk:
    """The same files, here."""

    def read(self, path: str) -> bytes:
        return FILES[path]

    def exists(self, path: str) -> bool:
        return path in FILES

    def docker_config(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def desk(host: Host) -> Iterator[Host]:
    """A host with a network and the files that lines refer to."""
    written = "; ".join(f"printf %s {shlex.quote(text.decode())} > {PLACE}/{name}" for name, text in FILES.items())
    host.shell(f"mkdir -p {PLACE}; {written}; docker network create --subnet 172.31.9.0/24 others >/dev/null")
    yield host
    host.shell("docker ps -aq | xargs -r docker rm -fv >/dev/null")
    host.shell(f"docker network rm others >/dev/null; docker volume ls -q | xargs -r docker volume rm; rm -r {PLACE}")


def seen(container: dict[str, Any]) -> Any:
    """Return what inspecting a container tells, without what every container has of its own."""
    identity = container["Id"]
    kept = {key: value for key, value in container.items() if key not in OF_ONE_CONTAINER}
    kept["NetworkSettings"] = {"Networks": kept["NetworkSettings"]["Networks"]}
    text = json.dumps(kept).replace(identity, "ID").replace(identity[:12], "ID")
    found = json.loads(ANONYMOUS.sub("HASH", text))
    config, settings = found["Config"], found["HostConfig"]
    # The CLI sends a variable of a file and its override both; we send the last one.
    config["Env"] = list({item.partition("=")[0]: item for item in config.get("Env") or ()}.values())
    for holder, key in ((config, "Env"), (found, "Mounts"), *((settings, key) for key in SETS)):
        holder[key] = sorted(holder.get(key) or [], key=str)
    for key, nothing in NOTHINGS.items():
        if settings.get(key) in nothing:
            settings[key] = None
    for binding in itertools.chain.from_iterable((settings.get("PortBindings") or {}).values()):
        if binding["HostPort"].isdecimal() and int(binding["HostPort"]) >= FIRST_CHOSEN_PORT:
            binding["HostPort"] = "any"
    if not (settings.get("RestartPolicy") or {}).get("Name"):
        settings["RestartPolicy"] = None
    return without_nothing(found)


def without_nothing(value: Any) -> Any:
    """Return a document without empty lists and maps: no list and an empty one are the same to the engine."""
    if isinstance(value, dict):
        kept = {key: without_nothing(item) for key, item in value.items()}
        meant = ("MaskedPaths", "ReadonlyPaths", "Entrypoint", "Cmd")
        return {key: item for key, item in kept.items() if key in meant or item not in (None, "", [], {})}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def typed(desk: Host, script: str, directory: Path) -> str:
    """Return what a script of docker's lines prints, with the files at hand.

    Args:
        desk: the host.
        script: for `sh`.
        directory: an empty one on this machine.
    """
    if not is_podman(ENGINE_ROOT):
        return desk.shell(f"cd {PLACE}\n{script}")
    for name, text in FILES.items():
        (directory / name).write_bytes(text)
    environ = desk.environ(DOCKER_CONFIG=str(directory))
    return subprocess.run(
        ["sh", "-c", script], cwd=directory, env=environ, capture_output=True, text=True, timeout=240, check=True
    ).stdout


def test_a_container_of_ours_is_as_one_of_the_docker_cli(desk: Host, tmp_path: Path) -> None:
    lines = [[*shlex.split(line), GUEST, "sleep", "5"] for line in LINES]
    one = "id=$(docker create {} 2>err) && echo $id || echo {}: $(head -n 1 err)"
    script = "\n".join(one.format(shlex.join(words), REFUSED) for words in lines)
    theirs = typed(desk, script, tmp_path).splitlines()
    assert len(theirs) == len(lines)
    differences = []
    refused = 0
    with connect(resolve_endpoint(desk.environ())) as engine:
        for words, answer in zip(lines, theirs, strict=True):
            mine = ours(engine, words)
            if TOO_NEW in answer:
                continue  # the CLI's own refusal; the engine takes it from us
            if answer.startswith(REFUSED):
                refused += 1
                if not (isinstance(mine, str) and mine.startswith(REFUSED)):
                    differences.append(f"{shlex.join(words)}: docker {answer}")
            elif mine != (other := seen(engine.containers.inspect(answer))):
                differences.append(f"{shlex.join(words)}\n{unlike(mine, other)}")
    assert not differences, "\n".join(differences)
    assert refused < len(lines) / 10, "most of the lines should make containers"


def ours(engine: Engine, words: list[str]) -> Any:
    """Create a container as a line says, and return what it looks like, or why it is refused."""
    try:
        # `docker create` knows no -d; as with it, streams are attached unless told otherwise.
        request = parse(words, environ={}, directory=PurePosixPath(PLACE), files=Desk())
        created = engine.containers.create(request.config, name=request.name, platform=request.platform)
    except EngineError as error:
        return f"{REFUSED}: {error}"
    return seen(engine.containers.inspect(created.id))


def unlike(mine: Any, other: Any, path: str = "") -> str:
    """Return where two documents differ."""
    if isinstance(mine, dict) and isinstance(other, dict):
        keys = sorted(mine.keys() | other.keys())
        return "".join(unlike(mine.get(key), other.get(key), f"{path}.{key}") for key in keys)
    return "" if mine == other else f"  {path}: we {mine!r}, docker {other!r}\n"
