"""The bridge, its rules, the VXLAN device and its entries: what the network of a host is made of."""

from __future__ import annotations

from collections.abc import Mapping

from weave_http import constants
from weave_http.operations import Operation
from weave_http.transcript.host_steps.step import (
    DATA,
    FORWARD,
    INPUT,
    NEIGHBOUR,
    NO_IPV6,
    PROGRAMS,
    HostStep,
    docker_bridge,
    mtu_of,
    sysctl,
    sysctl6,
)

_VXLAN = 50
OURS = "weave-http"
"""What is written on a bridge that we finished."""


def bridge_steps(actor: str, mtu: str, docker_bridge: str = constants.DOCKER_BRIDGE) -> list[HostStep]:
    """Return the steps by which there is a bridge, frames may pass it, and nobody else gets in.

    Args:
        actor: `executor` or `router`.
        mtu: of the overlay.
        docker_bridge: name of the engine's default bridge.
    """
    bridge, others = constants.BRIDGE, f"{constants.SEGMENT_BRIDGE_PREFIX}+"
    return [
        HostStep(
            actor,
            f"Make the bridge `{bridge}`, if there is none: the switch that this host's containers hang on. Its MTU is "
            "that of the way to the other hosts less 50 bytes for VXLAN, 110 with a password. Neighbours are checked "
            "within seconds, as an address may move to another container. The host has no IPv6 there: by a link-local "
            "address containers would reach all of its services.",
            (
                f"ip link add name {bridge} type bridge forward_delay 0 stp_state 0",
                sysctl("", [f"neigh.{bridge}.{item}" for item in NEIGHBOUR]),
                sysctl6("", bridge, NO_IPV6),
                f"ip link set {bridge} alias {OURS} mtu {mtu} up",
            ),
            f"bridge {bridge}",
        ),
        HostStep(
            actor,
            "Let frames pass from port to port of the bridge: Docker has the host drop what is forwarded, and with "
            "br_netfilter that goes for bridged frames as well. From elsewhere only answers get in, and from Docker's "
            "own networks (this one, and every other bridge that only containers hang on) nothing else ever. "
            f"The host itself is reached by answers only. Further Docker networks (bridges `{others}`) are closed.",
            (
                f"for tables in {' '.join(PROGRAMS.values())}; do",
                f"  $tables -N {FORWARD}",
                f"  $tables -A {FORWARD} -i {bridge} -o {bridge} -j ACCEPT",
                f"  $tables -A {FORWARD} -o {bridge} -m conntrack \\\n    --ctstate RELATED,ESTABLISHED -j ACCEPT",
                f"  $tables -A {FORWARD} -i {docker_bridge} -o {bridge} -j DROP",
                f"  $tables -A {FORWARD} -i {bridge} -o {docker_bridge} -j RETURN",
                f"  $tables -A {FORWARD} -i {others} -o {others} -j ACCEPT",
                f"  $tables -A {FORWARD} -i {others} -j DROP",
                f"  $tables -A {FORWARD} -o {others} -j DROP",
                f"  $tables -A {FORWARD} -o {bridge} -j DROP",
                f"  $tables -I FORWARD -j {FORWARD}",
                f"  $tables -N {INPUT}",
                f"  $tables -A {INPUT} -i {others} -j DROP",
                f"  $tables -A {INPUT} -i {bridge} -m conntrack \\\n    --ctstate RELATED,ESTABLISHED -j RETURN",
                f"  $tables -A {INPUT} -i {bridge} -j DROP",
                f"  $tables -I INPUT -j {INPUT}",
                "done",
            ),
            "firewall rules",
        ),
    ]


def guard_step(port: int, docker_bridge: str = constants.DOCKER_BRIDGE) -> HostStep:
    """Return the step by which the router's ports are closed to containers.

    Args:
        port: TCP port for peers.
        docker_bridge: name of the engine's default bridge.
    """
    closed = [
        (bridge, f"-p {kind} --dport {number} -j DROP")
        for bridge in (constants.BRIDGE, docker_bridge)
        for kind, number in (("tcp", port), ("udp", port + 1))
    ]
    inward = [
        *(
            f"-d 127.0.0.0/8 ! -i lo \\\n  -p tcp --dport {local} -j DROP"
            for local in (constants.ROUTER_HTTP_PORT, constants.METRICS_PORT)
        ),
        *(f"-i {docker_bridge} -p {kind} --dport 53 -j ACCEPT" for kind in ("udp", "tcp")),
        *(f"-i {bridge} {rule}" for bridge, rule in closed),
    ]
    tunnel = [f"{way} {constants.TUNNEL_DEVICE}+ -j DROP" for way in ("-i", "-o")]
    outward = [*(f"-i {bridge} ! -o {bridge} \\\n  {rule}" for bridge, rule in closed), *tunnel]
    return HostStep(
        "router",
        "Close the router's ports to containers, and its API and metrics to everybody but this host's own programs. "
        "Containers may ask for names. The ports of other hosts are closed to them, too, and the tunnel to them. The "
        "port for data takes frames of peers only.",
        (
            *(
                f"{tables} {rule}"
                for tables in ("iptables", "ip6tables")
                for rule in (f"-N {DATA}", f"-A {DATA} -j DROP", f"-I {INPUT} -p udp --dport {port + 1} -j {DATA}")
            ),
            *(f"iptables -I {INPUT} {at} {rule}" for at, rule in enumerate(inward, start=1)),
            *(f"iptables -I {FORWARD} {at} {rule}" for at, rule in enumerate(outward, start=1)),
            *(f"ip6tables -I {INPUT} {at} -i {bridge} {rule}" for at, (bridge, rule) in enumerate(closed, start=1)),
            *(f"ip6tables -I {FORWARD} {at} {rule}" for at, rule in enumerate(outward, start=1)),
        ),
        "ports closed",
    )


def vxlan_step(port: int, mtu: str) -> HostStep:
    """Return the step by which the bridge reaches other hosts.

    Args:
        port: UDP port of the data.
        mtu: of the overlay.
    """
    device = constants.VXLAN_DEVICE
    return HostStep(
        "router",
        "Put a VXLAN device on the bridge: the kernel itself wraps frames for other hosts into UDP, and learns "
        "behind which host a MAC address is.",
        (
            f"ip link add {device} mtu {mtu} type vxlan \\\n  id {constants.VNI} dstport {port} learning",
            f"ip link set {device} addrgenmode none",
            sysctl6("", device, NO_IPV6),
            f"ip link set {device} master {constants.BRIDGE}",
            f"ip link set {device} up",
        ),
        f"device {device}",
    )


def tunnel_step(port: int, mtu: str) -> HostStep:
    """Return the step by which frames for other hosts are encrypted, on a network with a password.

    Args:
        port: for peers: TCP, and UDP for what is encrypted.
        mtu: of the overlay; what goes into the tunnel has 50 bytes more.
    """
    device, data = constants.TUNNEL_DEVICE, port + 1
    room = f" mtu {int(mtu) + _VXLAN}" if mtu.isdigit() else ""
    return HostStep(
        "router",
        "The network has a password, so frames for other hosts go through WireGuard: the kernel's, or wireguard-go in "
        "a container of its own. Each host has an address there, made of its peer name: `$here` is this one's. Without "
        f"`{device}` what is for such an address goes nowhere. Out of it come frames, and nothing else gets in.",
        (
            "ip route add unreachable 240.0.0.0/5",
            f"ip link add {device} type wireguard || wireguard-go {device}",
            f"ip addr add $here dev {device}",
            sysctl6("", device, NO_IPV6),
            f"ip link set {device}{room} up",
            f"ip route add 240.0.0.0/6 dev {device}",
            f"iptables -I {DATA} -i {device}+ -j DROP",
            f"iptables -I {DATA} -i {device}+ -p udp --dport {data} -j ACCEPT",
            f"iptables -I {INPUT} -i {device}+ -j {DATA}",
        ),
        f"device {device}",
    )


def tunnelled_peer_step(address: str, port: int) -> HostStep:
    """Return the step by which a connected peer gets frames through the tunnel.

    Args:
        address: the peer's address on the underlay.
        port: of WireGuard.
    """
    return HostStep(
        "router",
        "For each peer that is connected: tell WireGuard its key and its address in the tunnel, `$there`, which both "
        "routers said on their connection, and a secret of the two; send it frames there.",
        (
            f"wg set {constants.TUNNEL_DEVICE} listen-port {port} peer $key allowed-ips $there/32 \\\n"
            f"  preshared-key $secret persistent-keepalive 20 endpoint {address}:{port}",
            f"bridge fdb append 00:00:00:00:00:00 \\\n  dev {constants.VXLAN_DEVICE} dst $there self permanent",
        ),
        "key and flood entry a peer",
    )


def peer_step(address: str) -> HostStep:
    """Return the step by which a connected peer gets frames as they are.

    Args:
        address: the peer's IPv4 address on the underlay.
    """
    return HostStep(
        "router",
        "For each peer that is connected: take its frames, and send it those that are for all, or whose place is not "
        "known yet.",
        (
            f"iptables -I {DATA} -s {address} -j RETURN",
            f"bridge fdb append 00:00:00:00:00:00 \\\n  dev {constants.VXLAN_DEVICE} dst {address} self permanent",
        ),
        "flood entry a peer",
    )


def create_bridge(_: Operation, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `create-bridge`."""
    return bridge_steps("executor", mtu_of(environ), docker_bridge(environ))


def bridge_type(_: Operation, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `bridge-type`."""
    return [
        HostStep(
            "executor",
            "See whether there is a bridge. There is one kind only.",
            (f"ip link show dev {constants.BRIDGE}",),
            "look for the bridge",
        )
    ]


def docker_bridge_ip(_: Operation, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `docker-bridge-ip`."""
    name = docker_bridge(environ)
    return [
        HostStep(
            "executor",
            "Read the first address of the engine's own bridge.",
            (f"ip -4 -o addr show dev {name}",),
            f"read {name}",
        )
    ]
