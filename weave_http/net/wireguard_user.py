"""WireGuard in user space: the program wireguard-go, spoken to over the socket that it listens on.

What is said there are lines `KEY=VALUE`, in both directions, up to an empty one
(https://www.wireguard.com/xplatform/#configuration-protocol).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

from weave_http.addresses import endpoint, parse_ip
from weave_http.errors import HostError, UsageError
from weave_http.net.wireguard import KEEP_ALIVE, Change, Endpoint, Seen, State

SOCKETS = "/var/run/wireguard"
"""Folder in which it listens, one socket a device."""
_SECONDS = 5.0
_MOST = 16 << 20
"""Bytes of an answer; a peer takes some 400."""


class UserSpaceDevice:
    """A device of wireguard-go.

    Args:
        path: of its socket.
    """

    kind = "user-space"

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self) -> State:
        """Return how it is. Raises `HostError`."""
        return parse(self._ask("get=1\n\n"))

    def write(self, change: Change) -> None:
        """Change it. Raises `HostError`."""
        self._ask(text(change))

    def _ask(self, question: str) -> str:
        """Return the answer's lines; raise `HostError` if it is no, or there is none."""
        answer = bytearray()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(_SECONDS)
                sock.connect(self._path)
                sock.sendall(question.encode())
                while not answer.endswith(b"\n\n") and len(answer) < _MOST and (data := sock.recv(1 << 16)):
                    answer += data
        except OSError as error:
            raise HostError(f"wireguard-go does not answer: {error.strerror or error}") from error
        lines = answer.decode("ascii", "replace")
        code = next((line[6:] for line in lines.splitlines() if line.startswith("errno=")), "")
        if code != "0":
            reason = os.strerror(abs(int(code))) if code.lstrip("-").isdigit() else "it broke off"
            raise HostError(f"wireguard-go refused a change: {reason}")
        return lines


def text(change: Change) -> str:
    """Return a change as the program takes it."""
    return "\n".join(["set=1", *_lines(change), "", ""])


def _lines(change: Change) -> Iterator[str]:
    if change.private:
        yield f"private_key={change.private.hex()}"
    if change.port:
        yield f"listen_port={change.port}"
    for key in change.remove:
        yield f"public_key={key.hex()}"
        yield "remove=true"
    for peer in change.peers:
        yield f"public_key={peer.key.hex()}"
        yield f"preshared_key={peer.secret.hex()}"
        if peer.endpoint is not None:
            yield f"endpoint={endpoint(*peer.endpoint)}"
        yield f"persistent_keepalive_interval={KEEP_ALIVE}"
        if peer.address is not None:
            yield "replace_allowed_ips=true"
            yield f"allowed_ip={peer.address}/{peer.address.max_prefixlen}"


def parse(lines: str) -> State:
    """Return the state that the program printed. Raises `HostError`."""
    private, port = b"", 0
    peers: dict[bytes, Seen] = {}
    current: dict[str, list[str]] = {}
    key = b""

    def done() -> None:
        if key:
            endpoint = current.get("endpoint")
            peers[key] = Seen(
                frozenset(parse_ip(each.partition("/")[0]) for each in current.get("allowed_ip", ())),
                bytes.fromhex(current.get("preshared_key", [""])[0]),
                _endpoint(endpoint[0]) if endpoint else None,
                float(current.get("last_handshake_time_sec", ["0"])[0]),
            )

    try:
        for line in lines.splitlines():
            name, _, value = line.partition("=")
            if name == "public_key":
                done()
                key, current = bytes.fromhex(value), {}
            elif key:
                current.setdefault(name, []).append(value)
            elif name == "private_key":
                private = bytes.fromhex(value)
            elif name == "listen_port":
                port = int(value)
        done()
    except (ValueError, UsageError) as error:
        raise HostError(f"wireguard-go says what makes no sense: {error}") from error
    return State(private, port, peers)


def _endpoint(value: str) -> Endpoint:
    host, _, port = value.rpartition(":")
    return parse_ip(host.strip("[]")), int(port)
