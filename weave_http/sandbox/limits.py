"""Limits of the kernel that are one for all network namespaces of a machine: neighbour table (ARP) and packet queues.

A real host has its own. Here each of N hosts has an entry for each other one in the same table, and what one says to
all is N packets in the queue of one processor. When the table is full, or is tidied up because it is half full, or a
queue overflows, connections time out without a word, those of other sandboxes too (arp(7), ip-sysctl of the kernel).
So `up` raises the limits, and the `down` of the machine's last sandbox puts back what was there before.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from weave_http import atomic

SETTINGS = Path("/proc/sys/net")
RECORD = Path("/run/weave-sandbox-limits.json")
"""Limit → its value before, and the value it was raised to. Like the limits, it ends with the machine's run."""
MOST, TIDY, QUEUE = "ipv4/neigh/default/gc_thresh3", "ipv4/neigh/default/gc_thresh2", "core/netdev_max_backlog"
"""The most entries of the table; so many that it is tidied up every five seconds; packets that wait for a processor."""
_USUAL = {MOST: 1024, TIDY: 512, QUEUE: 1000}
"""What the kernel has where nobody changed it."""


def needed(hosts: int) -> int:
    """Return how many entries a sandbox may need: LAN, machine and gateway, and as many again for the containers."""
    return 2 * hosts * (hosts + 3)


def make_room(hosts: int, settings: Path = SETTINGS, record: Path | None = None) -> str:
    """Raise the limits that so many hosts may need to be higher; they are never lowered.

    Args:
        hosts: how many the sandbox has.
        settings: directory of the kernel's settings; only the machine's own network namespace has all of them.
        record: file that remembers what was there before; the machine's own if not given.

    Returns:
        One line for the user: what was changed, or what to set by hand; empty when there is room.
    """
    record = record or RECORD
    entries = needed(hosts)
    low = dict(_USUAL)
    try:
        with _locked(settings):
            low = {name: present for name in _USUAL if (present := _limit(settings, name)) < entries}
            for name in low:
                _raise(settings, record, name, _wanted(name, entries))
    except OSError:
        orders = [f"{_sysctl(name)}={_wanted(name, entries)}" for name, usual in low.items() if usual < entries]
        if not orders:
            return ""
        return f"limits of the kernel may be too low for {hosts} hosts: on the machine run sysctl -w {' '.join(orders)}"
    changes = [f"{_sysctl(name)} from {present} to {_wanted(name, entries)}" for name, present in low.items()]
    return f"raised for {hosts} hosts: {', '.join(changes)}" if changes else ""


def _wanted(name: str, entries: int) -> int:
    return entries if name == TIDY else 2 * entries


def _sysctl(name: str) -> str:
    return f"net.{name.replace('/', '.')}"


def put_back(in_use: Callable[[], object], settings: Path = SETTINGS, record: Path | None = None) -> None:
    """Give the limits that `make_room` raised their values of before, unless somebody has changed them since.

    Args:
        in_use: tells whether another sandbox is there, which may need them; asked while no other one can raise them.
        settings: directory of the kernel's settings.
        record: file that remembers what was there before; removed. The machine's own if not given.
    """
    record = record or RECORD
    with suppress(OSError), _locked(settings):
        raised = _read(record)
        if not raised or in_use():
            return
        for name, (before, value) in raised.items():
            if _limit(settings, name) == value:
                _set(settings, name, before)
        record.unlink()


@contextmanager
def _locked(settings: Path) -> Iterator[None]:
    """Keep other sandboxes from changing limits; the lock is on the settings' directory and ends with the process."""
    fd = os.open(settings, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _raise(settings: Path, record: Path, name: str, value: int) -> None:
    """Raise one limit, and note first what it was."""
    present = _limit(settings, name)
    if present >= value:
        return
    raised = _read(record)
    before, ours = raised.get(name, (present, present))
    raised[name] = (before if present == ours else present, value)
    atomic.write(record, json.dumps(raised).encode())
    _set(settings, name, value)


def _limit(settings: Path, name: str) -> int:
    return int((settings / name).read_text(encoding="ascii"))


def _set(settings: Path, name: str, value: int) -> None:
    (settings / name).write_text(f"{value}\n", encoding="ascii")


def _read(record: Path) -> dict[str, tuple[int, int]]:
    try:
        return {name: (before, value) for name, (before, value) in json.loads(record.read_bytes()).items()}
    except FileNotFoundError:
        return {}
