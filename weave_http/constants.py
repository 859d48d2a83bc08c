"""The names, ports and paths that both sides of the wire agree on.

They are Weave's own where Weave has one, because people, scripts and firewalls know them.
"""

from __future__ import annotations

from weave_http import __version__

# -- on the Docker host ------------------------------------------------------------------------------
BRIDGE = "weave"
"""The Linux bridge that the containers of one host hang on."""
GUEST_INTERFACE = "ethwe"
"""What a container sees of the network."""
HOST_VETH_PREFIX = "vethwe"
"""Host end of a veth to a container; what tells it from others follows (at most 15 characters in all)."""
VXLAN_DEVICE = "vxlan-6784"
"""The kernel's VXLAN device on the bridge, by which frames reach the other hosts."""
VXLAN_DEVICE_6 = "vxlan6-6784"
"""The same over IPv6, on hosts that have peers there: the kernel gives a device one family of underlay addresses."""
TUNNEL_DEVICE = "weave-wg"
"""The WireGuard device that frames go through when the network has a password."""
RELAYED_TUNNEL_DEVICE = "weave-wg-relay"
"""The same for frames to hosts that are reached over others only; there when there are such."""
CUTTING_DEVICE, JOINING_DEVICE = "weave-gso", "weave-gro"
"""A veth on the way into a tunnel, both ends on the host: what is sent into the one is cut up, and joined at the other
(`weave_http.net.offload`)."""
VNI = 6784
"""VXLAN network identifier: one network, so one number."""

LEAST_MTU, GREATEST_MTU = 576, 65535
"""What an MTU, in bytes, may be: every IPv4 host must take the one, and a packet's length field ends at the other."""

METRICS_PORT = 6782
"""Metrics of the router for Prometheus, on 127.0.0.1 of its host unless wished for elsewhere."""
PEER_PORT = 6783
"""TCP port on which routers talk to each other; data (VXLAN, UDP) uses the port after it."""
ROUTER_HTTP_PORT = 6784
"""Control API of the router on 127.0.0.1 of its host."""

RESIDENT_CONTAINER = "weave-exec"
"""The resident executor, which does operations without a container for each."""
ROUTER_CONTAINER = "weave"
TUNNEL_CONTAINER = "weave-wg"
"""Where WireGuard runs in user space, on a host whose kernel has none. A container is called as its device is."""
TUNNEL_PROGRAM = "/usr/bin/wireguard-go"
"""What runs there; in the image."""
ROUTER_VOLUME = "weavedb"
"""Named volume that keeps the peer name, targets and attachments of a host over restarts."""
ROUTER_STATE = "/weavedb"
"""Where that volume is mounted in the router's container."""
DOCKER_ARGS_LABEL = "works.weave.docker-args"
"""Label of a router's container with the `WEAVE_DOCKER_ARGS` of its launch, for the router that replaces it."""

DNS_DOMAIN = "weave.local"
"""Domain of the names that containers have, unless another one is wished for."""
DOCKER_BRIDGE = "docker0"
"""The engine's own bridge, on whose address names are served; `DOCKER_BRIDGE` in the environment names another one."""

NETWORK_DRIVER, IPAM_DRIVER = "weave", "weavemesh"
"""What Docker's networks name the plugin by: `docker network create -d weave --ipam-driver weavemesh`."""
DOCKER_NETWORK = "weave"
"""The Docker network that `launch` makes: its containers are on the network of `attach`."""
NETWORK_OPTION = "works.weave.network"
"""Option of a Docker network of ours that a router made: which one it is."""
SEGMENT_BRIDGE_PREFIX, SEGMENT_VXLAN_PREFIXES = "weave-n", ("weave-x", "weave-y")
"""Bridge and VXLAN device of a further Docker network; the first eight digits of its id follow."""

DOCKER_SOCKET = "/var/run/docker.sock"
PROXY_FOLDER = "/var/run/weave"
PROXY_SOCKET = f"{PROXY_FOLDER}/weave.sock"
"""Where the router serves the Docker API, on the host; containers made by it join the network."""
PROXY_PORT = 12375
"""TCP port for the same, where none is said; Weave 2.x has it."""
PROCFS = "/proc"
"""The host's /proc as the host sees it; `PROCFS` in the environment says where it is mounted for us."""
HOSTPROC = "/hostproc"
"""Where the executor and the router find the host's /proc."""

# -- the image ---------------------------------------------------------------------------------------
IMAGE_REPOSITORY = "weavehttp/weave"
"""One image holds the executor and the router."""
DEFAULT_IMAGE = f"{IMAGE_REPOSITORY}:{__version__}"
EXECUTOR_PROGRAM = "/usr/bin/weave"
"""The image's entrypoint."""
WAITER = "/w/w"
"""The program that `weave run` puts before a container's own, to wait for the network; in the image, in a directory of
its own."""
WAITER_FOLDER = "/w"
WAITER_VOLUMES = "weavevolumes"
"""Containers that only hold that directory as a volume begin with this, and have it as a label."""
WAITER_LABEL = "works.weave.waiter"
"""Label of images that have the waiter, with its path."""
ROLE_LABEL = "works.weave.role"
"""Label that tells a container of ours (`executor`, `resident`, `router`, `tunnel`) from a foreign one of its name."""

# -- environment variables that the caller hands to the executor, by name, when they are set --------
FORWARDED_VARIABLES = (
    "VERSION",
    "WEAVE_DEBUG",
    "WEAVE_DOCKER_ARGS",
    "WEAVEDNS_DOCKER_ARGS",
    "WEAVE_PASSWORD",
    "WEAVE_PORT",
    "WEAVE_HTTP_ADDR",
    "WEAVE_CONTAINER_NAME",
    "WEAVE_MTU",
    "DOCKER_BRIDGE",
    "PROXY_HOST",
)
CONFIDENTIAL_VARIABLES = frozenset({"WEAVE_PASSWORD", "WEAVE_DOCKER_ARGS", "WEAVEDNS_DOCKER_ARGS"})
"""Those of them that may hold a secret. The resident executor is not told: others who are attached could read along.
Only `launch` reads them, which never goes that way."""

ADDRESS_RANGE = "10.32.0.0/12"
"""Out of which addresses are handed out, as in Weave."""
