"""Compose files of several services, in the shape of known public ones, on real hosts: `make networks` runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.hosts.compose.stacks import build, comes, own_environ, page, up
from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_network import joined
from tests.hosts.test_plugin import create, networks
from tests.hosts.test_proxy import callers_proxy
from weave_http.sandbox import Sandbox

pytestmark = pytest.mark.not_podman(reason="its networks have no such plugins")


@pytest.fixture
def three(clean: Sandbox) -> Iterator[list[Host]]:
    """Three hosts on one network, with the services' image."""
    hosts = [Host(clean, name, unix=True) for name in ("host1", "host2", "host3")]
    build(hosts)
    joined(*hosts)
    yield hosts
    for host in hosts:
        host.shell("docker ps -aq | xargs -r docker inspect -f '{{.Name}}' | grep -v weave | xargs -r docker rm -f")
        host.weave("reset")


def test_a_blog_keeps_what_it_was_told_over_a_restart(three: list[Host]) -> None:
    one = three[0]
    with up("blog", one):
        assert comes(one, 8080, "/put/hello", "ok")
        one.shell("docker restart -t 0 blog_db_1 blog_wordpress_1")
        assert comes(one, 8080, "/", "hello")
    assert eventually(lambda: networks(three[2]) == {"weave"})


def test_votes_come_through_two_networks_and_the_front_does_not_see_the_back(three: list[Host]) -> None:
    one, two, _ = three
    with up("votes", one):
        assert comes(one, 5000, "/put/cats", "ok")
        assert comes(one, 5001, "/", "cats")
        front, back = "votes_front-tier", "votes_back-tier"
        assert eventually(lambda: networks(two) >= {front, back})
        ask = f"run --rm {GUEST} sh -c 'echo all | nc -w 2 10.40.13.9 5432'"
        address = one.shell(
            f"docker inspect -f '{{{{(index .NetworkSettings.Networks \"{back}\").IPAddress}}}}' votes_db_1"
        )
        ask = ask.replace("10.40.13.9", address.strip())
        # from another host: who is on the network behind has the database, a visitor has not
        assert two.shell(f"docker {ask.replace('run', f'run --net {back}', 1)}") == "cats\n"
        assert two.try_shell(f"docker {ask.replace('run', f'run --net {front}', 1)}").stdout == ""


def test_three_brokers_on_three_hosts_have_the_same_messages(three: list[Host]) -> None:
    create(three[0], "brokers", "--subnet 10.40.15.0/24")
    assert eventually(lambda: all("brokers" in networks(host) for host in three))
    names = [f"rabbit{number}" for number in (1, 2, 3)]
    with ExitStack() as scope:
        for number, host in enumerate(three, start=1):
            peers = " ".join(name for name in names if name != f"rabbit{number}")
            scope.enter_context(up("broker", host, NODE=str(number), PEERS=peers))
        for number, host in enumerate(three, start=1):
            told = f"docker exec rabbit{number} talk ask 127.0.0.1 5672 put from{number}"
            assert eventually(lambda host=host, told=told: host.shell(told) == "ok\n", seconds=30)  # type: ignore[misc]
        for number, host in enumerate(three, start=1):
            held = host.shell(f"docker exec rabbit{number} talk ask 127.0.0.1 5672 all")
            assert {*held.split()} == {"from1", "from2", "from3"}
    three[1].shell("docker network rm brokers")
    assert eventually(lambda: not any("brokers" in networks(host) for host in three))


def test_prometheus_scrapes_exporters_of_two_other_hosts(three: list[Host]) -> None:
    one, two, three_ = three
    with ExitStack() as scope:
        scope.enter_context(up("monitor", one))
        for number, host in ((2, two), (3, three_)):
            assert eventually(lambda host=host: "monitor-net" in networks(host))  # type: ignore[misc]
            scope.enter_context(up("exporters", host, NODE=str(number)))
        assert eventually(lambda: page(one, 3000, "/").count(" 1\n") == 5, seconds=60), page(one, 3000, "/")
        two.shell("docker stop -t 0 exporter2")
        assert comes(one, 3000, "/", 'up{instance="exporter2:9100"} 0')
        assert page(one, 3000, "/").count(" 1\n") == 4
    assert eventually(lambda: not any("monitor-net" in networks(host) for host in three))


def test_a_cloud_by_labels_through_the_proxy(three: list[Host], tmp_path: Path) -> None:
    one, two, _ = three
    with callers_proxy(one.environ(), tmp_path), up("cloud", one, own_environ(tmp_path / "weave.sock")):
        assert comes(one, 8081, "/put/file", "ok")
        two.start("visitor", "--label test")
        two.weave("attach", "visitor")
        address = one.weave("ps", "cloud-db").split()[2].partition("/")[0]
        ask = f"echo all | nc -w 2 {address} 5432"
        assert eventually(lambda: two.inside("visitor", ask) == "file\n")
