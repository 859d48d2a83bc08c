"""A host among those who might reach it, or what is behind it: what packets do, not what rules say."""

from __future__ import annotations

import socket
from collections.abc import Callable

from tests.net.kernel import Space
from weave_http.net import firewall
from weave_http.net.bridge import ensure_bridge


class Yard:
    """A host that routes, with two containers on `weave`, one on `docker0`, one on a network of the engine's with
    a bridge name of a user's own choice, and a machine on its LAN.

    Docker's rules are there: the policy drops, and what comes out of docker0 may go anywhere.
    """

    def __init__(self, host: Space, spaces: Callable[[], Space]) -> None:
        self.host = host
        host.call(ensure_bridge)
        host.run("ip link del eth0; ip link add eth0 type bridge; ip link set eth0 up")
        host.run("echo 1 > /proc/sys/net/ipv4/ip_forward; ip link add docker0 type bridge; ip link set docker0 up")
        host.run(
            "ip addr add 172.17.0.1/16 dev docker0; ip addr add 192.0.2.1/24 dev eth0;"
            "ip route add default dev eth0"  # which makes that bridge a way to others
        )
        self.inside = self.plugged(spaces(), "weave", "10.2.1.1/24", "10.2.1.254")
        self.other = self.plugged(spaces(), "weave", "10.2.2.1/24", "10.2.2.254")
        self.docker = self.plugged(spaces(), "docker0", "172.17.0.2/16", "172.17.0.1")
        host.run("ip link add mine type bridge; ip link set mine up; ip addr add 172.30.0.1/16 dev mine")
        self.mine = self.plugged(spaces(), "mine", "172.30.0.2/16", "172.30.0.1")
        self.lan = self.plugged(spaces(), "eth0", "192.0.2.9/24", "192.0.2.1")
        host.call(firewall.ensure)
        host.run(
            "iptables-nft -P FORWARD DROP; iptables-nft -N DOCKER;"
            "iptables-nft -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT;"
            "iptables-nft -A FORWARD -o docker0 -j DOCKER; iptables-nft -A FORWARD -i docker0 ! -o docker0 -j ACCEPT;"
            "iptables-nft -A FORWARD -i docker0 -o docker0 -j ACCEPT;"
            "iptables-nft -A FORWARD -o mine -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT;"
            "iptables-nft -A FORWARD -i mine ! -o mine -j ACCEPT;"
            "iptables-nft -t nat -A POSTROUTING -s 172.30.0.0/16 ! -o mine -j MASQUERADE;"
            "iptables-nft -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"
        )

    def plugged(self, space: Space, bridge: str, cidr: str, gateway: str) -> Space:
        """Put a namespace on a bridge of the host, as a container."""
        self.host.run(
            f"ip link add v{space.pid} type veth peer name c0 netns {space.pid};"
            f"ip link set v{space.pid} master {bridge} up"
        )
        space.run(f"ip addr add {cidr} dev c0; ip link set c0 up; ip route add default via {gateway} dev c0 onlink")
        return space


def reaches(space: Space, address: str) -> bool:
    """Tell whether a ping is answered."""
    return space.run(f"ping -q -c 1 -W 0.4 {address} | grep -q ' 0% packet loss' && echo yes || echo no") == "yes"


def hears(at: Space, address: str, port: int, sender: Space, kind: str = "udp") -> bool:
    """Tell whether somebody who listens on a port hears a sender; whether an answer finds its way is another matter.

    Args:
        at: where is listened.
        address: what is written to.
        port: of it.
        sender: who writes.
        kind: `udp` or `tcp`.
    """
    number = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
    with (
        at.call(socket.socket, socket.AF_INET, number) as listener,
        sender.call(socket.socket, socket.AF_INET, number) as client,
    ):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", port))  # noqa: S104
        listener.settimeout(0.4)
        client.settimeout(0.4)
        try:
            if kind == "udp":
                client.sendto(b"x", (address, port))
                return listener.recv(1) == b"x"
            listener.listen()
            client.connect((address, port))
        except (TimeoutError, OSError):
            return False
        return True
