"""What fails between hosts: links cut both ways, one way or for data alone, slow ones, cables pulled; and its healing.

Frames between two hosts pass the bridge of the sandbox's LAN, where ebtables drops them. A slow link is a token bucket
(tc-tbf) of which what is more is lost: that delays and loses, and every kernel has it.
"""

from __future__ import annotations

import subprocess

from weave_http.sandbox import Sandbox

DATA_PORT = "6784"
SLOW = "rate 300kbit burst 3000 latency 150ms"


class Lan:
    """The LAN of a sandbox.

    Args:
        sandbox: it is up.
        names: of its hosts.
    """

    def __init__(self, sandbox: Sandbox, names: list[str]) -> None:
        self._sandbox = sandbox
        self._names = names

    def cut(self, one: str, other: str, *, both: bool = True, data_only: bool = False) -> None:
        """Drop what goes from one host to another.

        Args:
            one: name of a host.
            other: name of another one.
            both: also what goes back.
            data_only: let routers talk with each other, and nothing of what containers say pass.
        """
        which = ["-p", "IPv4", "--ip-proto", "udp", "--ip-dport", DATA_PORT] if data_only else []
        for source, target in ((one, other), (other, one)) if both else ((one, other),):
            self._run("ebtables", "--concurrent", "-A", "FORWARD", "-i", source, "-o", target, *which, "-j", "DROP")

    def slow(self, name: str) -> None:
        """Let little pass to a host, and that late."""
        self._run("tc", "qdisc", "replace", "dev", name, "root", "tbf", *SLOW.split())

    def pull(self, name: str) -> None:
        """Pull a host's cable."""
        self._sandbox.cable(name, up=False)

    def heal(self) -> None:
        """Have all hosts reach each other again, at full speed."""
        self._run("ebtables", "--concurrent", "-F", "FORWARD")
        for name in self._names:
            self._run("tc", "qdisc", "del", "dev", name, "root", check=False)
            self._sandbox.cable(name, up=True)

    def _run(self, *words: str, check: bool = True) -> None:
        # A host that is being booted anew has no port for a moment: then there is nothing to cut, either.
        argv = ["ip", "netns", "exec", f"{self._sandbox.name}-lan", *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode and check and "Cannot find device" not in done.stderr:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
