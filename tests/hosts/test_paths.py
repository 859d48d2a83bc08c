"""Hosts between which not everything passes."""

from __future__ import annotations

import json
from functools import partial

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
