"""Podman as the engine of a host: `podman system service`, which answers the Docker API without a daemon behind it.

A service listens at one address, so a host runs three over the same storage: where Docker's socket is, where the
machine sees it, and on plain TCP, because it offers no TLS.
"""

from __future__ import annotations

from pathlib import Path

from weave_http.sandbox.checks import find_program
from weave_http.sandbox.disk import SHARE

PORT = 2375
LOG = "podman"
RESTART = ["podman", "start", "--all", "--filter", "restart-policy=always"]
"""What `podman-restart.service` does when a host has booted: there is no daemon that would start containers."""
_ADDRESSES = ("unix:///run/docker.sock", f"tcp://0.0.0.0:{PORT}", f"unix:///{SHARE}/docker.sock")
"""The last one is what the host is asked by, and tells that the others were started before."""

_CONTAINERS = """\
# No systemd runs here that would make cgroups or take logs.
[containers]
log_driver = "k8s-file"
# Those that Docker gives a container.
default_capabilities = [
  "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID",
  "SETPCAP", "SETUID", "SYS_CHROOT",
]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
# When this log is cut, at 1 MB as a rule, whoever waits for a container that ended just before is never answered.
events_logfile_max_size = "1g"
env = ["PODMAN_IGNORE_CGROUPSV1_WARNING=1"]
"""
_STORAGE = """\
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
"""
_REGISTRIES = """\
# As Docker has it: a name without a registry is one of Docker's own.
unqualified-search-registries = ["docker.io"]
short-name-mode = "disabled"
"""


def is_podman(root: Path) -> bool:
    """Tell whether a root file system has Podman and no Docker."""
    return bool(find_program(root, "podman")) and not find_program(root, "dockerd")


def services() -> list[list[str]]:
    """Return the commands that make the engine, in the order of their start."""
    return [["podman", "system", "service", "--time", "0", address] for address in _ADDRESSES]


def files() -> dict[str, tuple[int, bytes]]:
    """Return the configuration: path relative to the host's root → mode and content."""
    texts = {
        "etc/containers/containers.conf": _CONTAINERS,
        "etc/containers/storage.conf": _STORAGE,
        "etc/containers/registries.conf": _REGISTRIES,
        "etc/containers/nodocker": "",  # `docker`, which is Podman then, says nothing about that
    }
    return {path: (0o644, text.encode()) for path, text in texts.items()}
