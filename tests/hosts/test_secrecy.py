"""A password on real hosts: who gets in, where it can be seen, and how it is changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.hosts.host import Host, eventually
from tests.hosts.test_network import meshed
from weave_http import constants
from weave_http.operations import passwords

FIRST, SECOND = "zq-first-of-the-day-7", "zq-second-of-the-day-8"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Files with the first and the second password."""
    for name, text in (("first", FIRST), ("second", SECOND)):
        (tmp_path / name).write_text(f"{text}\n")
    return str(tmp_path / "first"), str(tmp_path / "second")


def launched(hosts: list[Host], *flags: str, **environ: str) -> None:
    """Launch Weave on hosts at once, each told of all others."""

    def launch(host: Host) -> str:
        return host.weave("launch", *flags, *(each.address for each in hosts if each is not host), **environ)

    with ThreadPoolExecutor() as pool:
        list(pool.map(launch, hosts))


def says(host: Host, what: str) -> bool:
    """Tell whether the connections of a host's router are said to be so."""
    return what in host.try_weave("status", "connections").stdout


def seen(host: Host) -> str:
    """All that who may inspect containers and list processes sees of a host, and what was logged there."""
    everything = "docker ps -aq | xargs -r docker inspect; docker volume ls -q | xargs -r docker volume inspect"
    logs = "for each in $(docker ps -aq); do docker logs $each 2>&1; done"
    processes = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
    return host.shell(f"{everything}; {logs}; {processes}")


def test_hosts_with_one_password_mesh_and_it_is_seen_nowhere(trio: list[Host], files: tuple[str, str]) -> None:
    one, two, three = trio
    first, _ = files
    one.weave("launch", "--password-file", first)
    two.weave("launch", one.address, WEAVE_PASSWORD=FIRST)
    three.weave("launch", "--password", SECOND, one.address)
    assert eventually(partial(meshed, one, 1)), one.weave("status", "connections")
    assert "Encryption: enabled" in one.weave("status")
    assert eventually(partial(says, three, "another password there")), three.weave("status", "connections")
    assert eventually(lambda: "refused: another password there" in one.shell("docker logs weave 2>&1"))
    three.weave("stop")
    three.weave("launch", "--password-file", first, one.address)
    for host in trio:
        assert eventually(partial(meshed, host, 2), seconds=90), host.weave("status", "connections")
        assert FIRST not in seen(host)
        assert SECOND not in seen(host)
    mode = one.shell(f"stat -c '%a %u' $(docker volume inspect -f {{{{.Mountpoint}}}} weavedb)/{passwords.FILE}")
    assert mode == "600 0\n"


def test_a_changed_password_survives_launch_and_is_gone_with_reset(trio: list[Host], files: tuple[str, str]) -> None:
    one, two, three = trio
    first, second = files
    launched(trio, "--password-file", first)
    for host in trio:
        assert eventually(partial(meshed, host, 2)), host.weave("status", "connections")
    three.weave("stop")
    two.weave("password", "--password-file", second, "--grace", "0s")
    done = two.try_weave("password", "--password-file", second, "--grace", "1y")
    assert done.returncode == 1
    for host in (one, two):
        where = f"$(docker volume inspect -f {{{{.Mountpoint}}}} {constants.ROUTER_VOLUME})/{passwords.FILE}"
        assert eventually(lambda host=host, where=where: SECOND in host.shell(f"cat {where}"))  # type: ignore[misc]
    two.weave("stop")
    done = two.try_weave("launch", one.address)
    assert done.returncode == 0, done
    assert "the password of an earlier launch counts" in done.stderr
    assert eventually(partial(meshed, two, 1), seconds=90)
    done = three.try_weave("launch", one.address)
    assert eventually(partial(says, three, "the password was changed while this host was away"))
    three.weave("reset")
    assert three.try_weave("launch", one.address).stderr == ""
    assert "Encryption: disabled" in three.weave("status")
    assert FIRST not in seen(three)
