"""The table of the operations: name, the module that declares it, and one sentence for the list of commands.

It is apart from the declarations, so that `weave --help` need not import them all.
"""

from __future__ import annotations

MODULES = {
    "launch": {"launch": "Start the router on the Docker host, and connect it to peers."},
    "peers": {
        "connect": "Connect the router to more peers.",
        "forget": "Stop trying to connect to peers.",
        "rmpeer": "Forget peers that are gone for good, and take over their addresses.",
    },
    "run": {"run": "Start a container on the network, as docker run would."},
    "joining": {
        "attach": "Join a running container to the network.",
        "detach": "Take addresses of the network away from a container.",
        "start": "Start a stopped container, and join it to the network.",
        "restart": "Restart a container, and join it to the network.",
    },
    "exposing": {
        "expose": "Put the Docker host itself on the network.",
        "hide": "Take the Docker host off the network.",
    },
    "reading": {
        "ps": "List the containers on the network: id, MAC, addresses.",
        "status": "Show the router's state.",
        "report": "Print all that the router knows, as JSON or by a Go template.",
    },
    "secrecy": {"password": "Change the password of the network, on all hosts."},
    "diagnosis": {
        "doctor": "Look for what is wrong on the Docker host, and say what to do.",
        "rtt": "Show the round trips between all hosts.",
        "ping": "Ask a peer, a container or a name for an answer over the network, and show the way.",
    },
    "names": {
        "dns-add": "Give a container's addresses, or others, a name.",
        "dns-remove": "Remove names: all that match the arguments.",
        "dns-lookup": "Print the addresses that containers get for a name.",
        "dns-args": "Print docker run's options by which a container uses the names.",
        "launch-dns": "Make sure that the router serves names.",
    },
    "plain": {
        "upgrade": "Replace the router by one of this version; the network goes on meanwhile.",
        "stop": "Stop the router.",
        "reset": "Stop the router, and remove all that Weave made on the host.",
        "version": "Print the versions on this side and on the Docker host.",
        "prime": "Wait until addresses can be handed out.",
        "env": "Print the line by which docker uses the router's Docker API.",
        "config": "Print docker's option for the router's Docker API.",
        "stop-dns": "Do nothing: names end with the router.",
        "help": "Show the commands and their arguments.",
        "setup": "Have the engine pull the image that belongs to this version.",
        "create-bridge": "Make the bridge and the firewall's rules, without a router.",
        "bridge-type": "Print what kind of bridge there is.",
        "docker-bridge-ip": "Print the address by which containers reach their host.",
    },
}
"""Summaries by names, by the modules of this package that declare the operations."""

SUMMARIES = {name: summary for names in MODULES.values() for name, summary in names.items()}
"""All of them, in the order of the help."""

INTERNAL = frozenset({"setup", "create-bridge", "bridge-type", "docker-bridge-ip"})
"""Operations for scripts, which are not in the list of commands."""
