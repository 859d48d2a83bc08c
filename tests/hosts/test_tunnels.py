"""WireGuard in user space on real Docker hosts, whose kernel has none: in a container that the router starts."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_secrecy import launched, seen

FIRST, SECOND = "zq-before-the-change-3", "zq-after-the-change-4"
NAME, SAID = "zq-name-of-a-box", "zq-what-a-container-says"
FULL = 1390 - 28
"""Bytes that a ping carries in the largest packet."""
STREAM = """
n=0; while [ ! -e /over ]; do n=$((n+1)); echo $n; echo {said}; sleep 0.05; done | tee /sent | nc {address} 5002
touch /done
"""


def is_up(host: Host, peers: int) -> bool:
    text = host.try_weave("status", "connections").stdout
    return text.count(" established encrypted user-space ") == peers


def all_up(*hosts: Host) -> bool:
    return all(is_up(host, len(hosts) - 1) for host in hosts)


def relayed(one: Host, other: Host, over: Host) -> bool:
    report = json.loads(one.weave("report"))
    found = {each["NickName"]: each["Via"] for each in report["Paths"] if each["State"] == "relayed"}
    return found == {other.name: [over.name]}


def test_data_is_encrypted_over_a_third_host_too_while_the_router_and_the_password_change(
    trio: list[Host], tmp_path: Path
) -> None:
    one, two, three = trio
    three.start("plain")  # for a container that needs it Podman has the host forward packets
    (tmp_path / "second").write_text(f"{SECOND}\n")
    wanted = [each.encode() for each in (FIRST, SECOND, NAME, SAID, *(host.name for host in trio))]
    with one.wire(wanted) as wire:
        launched(trio, WEAVE_PASSWORD=FIRST)
        assert eventually(partial(all_up, *trio)), one.shell("docker logs weave 2>&1; docker ps -a")
        assert "packets go into weave-wg joined" in one.shell("docker logs weave 2>&1")
        one.weave("run", "10.2.1.1/24", "--name", "c1", "--hostname", f"{NAME}.weave.local", GUEST, "sleep", "3600")
        two.weave("run", "10.2.1.2/24", "--name", "c2", GUEST, "sleep", "3600")
        for host, name in ((one, "c1"), (two, "c2")):
            mac = host.inside(name, "cat /sys/class/net/ethwe/address")
            wanted.append(bytes.fromhex(mac.replace(":", "")))
        assert eventually(lambda: one.pings("c1", "10.2.1.2", count=1))
        assert eventually(lambda: two.pings("c2", NAME, count=1))
        outlives(one, trio)
        goes_over(one, two, three, str(tmp_path / "second"))
    assert wire.udp
    assert 6784 not in wire.ports, "nothing in the clear"
    assert not wire.found, "of all that is said, nothing can be read on the wire"
    for host in trio:
        assert FIRST not in seen(host)
        assert SECOND not in seen(host)
    one.weave("stop")
    assert eventually(
        lambda: not re.search("weave-(wg|g)", one.shell("docker ps -a --format '{{.Names}}'; ip -br link"))
    )


def outlives(one: Host, trio: list[Host]) -> None:
    """Restart the router under a ping, then end the program that encrypts."""
    (found,) = json.loads(one.shell("docker inspect weave-wg"))
    may = [each.removeprefix("CAP_") for each in found["HostConfig"]["CapAdd"]]
    assert (found["HostConfig"]["Privileged"], may) == (False, ["NET_ADMIN"])
    one.shell("docker exec -d c1 sh -c 'ping -i 0.05 10.2.1.2 >/pings 2>&1'")
    one.shell("docker restart -t 3 weave")
    assert eventually(partial(all_up, *trio), seconds=60)
    one.inside("c1", "killall -INT ping")
    assert eventually(lambda: "packet loss" in one.inside("c1", "cat /pings"))
    answered = set(map(int, re.findall(r"seq=(\d+) ttl=", one.inside("c1", "cat /pings"))))
    assert len(answered) > 10
    assert answered == set(range(max(answered) + 1)), "no ping is lost"
    assert json.loads(one.shell("docker inspect weave-wg"))[0]["State"]["StartedAt"] == found["State"]["StartedAt"]
    one.shell("docker kill weave-wg")
    assert eventually(lambda: one.pings("c1", "10.2.1.2", count=1, wait=1)), "the router starts it anew"


def goes_over(one: Host, two: Host, three: Host, second: str) -> None:
    """Block the way of a pair under a stream, change the password, and open the way again."""
    two.shell("docker exec -d c2 sh -c 'sleep 3600 | nc -l -p 5002 >/arrived'")
    assert eventually(lambda: f":{5002:04X} " in two.inside("c2", "cat /proc/net/tcp /proc/net/tcp6"))
    one.shell(f"docker exec -d c1 sh -c '{STREAM.format(said=SAID, address='10.2.1.2')}'")
    assert eventually(lambda: SAID in two.inside("c2", "cat /arrived"))
    block = f"-s {two.address} -p udp -j DROP"
    one.shell(f"iptables -I INPUT {block}")
    assert eventually(partial(relayed, one, two, three), seconds=60)
    said = f"over {three.name}: UDP port 6783"  # or what its other end finds, as long as it found it first
    assert eventually(lambda: said in one.weave("status", "connections"))
    assert eventually(lambda: one.pings("c1", "10.2.1.2", size=FULL), seconds=60), "over the third host"
    assert "weave-wg-relay" in one.shell("docker ps --format '{{.Names}}'")
    one.weave("password", "--password-file", second, "--grace", "0s")
    assert eventually(lambda: three.shell("docker logs weave 2>&1 | grep -c 'changed by a peer'; true") == "1\n")
    assert one.pings("c1", "10.2.1.2", size=FULL)
    one.shell(f"iptables -D INPUT {block}")
    one.inside("c1", "touch /over")
    assert eventually(lambda: one.try_shell("docker exec c1 ls /done").returncode == 0, seconds=60)
    sent = one.inside("c1", "cat /sent")
    assert len(sent) > 1000
    assert two.inside("c2", "cat /arrived") == sent, "each byte arrives, in order"


def test_a_host_that_can_make_no_tunnel_sends_nothing_and_says_why(trio: list[Host]) -> None:
    one, two, _ = trio
    two.weave("launch", WEAVE_PASSWORD=FIRST)
    assert eventually(lambda: "weave-wg" in two.shell("ip -br link"))
    one.shell("mv /dev/net/tun /dev/net/away")
    try:
        one.weave("launch", two.address, WEAVE_PASSWORD=FIRST)
        assert eventually(lambda: "/dev/net/tun" in one.try_weave("status", "connections").stdout)
        assert "weave-wg" not in one.shell("ip -br link")
        assert eventually(lambda: "it has no tunnel: see `weave status` there" in two.weave("status", "connections"))
        assert not one.shell("bridge fdb show dev vxlan-6784 | grep 00:00:00:00:00:00 || true")
        assert not two.shell("bridge fdb show dev vxlan-6784 | grep 00:00:00:00:00:00 || true")
    finally:
        one.shell("mv /dev/net/away /dev/net/tun")
    assert eventually(lambda: is_up(one, 1) and is_up(two, 1)), "it is tried again"
