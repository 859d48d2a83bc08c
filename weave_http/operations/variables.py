"""The environment variables that matter to operations, for their help."""

from __future__ import annotations

VARIABLES = {
    "DOCKER_HOST": "The Docker host. DOCKER_CONTEXT, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH count as for docker.",
    "WEAVE_HOSTS": "The Docker hosts, if there are several: names, patterns, labels or endpoints.",
    "EXEC_IMAGE": "Another image for the executor, and for the router that it launches.",
    "VERSION": "Tag of the image.",
    "WEAVE_CONTAINER_NAME": "Name of the router's container; weave by default.",
    "WEAVE_HTTP_ADDR": "Where the router's API is; 127.0.0.1:6784 by default.",
    "WEAVE_PORT": "The router's TCP port; 6783 by default.",
    "WEAVE_MTU": "MTU of the network, in bytes.",
    "WEAVE_PASSWORD": "The network's password; for `password` the new one.",
    "WEAVE_DOCKER_ARGS": "Arguments of docker run for the router's container.",
    "DOCKER_BRIDGE": "The engine's bridge; docker0 by default.",
    "PROXY_HOST": "The Docker host's name or address, for a router that serves the Docker API by TCP; DOCKER_HOST's.",
    "PROCFS": "The host's /proc, if it is elsewhere.",
    "WEAVE_DEBUG": "Show a fault of weave's own with its traceback; the router logs more.",
}
"""Names, and what each is for."""

EVERYWHERE = ("DOCKER_HOST", "WEAVE_HOSTS", "EXEC_IMAGE", "VERSION", "PROCFS", "WEAVE_DEBUG")
"""Those that matter to every operation."""

ROUTERS = ("WEAVE_CONTAINER_NAME", "WEAVE_HTTP_ADDR")
"""Those by which the router is found."""

BRIDGES = ("DOCKER_BRIDGE",)
LAUNCHES = (*ROUTERS, "WEAVE_PORT", "WEAVE_MTU", "WEAVE_PASSWORD", "WEAVE_DOCKER_ARGS", *BRIDGES)
JOINS = (*ROUTERS, "WEAVE_MTU")

OF = {
    "launch": LAUNCHES,
    "password": (*ROUTERS, "WEAVE_PASSWORD"),
    **dict.fromkeys(("run", "attach", "start", "restart"), JOINS),
    **dict.fromkeys(("create-bridge", "expose"), (*JOINS, *BRIDGES)),
    **dict.fromkeys(("dns-args", "docker-bridge-ip"), (*ROUTERS, *BRIDGES)),
    **dict.fromkeys(("env", "config"), (*ROUTERS, "PROXY_HOST")),
    **dict.fromkeys(("prime", "help", "setup", "stop-dns", "bridge-type", "version"), ()),
}
"""Those that matter to an operation beside the ones that matter to all; `ROUTERS` to one that is not listed."""


def variables_of(name: str) -> tuple[str, ...]:
    """Return the variables that an operation heeds beside those that all do."""
    return OF.get(name, ROUTERS)
