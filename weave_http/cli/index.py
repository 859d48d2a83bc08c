"""The table of the commands: in which group of the help each one stands, and those that are no operations."""

from __future__ import annotations

from weave_http.operations.index import SUMMARIES

COMMANDS = {
    "up": ("up", "Make one network of Docker hosts: the image, a router on each, connections between them."),
    "down": ("up", "Stop the routers of Docker hosts."),
    "hosts": ("hosts", "Names for Docker hosts, in a file of yours."),
    "proxy": ("proxy", "Serve the Docker API on a socket here; containers created by it join the network."),
    "setup": ("setup", "Bring the image to the Docker host."),
    "secret": (
        "secret",
        "Print a new password that nobody guesses: 160 random bits as 32 letters and digits. Nothing is sent.",
    ),
    "explain": ("explain", "Explain a command: its calls, and what each is for."),
    "script": ("explain", "Print a shell script of curl calls that does the same."),
    "create-body": ("create_body", "Print the body of docker run's create call. Nothing is sent."),
    "completion": ("completion", "Print a script by which a shell completes weave's words."),
    "image": ("image", "Build the image of executor and router, without a registry."),
    "sandbox": ("sandbox", "Real Docker hosts on this machine, to try things on."),
}
"""Commands that are no operations, or more than one: the module of this package, and the first line of the help."""

GROUPS = {
    "Many hosts at once": ("up", "down", "hosts"),
    "Network": (
        *("setup", "launch", "connect", "forget", "rmpeer", "status", "report", "stop", "reset"),
        *("expose", "hide", "secret", "password", "upgrade", "version"),
    ),
    "Containers": ("run", "attach", "detach", "start", "restart", "ps", "proxy", "env", "config"),
    "Names": ("dns-add", "dns-remove", "dns-lookup", "dns-args"),
    "When something does not work": ("doctor", "ping", "rtt"),
    "Learn": ("help", "explain", "script", "create-body", "completion"),
    "On this machine": ("image", "sandbox"),
    "For scripts of other versions": ("launch-dns", "stop-dns", "prime"),
}
"""Commands by their group, in the order of the help. Those in none are for scripts, and not listed."""


def summary(name: str) -> str:
    """Return what a command does, a sentence."""
    return COMMANDS[name][1] if name in COMMANDS else SUMMARIES[name]
