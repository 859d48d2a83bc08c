"""What the commands around the router do on the host: from `launch` to `reset`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from urllib.parse import quote

from weave_http import constants
from weave_http.transcript.host_steps.devices import bridge_steps, guard_step, peer_step, vxlan_step
from weave_http.transcript.host_steps.step import (
    EXPOSE,
    FORWARD,
    INPUT,
    NAT,
    ROUTER,
    HostStep,
    docker_bridge,
    form,
    mtu_of,
    option,
)


def launch(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    port = int(option(words, "port") or environ.get("WEAVE_PORT") or constants.PEER_PORT)
    name = environ.get("WEAVE_CONTAINER_NAME") or constants.ROUTER_CONTAINER
    mtu = mtu_of(environ)
    restart = "no" if "--no-restart" in words else "always"
    flags = [word for word in words if word != "--no-restart"]
    given = environ.get("WEAVE_DOCKER_ARGS")
    arguments = f"\\\n  {given} \\\n  " if given else ""
    shown = shlex.join(flags if option(words, "port") else ["--port", str(port), *flags])
    return [
        HostStep(
            "executor",
            "Start the router in a container of its own, of the executor's own image. It keeps what it knows in a "
            "volume, and the engine starts it again whenever it ends.",
            (
                f"docker run -d --name {name} --restart {restart} \\\n"
                "  --privileged --net host \\\n"
                f"  -v {constants.DOCKER_SOCKET}:{constants.DOCKER_SOCKET} \\\n"
                f"  -v {constants.PROCFS}:{constants.HOSTPROC} \\\n"
                f"  -v {constants.ROUTER_VOLUME}:{constants.ROUTER_STATE} \\\n"
                f"  -e PROCFS={constants.HOSTPROC} {arguments}{constants.DEFAULT_IMAGE} \\\n"
                f"  --router {shown}",
            ),
            "start the router",
            to="daemon",
        ),
        *bridge_steps("router", mtu, docker_bridge(environ)),
        guard_step(port, docker_bridge(environ)),
        vxlan_step(port + 1, mtu),
        HostStep(
            "executor",
            "Wait until the router answers, then print its container's id.",
            (f"until curl --fail --silent {ROUTER}/status", "do sleep 0.05; done"),
            "GET /status",
            to="router",
        ),
        peer_step("PEER"),
    ]


def connect(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    replace = words[:1] == ["--replace"]
    fields = [f"peer={peer}" for peer in words[replace:]] + ["replace=true"] * replace
    return [
        HostStep(
            "executor",
            "Give the router more peers to connect to. It keeps trying, also after a restart.",
            (form("/connect", fields),),
            "POST /connect",
            to="router",
        ),
        peer_step("PEER"),
    ]


def forget(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        HostStep(
            "executor",
            "Let the router stop trying to connect to these peers.",
            (form("/forget", [f"peer={peer}" for peer in words]),),
            "POST /forget",
            to="router",
        )
    ]


def status(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    plain = without_format(words)
    path = "/".join(["/status", *plain]) if plain == words else "/report"
    return [
        HostStep(
            "executor", "Ask the router, and print its answer.", (f"curl {ROUTER}{path}",), f"GET {path}", to="router"
        )
    ]


def without_format(words: list[str]) -> list[str]:
    return words[2:] if words[:1] == ["--format"] else words


def report(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    template = f"--get {shlex.quote(f'--data-urlencode=format={words[-1]}')} \\\n  " if words else ""
    return [
        HostStep(
            "executor",
            "Ask the router for all it knows, and print its answer.",
            (f"curl {template}{ROUTER}/report",),
            "GET /report",
            to="router",
        )
    ]


def rmpeer(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        HostStep(
            "executor",
            "Have the router forget peers that are gone for good: it stops sending data there at once.",
            tuple(f"curl --request DELETE {ROUTER}/peer/{quote(peer, safe=':')}" for peer in words),
            "DELETE /peer/{name}",
            to="router",
        )
    ]


def version(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        HostStep(
            "executor",
            "Ask the router for its version; where none runs, the image's own is printed.",
            (f"curl {ROUTER}/version",),
            "GET /version",
            to="router",
        )
    ]


def stop(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    name = environ.get("WEAVE_CONTAINER_NAME") or constants.ROUTER_CONTAINER
    return [
        HostStep(
            "executor",
            "Let the router say goodbye to its peers, so that they stop sending at once.",
            (f"curl --request DELETE {ROUTER}/peer",),
            "DELETE /peer",
            to="router",
        ),
        HostStep(
            "router",
            "Take the way to the other hosts down. The bridge stays: this host's containers reach each other still.",
            (f"ip link del {constants.VXLAN_DEVICE}",),
            f"{constants.VXLAN_DEVICE} off",
        ),
        HostStep(
            "executor",
            "Stop the router's container and remove it. Its volume stays.",
            (f"docker stop {name}", f"docker rm --force {name}"),
            "stop the router",
            to="daemon",
        ),
    ]


def reset(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        *stop([], environ),
        HostStep(
            "executor",
            "Remove what the router remembers.",
            (f"docker volume rm {constants.ROUTER_VOLUME}",),
            "remove the volume",
            to="daemon",
        ),
        HostStep(
            "executor",
            "Remove all cables, and the bridge.",
            (
                f"for veth in $(ip -br link show type veth | grep -o '^{constants.HOST_VETH_PREFIX}[^@ ]*')",
                "do ip link del $veth; done",
                f"ip link del {constants.BRIDGE}",
            ),
            "bridge and veths off",
        ),
        HostStep(
            "executor",
            "Remove the firewall's rules.",
            (
                f"iptables -D FORWARD -j {FORWARD}",
                f"iptables -D INPUT -j {INPUT}",
                f"iptables -t nat -D POSTROUTING -j {NAT}",
                f"for chain in {FORWARD} {INPUT} {EXPOSE}",
                "do iptables -F $chain; iptables -X $chain; done",
                f"iptables -t nat -F {NAT}",
                f"iptables -t nat -X {NAT}",
            ),
            "firewall rules off",
        ),
    ]
