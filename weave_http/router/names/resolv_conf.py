"""The host's name servers, as its resolv.conf has them.

The router's own /etc/resolv.conf is a copy that the engine made when the container started. The host's is found in the
root folder of the host's first process, and read anew, because it changes with networks and VPNs.
"""

from __future__ import annotations

from pathlib import Path

from weave_http.addresses import IP
from weave_http.host.host_files import inside, name_servers

FILE = "/etc/resolv.conf"
MOST_SERVERS = 3
"""As many as the C library takes."""
REREAD = 5.0
"""Seconds for which what was read is taken for what there is."""
_LONGEST = 64 * 1024


class NameServers:
    """The host's name servers.

    Args:
        procfs: where the host's /proc is.
        path: of the file, as the host sees it.
        own: address that is no upstream server, because we listen there.
    """

    def __init__(self, procfs: str, path: str = FILE, own: IP | None = None) -> None:
        self._root = Path(procfs, "1", "root")
        self._path = path
        self._read_at = float("-inf")
        self._found: list[IP] = []
        self.own = own

    def get(self, now: float) -> list[IP]:
        """Return the addresses of the servers, at most `MOST_SERVERS`.

        Args:
            now: the time, in seconds of any clock that only goes forward.
        """
        if now - self._read_at >= REREAD:
            self._read_at = now
            self._found = name_servers(self._read())
        return [server for server in self._found if server != self.own][:MOST_SERVERS]

    def _read(self) -> str:
        for root in (self._root, Path("/")):
            try:
                with inside(root, self._path).open("rb") as stream:
                    return stream.read(_LONGEST).decode(errors="replace")
            except OSError:
                continue
        return ""
