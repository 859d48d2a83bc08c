"""A container's `/etc/hosts`: a block of ours in the file that the engine keeps for it on the host.

The file is mounted into the container, so it is written over in place, never replaced. The engine makes it anew
whenever it starts the container.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from weave_http.addresses import IP
from weave_http.errors import HostError
from weave_http.hints import Any
from weave_http.host.host import Host

BEGIN, END = "# weave: begin", "# weave: end"
_LOOPBACK = ("127.", "::1")


def write(host: Host, container: Mapping[str, Any], addresses: Sequence[IP], extra: Iterable[tuple[str, IP]]) -> None:
    """Write names into a container's hosts file. Converges.

    Args:
        host: where it is.
        container: what inspect said.
        addresses: for its own name, instead of the engine's; none to leave that alone.
        extra: names and addresses beside.

    Raises:
        HostError: it has no such file, or it can't be written.
    """
    path = container.get("HostsPath") or ""
    name = str(container["Name"]).removeprefix("/")
    if not path:
        raise HostError(f"container {name} has no hosts file of the engine's")
    config = container["Config"]
    # As the host's own init sees the file system, for that is what the path is about.
    seen = f"{host.procfs}/1/root{path}"
    try:
        with open(seen, "r+b", buffering=0) as file:
            before = file.read()
            own = own_names(config.get("Hostname") or "", config.get("Domainname") or "")
            after = rewritten(before.decode(errors="surrogateescape"), own, addresses, extra)
            data = after.encode(errors="surrogateescape")
            if data != before:
                os.pwrite(file.fileno(), data, 0)  # in one piece, and cut afterwards: nobody reads an empty file
                os.ftruncate(file.fileno(), len(data))
    except OSError as error:
        raise HostError(f"can't write the hosts file of container {name}: {path}: {error.strerror}") from error


def own_names(hostname: str, domain: str) -> list[str]:
    """Return the names of a container, the full one first."""
    full = f"{hostname}.{domain}" if domain else hostname
    short = full.partition(".")[0]
    return list(dict.fromkeys(name for name in (full, short) if name))


def rewritten(text: str, own: Sequence[str], addresses: Sequence[IP], extra: Iterable[tuple[str, IP]]) -> str:
    """Return a hosts file with our block in it.

    Args:
        text: the file.
        own: the container's names.
        addresses: for them; none to leave alone what there is about them.
        extra: names and addresses; earlier ones of ours stay, unless they are given anew.
    """
    outside, ours = _split(text.splitlines())
    names = dict(_entries(ours, own))
    names.update((name, str(address)) for name, address in extra)
    if addresses:
        outside = [line for line in outside if _is_loopback(line) or not set(_names(line)) & set(own)]
        block = [f"{address}\t{' '.join(own)}" for address in addresses]
    else:
        block = [line for line in ours if set(_names(line)) & set(own)]
    block += [f"{address}\t{name}" for name, address in names.items()]
    return "".join(f"{line}\n" for line in (*outside, BEGIN, *block, END))


def _split(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the lines outside of our block, which is the last one, and those in it."""
    last = max((index for index, line in enumerate(lines) if line == END), default=-1)
    first = max((index for index, line in enumerate(lines[: max(last, 0)]) if line == BEGIN), default=-1)
    if first < 0:
        return list(lines), []
    return [*lines[:first], *lines[last + 1 :]], list(lines[first + 1 : last])


def _entries(lines: Iterable[str], own: Sequence[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        found = _names(line)
        if found and not set(found) & set(own):
            yield from ((name, line.split()[0]) for name in found)


def _names(line: str) -> list[str]:
    return line.partition("#")[0].split()[1:]


def _is_loopback(line: str) -> bool:
    return line.lstrip().startswith(_LOOPBACK)
