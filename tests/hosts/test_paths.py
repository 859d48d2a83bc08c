"""Hosts between which not everything passes."""

from __future__ import annotations

import json
from functools import partial

import pytest

from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_network import joined

SECONDS = 60
LARGE = "-p udp -m length --length 1401:65535"


def test_data_goes_over_a_third_host_and_the_mtu_follows_in_running_containers(trio: list[Host]) -> None:
    joined(*trio)
    one, two, three = trio
    for number, host in enumerate(trio, start=1):
        host.weave("run", f"10.2.1.{number}/24", "--name", "box", GUEST, "sleep", "3600")

    def says(host: Host, text: str) -> bool:
        return text in host.weave("status", "connections")

    def has_mtu(host: Host, mtu: int) -> bool:
        return f" mtu {mtu} " in host.inside("box", "ip link show dev ethwe")

    two.shell(f"iptables -I INPUT -s {one.address} -p udp -j DROP")
    blocked = f"over {three.name}: UDP port 6784 to {two.address} is blocked, the way back is open"
    assert eventually(partial(says, one, blocked), seconds=SECONDS), one.weave("status", "connections")
    assert eventually(lambda: one.pings("box", "10.2.1.2", size=1422), seconds=SECONDS)
    assert two.pings("box", "10.2.1.1", size=1422)
    report = json.loads(one.weave("report"))
    assert report["DataPasses"] is True
    assert {path["State"] for path in report["Paths"]} == {"direct", "relayed"}
    one.weave("run", "10.2.1.11/24", "--name", "later", GUEST, "sleep", "3600")
    assert eventually(lambda: one.pings("later", "10.2.1.2")), "the executor leaves the rules alone"

    two.shell(f"iptables -D INPUT -s {one.address} -p udp -j DROP; iptables -I INPUT -s {one.address} {LARGE} -j DROP")
    assert eventually(partial(says, one, "packets over 1350 bytes get lost"), seconds=SECONDS)
    for host in trio:
        assert eventually(partial(has_mtu, host, 1350), seconds=SECONDS), host.inside("box", "ip link")
    assert one.pings("box", "10.2.1.2", size=1422), "in two pieces"
    one.weave("reset")
    assert "WEAVE" not in one.shell("iptables-save")


@pytest.mark.long
def test_a_host_with_ipv4_and_one_with_ipv6_alone_meet_over_one_with_both(trio: list[Host]) -> None:
    four, both, six = trio
    address = {host: f"fd00:77::{number}" for number, host in enumerate(trio, start=1)}
    for host in (both, six):
        host.shell(f"ip -6 addr add {address[host]}/64 dev eth0 nodad")
    try:
        four.weave("launch", "--host", four.address)
        both.weave("launch", four.address)
        six.weave("launch", "--host", address[six], f"[{address[both]}]:6783")
        for number, host in enumerate(trio, start=1):
            host.weave("run", f"10.2.1.{number}/24", "--name", "box", GUEST, "sleep", "3600")

        def reach(host: Host, state: str) -> bool:
            return [path["State"] for path in json.loads(host.weave("report"))["Paths"]].count(state) == 1

        assert eventually(lambda: reach(four, "relayed") and reach(six, "relayed"), seconds=3 * SECONDS), four.weave(
            "report"
        )
        for one, other in ((four, 3), (four, 2), (six, 1), (six, 2)):
            assert eventually(partial(one.pings, "box", f"10.2.1.{other}", size=1402), seconds=SECONDS)
        assert f"-> [{address[both]}]:6783" in six.weave("status", "connections")
        six.weave("forget", f"[{address[both].upper()}]:6783")
        assert six.weave("status", "targets") == ""
        done = both.try_weave("doctor", "--format", "json")
        found = json.loads(done.stdout)
        # The sandbox has no name server.
        assert {each["Level"] for each in found if each["Check"] != "resolver"} == {"ok"}, done.stdout
        assert "2 peers answered over the network" in done.stdout
        for host in (four, six):
            done = host.try_weave("doctor")
            assert done.returncode == 1, done.stdout
            assert f"is reached over {both.name} only" in done.stdout
        for host in trio:
            host.weave("reset")
            assert host.left_overs() == ""
        assert "100::" not in six.shell("ip -6 route")
    finally:
        for host in (both, six):
            host.try_shell(f"ip -6 addr del {address[host]}/64 dev eth0")
