"""WireGuard in user space on real Docker hosts, whose kernel has none: in a container that the router starts."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.wire import searched
from weave_http import constants

PRIVATE = Path(__file__).parents[1] / "router" / "private_router.py"


def launch(host: Host, *peers: str) -> None:
    """Start a router with a password; that of the image, in a container like the one that `launch` makes."""
    code = PRIVATE.read_text()
    binds = "-v /var/run/docker.sock:/var/run/docker.sock -v /proc:/hostproc -v weavedb:/weavedb"
    host.shell(
        f"docker run -d --name weave --privileged --net host {binds} -e PROCFS=/hostproc"
        f" --label {constants.ROLE_LABEL}=router --entrypoint python3 {constants.DEFAULT_IMAGE}"
        f" -c {shlex.quote(code)} 600 {' '.join(peers)}"
    )


def is_up(host: Host, peers: int) -> bool:
    text = host.try_weave("status", "connections").stdout
    return text.count(" established encrypted user-space fastdp ") == peers


def test_data_is_encrypted_in_a_container_that_outlives_the_router(trio: list[Host]) -> None:
    one, two, three = trio
    launch(one)
    launch(two, one.address)
    assert eventually(lambda: is_up(one, 1) and is_up(two, 1)), one.shell("docker logs weave 2>&1; docker ps -a")
    one.weave("run", "10.2.1.1/24", "--name", "c1", GUEST, "sleep", "3600")
    two.weave("run", "10.2.1.2/24", "--name", "c2", GUEST, "sleep", "3600")
    assert eventually(lambda: one.pings("c1", "10.2.1.2", count=1))
    assert one.pings("c1", "10.2.1.2", count=2, size=1390 - 28)
    tunnel = one.shell("docker inspect weave-wg")
    (found,) = json.loads(tunnel)
    may = [each.removeprefix("CAP_") for each in found["HostConfig"]["CapAdd"]]
    assert (found["HostConfig"]["Privileged"], may) == (False, ["NET_ADMIN"])
    started = found["State"]["StartedAt"]
    one.shell("docker exec -d c1 sh -c 'ping -i 0.1 -c 80 10.2.1.2 >/tmp/pings 2>&1'")
    one.shell("docker restart -t 3 weave")
    assert eventually(lambda: is_up(one, 1) and is_up(two, 1))
    assert eventually(lambda: "packets transmitted" in one.inside("c1", "cat /tmp/pings"))
    assert " 0% packet loss" in one.inside("c1", "cat /tmp/pings")
    assert json.loads(one.shell("docker inspect weave-wg"))[0]["State"]["StartedAt"] == started
    one.shell("docker kill weave-wg")
    assert eventually(lambda: one.pings("c1", "10.2.1.2", count=1, wait=1)), "the router starts it anew"
    launch(three, one.address, two.address)
    assert eventually(lambda: is_up(one, 2) and is_up(two, 2) and is_up(three, 2))
    block = f"-s {two.address} -p udp -j DROP"
    one.shell(f"iptables -I INPUT {block}")
    assert eventually(lambda: f"over {three.name}: UDP port 6783" in one.weave("status", "connections"), seconds=60)
    with searched(one) as seen:
        assert eventually(lambda: one.pings("c1", "10.2.1.2", size=1390 - 28), seconds=60), "over the third host"
    assert seen.udp
    assert 6784 not in seen.udp, "nothing in the clear"
    assert "weave-wg-relay" in one.shell("docker ps --format '{{.Names}}'")
    one.shell(f"iptables -D INPUT {block}")
    one.weave("stop")
    assert eventually(lambda: "weave-wg" not in one.shell("docker ps -a --format '{{.Names}}'; ip -br link"))


def test_a_host_that_can_make_no_tunnel_sends_nothing_and_says_why(trio: list[Host]) -> None:
    one, two, _ = trio
    launch(two)
    two_up = eventually(lambda: "weave-wg" in two.shell("ip -br link"))
    assert two_up
    one.shell("mv /dev/net/tun /dev/net/away")
    try:
        launch(one, two.address)
        assert eventually(lambda: "/dev/net/tun" in one.try_weave("status", "connections").stdout)
        assert "weave-wg" not in one.shell("ip -br link")
        said = two.weave("status", "connections")
        assert "it has no tunnel: see `weave status` there" in said
        assert not one.shell("bridge fdb show dev vxlan-6784 | grep 00:00:00:00:00:00 || true")
        assert not two.shell("bridge fdb show dev vxlan-6784 | grep 00:00:00:00:00:00 || true")
    finally:
        one.shell("mv /dev/net/away /dev/net/tun")
    assert eventually(lambda: is_up(one, 1) and is_up(two, 1)), "it is tried again"
