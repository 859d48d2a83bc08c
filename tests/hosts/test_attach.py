"""attach, detach and ps on a real engine, with every edge that Weave's documentation and users know."""

import itertools
import re

import pytest

from tests.hosts.host import GUEST, Host


@pytest.fixture
def host(used: Host) -> Host:
    """A host that may have the bridge of the test before."""
    return used


@pytest.fixture
def guest(host: Host) -> str:
    """A running container `box` that is not on the network yet; its id."""
    return host.start("box")


def addresses(host: Host, container: str) -> list[str]:
    """What `weave ps` says of a container: its addresses."""
    return host.weave("ps", container).split()[2:]


def test_a_line_of_ps_is_id_mac_and_addresses(host: Host, guest: str) -> None:
    host.weave("attach", "10.2.1.1/24", "10.2.2.1/24", "box")
    mac = host.inside("box", "cat /sys/class/net/ethwe/address").strip()
    lines = host.weave("ps").splitlines()
    assert f"{guest[:12]} {mac} 10.2.1.1/24 10.2.2.1/24" in lines
    assert re.fullmatch(r"weave:expose ([0-9a-f]{2}:){5}[0-9a-f]{2}", lines[0])
    assert len(lines) == 2
    assert host.weave("ps", guest[:12]) == f"{guest[:12]} {mac} 10.2.1.1/24 10.2.2.1/24\n"
    assert host.try_weave("ps", "nobody").stderr == "weave: no such container: nobody; docker ps lists those that run\n"


@pytest.mark.parametrize("order", list(itertools.permutations(["10.2.1.1/24", "10.2.2.1/24", "10.2.3.1/16"]))[::2])
def test_addresses_come_and_go_in_any_order_and_twice(host: Host, guest: str, order: tuple[str, ...]) -> None:
    host.weave("attach", *order, "box")
    host.weave("attach", *order, "box")
    assert addresses(host, "box") == list(order)
    for count, cidr in enumerate(reversed(order), start=1):
        host.weave("detach", cidr, "box")
        if count < len(order):
            host.weave("detach", cidr, "box")
        assert addresses(host, "box") == list(order[: len(order) - count])
    assert host.weave("ps", "box") == ""
    assert host.try_shell("docker exec box ip link show ethwe").returncode != 0


def test_an_address_that_looks_like_another_is_not_taken_for_it(host: Host, guest: str) -> None:
    host.weave("attach", "110.2.1.1/24", "box")
    host.weave("attach", "10.2.1.1/24", "box")
    assert addresses(host, "box") == ["110.2.1.1/24", "10.2.1.1/24"]


def test_detaching_an_address_that_is_not_there_changes_nothing(host: Host, guest: str) -> None:
    host.weave("attach", "10.2.1.1/24", "box")
    host.weave("detach", "10.9.9.9/24", "box")
    assert addresses(host, "box") == ["10.2.1.1/24"]


def test_the_interface_is_what_weave_users_expect(host: Host, guest: str) -> None:
    host.weave("attach", "10.2.1.1/24", "box")
    link = host.inside("box", "ip -o link show ethwe; ip route show 224.0.0.0/4")
    assert "mtu 1450" in link
    assert "224.0.0.0/4 dev ethwe" in link
    assert host.shell("ip -o link show master weave | grep -c vethwe").strip() == "1"


REFUSALS = (
    ("attach 10.2.1.1/24 nobody", 1, "o such container"),
    ("detach 10.2.1.1/24 nobody", 1, "o such container"),
    ("attach 10.2.1.1/24 stopped", 1, "stopped not running"),
    ("detach 10.2.1.1/24 stopped", 1, "stopped not running"),
    ("attach 10.2.1.1/24 hostnet", 1, "hostnet"),
    ("detach 10.2.1.1/24 box", 1, "box"),
    ("attach box", 1, "no router answers at 127.0.0.1:6784"),
    ("attach 10.2.1.1/24", 1, "no container given"),
    ("attach 999.1.1.1/99 box", 1, "invalid CIDR '999.1.1.1/99'"),
    ("attach 10.2.1.1/24 box 10.2.1.2/24", 1, "'10.2.1.2/24'"),
    ("attach", 1, "no container given"),
    ("nonsense", 1, "unknown command 'nonsense'"),
)


def test_what_can_not_be_attached_is_refused_in_one_line_and_leaves_nothing(host: Host, guest: str) -> None:
    host.start("hostnet", "--net=host")
    host.start("stopped")
    host.shell("docker stop -t 0 stopped")
    for line, code, reason in REFUSALS:
        done = host.try_weave(*line.split())
        assert done.returncode == code, (line, done)
        assert reason in done.stderr, (line, done.stderr)
        assert done.stderr.count("\n") == 1, (line, done.stderr)
        assert done.stdout == "", (line, done.stdout)
    assert "vethwe" not in host.left_overs()


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["10.2.1.1/24", "--memories", "1g", GUEST], 125, "--memories"),
        (["10.2.1.1/24", "nowhere/at-all:1", "true"], 125, "nowhere/at-all:1"),
        (["10.2.1.1/24", GUEST, "no-such-program"], 127, "no-such-program"),
        (["10.2.1.1/24", GUEST, "/etc"], 126, "/etc"),
        (["10.2.1.1/24"], 125, "there is no image"),
        ([GUEST], 1, "no router answers at 127.0.0.1:6784"),
    ],
)
def test_run_ends_with_dockers_exit_codes(host: Host, arguments: list[str], code: int, reason: str) -> None:
    done = host.try_weave("run", "--without-dns", *arguments)
    assert done.returncode == code, done
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert host.shell("docker ps -a --format '{{.Names}}' | grep -v weavevolumes; true") == ""


def test_run_hands_dockers_options_to_the_engine(host: Host) -> None:
    host.weave(
        *f"""run 10.2.1.5/24 --name opts -h web.weave.local -e A=1 -l x=y -p 8080:80 -v /data --dns 10.0.0.1
        --restart on-failure:2 --privileged -it {GUEST} sleep 3600""".split(),
    )
    form = (
        "{{.Config.Hostname}} {{.Config.Env}} {{.Config.Labels.x}} {{.HostConfig.PortBindings}} {{.Mounts}}"
        " {{.HostConfig.Dns}} {{.HostConfig.RestartPolicy}} {{.HostConfig.Privileged}} {{.Config.Tty}}"
    )
    said = host.shell(f"docker inspect -f '{form}' opts")
    for part in ("web.weave.local", "A=1", " y ", "8080", "/data", "10.0.0.1", "on-failure", "true true"):
        assert part in said, (part, said)
    assert addresses(host, "opts") == ["10.2.1.5/24"]
