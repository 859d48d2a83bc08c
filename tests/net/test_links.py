from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import IPv4Interface

from tests.net.kernel import Space, cidrs
from weave_http.net import links
from weave_http.net.links import Link
from weave_http.net.netlink import Netlink


def test_links_are_read_as_ip_shows_them(host: Space, spaces: Callable[[], Space]) -> None:
    container = spaces()
    host.run(
        "ip link add weave type bridge; ip link set weave up alias 'weave-http ä';"
        f"ip link add port type veth peer name inner netns {container.pid}; ip link set port master weave up mtu 1234;"
        "ip link add apart type veth peer name other; ip link set apart master weave;"
        "bridge link set dev apart isolated on; ip link add tun type vxlan id 7 dstport 9999"
    )
    container.run("ip link set inner up")
    shown = json.loads(host.run("ip -json -details link"))
    numbers = {each["ifname"]: each["ifindex"] for each in shown}
    with host.call(Netlink) as kernel:
        found = links.list_links(kernel)
        assert found == [links.get_link(kernel, index=link.index) for link in found]
    assert {link.name for link in found} == set(numbers)
    for each in shown:
        (link,) = (link for link in found if link.name == each["ifname"])
        info = each.get("linkinfo", {})
        port = info.get("info_slave_data", {}) if info.get("info_slave_kind") == "bridge" else {}
        assert link == Link(
            index=each["ifindex"],
            name=each["ifname"],
            kind=info.get("info_kind", ""),
            mac=each["address"],
            mtu=each["mtu"],
            up="UP" in each["flags"],
            loopback="LOOPBACK" in each["flags"],
            operational=each["operstate"] == "UP",
            master=numbers.get(each.get("master", ""), 0),
            peer=each.get("link_index", 0) or numbers.get(each.get("link", ""), 0),
            peer_namespace=each.get("link_netnsid", -1),
            forwarding=port.get("state") == "forwarding",
            alias=each.get("ifalias", ""),
            isolated=port.get("isolated", False),
        ), each
    assert any(link.forwarding for link in found)
    assert any(link.isolated for link in found)


def test_addresses_are_read_as_they_were_added_but_for_link_local_ones(host: Space) -> None:
    given = cidrs("10.2.1.1/24", "10.2.0.9/16", "2001:db8::1/64", "2001:db8::2/128")
    host.run("ip address add 192.0.2.1 peer 192.0.2.2/32 dev lo")
    with host.call(Netlink) as kernel:
        eth0, lo = links.get_link(kernel, "eth0"), links.get_link(kernel, "lo")
        assert eth0 is not None
        assert lo is not None
        for cidr in given:
            assert links.add_address(kernel, eth0, cidr)
        assert links.list_all_addresses(kernel, eth0) == given
        assert links.list_addresses(kernel, lo) == [IPv4Interface("127.0.0.1/8"), *cidrs("192.0.2.1/32")]
