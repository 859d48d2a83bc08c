"""What the commands around the router do on the host: from `launch` to `reset`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from weave_http import constants
from weave_http.operations import Connect, Forget, Launch, Operation, Report, Reset, Rmpeer, Status
from weave_http.operations.flag_values import default_subnets
from weave_http.operations.flags import BY_NAME
from weave_http.transcript.host_steps.devices import (
    bridge_steps,
    guard_step,
    peer_step,
    tunnel_step,
    tunnelled_peer_step,
    vxlan_step,
)
from weave_http.transcript.host_steps.step import (
    DATA,
    EXPOSE,
    FORWARD,
    INPUT,
    NAT,
    PROGRAMS,
    ROUTER,
    HostStep,
    docker_bridge,
    form,
    mtu_of,
    router_name,
)
from weave_http.transcript.quoting import shown_line, shown_word


def launch(operation: Launch, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `launch`."""
    settings = operation.settings()
    port = int(settings.values.get("port") or _number(environ.get("WEAVE_PORT", "")) or constants.PEER_PORT)
    bridge = (
        shown_word(settings.texts.get("docker-bridge", ""))
        if "docker-bridge" in settings.texts
        else docker_bridge(environ)
    )
    secret = operation.password or operation.password_file or environ.get("WEAVE_PASSWORD")
    mtu = settings.texts.get("mtu") or mtu_of(environ, encrypted=bool(secret))
    name = router_name(environ)
    restart = "no" if "no-restart" in settings.values else "always"
    words = [word for word in operation.arguments if word.lstrip("-") not in ("no-restart", "if-needed")]
    shown = shown_line(words if "port" in settings.values else ["--port", str(port), *words])
    given = _split(environ.get("WEAVE_DOCKER_ARGS", ""))
    arguments = f"\\\n  {given} \\\n  " if given else ""
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
        *bridge_steps("router", mtu, bridge),
        guard_step(port, bridge),
        *([tunnel_step(port, mtu)] if secret else []),
        vxlan_step(port + 1, mtu),
        HostStep(
            "executor",
            "Wait until the router answers, then print its container's id.",
            (f"until curl --fail --silent {ROUTER}/status", "do sleep 0.05; done"),
            "GET /status",
            to="router",
        ),
        *_network_steps(settings.values),
        tunnelled_peer_step("PEER", port) if secret else peer_step("PEER"),
    ]


def _network_steps(values: Mapping[str, Any]) -> list[HostStep]:
    """Return the step by which the router makes Docker's network, whose driver it is; none if it is not."""
    ranges = values.get("ipalloc-range", BY_NAME["ipalloc-range"].default)
    subnets = default_subnets(ranges, values.get("ipalloc-default-subnet") or ())
    subnet = next((each for each in subnets if each.version == 4), None)
    if subnet is None or not values.get("plugin", True):
        return []
    step = HostStep(
        "router",
        "Be a network driver of the engine's, and make the network of attach one of Docker's, unless it is there.",
        (
            f"docker network create -d {constants.NETWORK_DRIVER} --ipam-driver {constants.IPAM_DRIVER} \\\n"
            f"  --subnet {subnet} -o {constants.NETWORK_OPTION}={constants.DOCKER_NETWORK} {constants.DOCKER_NETWORK}",
        ),
        "make Docker's network",
        to="daemon",
    )
    return [step]


def _number(text: str) -> int:
    """Return a number that was given as a text, or 0 for what is none: the executor refuses it."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0


def _split(arguments: str) -> str:
    """Return arguments that were given in one text as words of the shell, and as words only."""
    try:
        return shown_line(shlex.split(arguments))
    except ValueError:
        return shown_word(arguments)  # the executor refuses them


def connect(operation: Connect, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `connect`."""
    fields = [f"peer={peer}" for peer in operation.peers] + ["replace=true"] * operation.replace
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


def forget(operation: Forget, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `forget`."""
    return [
        HostStep(
            "executor",
            "Let the router stop trying to connect to these peers.",
            (form("/forget", [f"peer={peer}" for peer in operation.peers]),),
            "POST /forget",
            to="router",
        )
    ]


def status(operation: Status, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `status`."""
    path = "/report" if operation.json else "/".join(filter(None, ["/status", operation.section]))
    waiting = (
        [
            HostStep(
                "executor",
                "Ask again until the targets are connected, and data reaches all peers.",
                (f"curl {ROUTER}/missing",),
                "GET /missing",
                to="router",
            )
        ]
        if operation.wait
        else []
    )
    return [
        *waiting,
        HostStep(
            "executor", "Ask the router, and print its answer.", (f"curl {ROUTER}{path}",), f"GET {path}", to="router"
        ),
    ]


def report(operation: Report, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `report`."""
    asked = shown_word(f"format={operation.template}")
    template = f"--get --data-urlencode {asked} \\\n  " if operation.template else ""
    return [
        HostStep(
            "executor",
            "Ask the router for all it knows, and print its answer.",
            (f"curl {template}{ROUTER}/report",),
            "GET /report",
            to="router",
        )
    ]


def rmpeer(operation: Rmpeer, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `rmpeer`."""
    return [
        HostStep(
            "executor",
            "Have the router forget peers that are gone for good: it stops sending data there at once.",
            tuple(f"curl --request DELETE {ROUTER}/peer/{quote(peer, safe=':')}" for peer in operation.peers),
            "DELETE /peer/{name}",
            to="router",
        )
    ]


def version(_: Operation, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `version`."""
    return [
        HostStep(
            "executor",
            "Ask the router for its version; where none runs, the image's own is printed.",
            (f"curl {ROUTER}/version",),
            "GET /version",
            to="router",
        )
    ]


def stop(_: Operation, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `stop`."""
    name = router_name(environ)
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
            "Stop the router's container. It stays for its log, and does not start by itself any more.",
            (f"docker update --restart no {name}", f"docker stop {name}"),
            "stop the router",
            to="daemon",
        ),
    ]


def upgrade(_: Operation, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `upgrade`."""
    name = router_name(environ)
    return [
        HostStep(
            "executor",
            "Give the router's container another name, and make one of the executor's image with the same flags. "
            "It resumes: what it dials is in its volume.",
            (
                f"docker rename {name} {name}-previous",
                f"docker create --name {name} --restart always \\\n"
                "  --privileged --net host \\\n"
                f"  -v {constants.DOCKER_SOCKET}:{constants.DOCKER_SOCKET} \\\n"
                f"  -v {constants.PROCFS}:{constants.HOSTPROC} \\\n"
                f"  -v {constants.ROUTER_VOLUME}:{constants.ROUTER_STATE} \\\n"
                f"  -e PROCFS={constants.HOSTPROC} {constants.DEFAULT_IMAGE} \\\n"
                "  --router FLAGS-OF-THE-OLD-ONE --resume",
            ),
            "make the new router",
            to="daemon",
        ),
        HostStep(
            "executor",
            "Stop the old one without a goodbye, and start the new one: meanwhile the kernel forwards as before.",
            (f"docker stop {name}-previous", f"docker start {name}"),
            "stop one, start the other",
            to="daemon",
        ),
        HostStep(
            "executor",
            "Wait until the new one answers; then remove the old one. If it does not, start the old one again.",
            (f"until curl --fail --silent {ROUTER}/status", "do sleep 0.05; done", f"docker rm {name}-previous"),
            "GET /status",
            to="router",
        ),
    ]


def reset(operation: Reset, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `reset`."""
    name = router_name(environ)
    return [
        HostStep(
            "executor",
            "Remove Docker's network, unless containers are on it.",
            (f"docker network rm {constants.DOCKER_NETWORK}",),
            "remove Docker's network",
            to="daemon",
        ),
        *stop(operation, environ)[:-1],
        HostStep(
            "executor",
            "Stop the router's container, and remove it and what it remembers.",
            (f"docker stop {name}", f"docker rm --force {name}", f"docker volume rm {constants.ROUTER_VOLUME}"),
            "remove the router",
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
                f"for tables in {' '.join(PROGRAMS.values())}; do",
                f"  $tables -D FORWARD -j {FORWARD}",
                f"  $tables -D INPUT -j {INPUT}",
                f"  $tables -t nat -D POSTROUTING -j {NAT}",
                f"  for chain in {FORWARD} {INPUT} {EXPOSE} {DATA}",
                "  do $tables -F $chain; $tables -X $chain; done",
                f"  $tables -t nat -F {NAT}",
                f"  $tables -t nat -X {NAT}",
                "done",
            ),
            "firewall rules off",
        ),
    ]
