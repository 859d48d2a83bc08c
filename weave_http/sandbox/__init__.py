"""Real Docker hosts on one Linux machine, for demos and tests.

Each host is a `dockerd` in six namespaces of its own, with its own root file system, on one LAN with the others.
"""

from weave_http.sandbox.checks import engine_root_missing, require_machine
from weave_http.sandbox.sandbox import DEFAULT_STATE, DEFAULT_SUBNET, Sandbox
from weave_http.sandbox.view import HostState, SandboxHost

__all__ = [
    "DEFAULT_STATE",
    "DEFAULT_SUBNET",
    "HostState",
    "Sandbox",
    "SandboxHost",
    "engine_root_missing",
    "require_machine",
]
