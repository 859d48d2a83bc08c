"""Room in the kernel's neighbour table (ARP), which is one for all network namespaces of a machine.

A real host has its own. Here each of N hosts has an entry for each other one in the same table. When the table is
full, connections time out without a word, those of other sandboxes too (arp(7), ip-sysctl of the kernel).
"""

from __future__ import annotations

from pathlib import Path

SETTINGS = Path("/proc/sys/net/ipv4/neigh/default")
_USUAL = 1024
"""What the kernel allows where nobody changed it."""


def needed(hosts: int) -> int:
    """Return how many entries a sandbox may need: LAN, machine and gateway, and as many again for the containers."""
    return 2 * hosts * (hosts + 3)


def make_room(hosts: int, settings: Path = SETTINGS) -> str:
    """Raise the limits of the neighbour table when so many hosts may need it; they are never lowered.

    `down` leaves them: another sandbox may need them, and a higher limit takes no memory by itself.

    Args:
        hosts: how many the sandbox has.
        settings: directory of the table's settings; only the machine's own network namespace has it.

    Returns:
        One line for the user: what was changed, or what to set by hand; empty when there is room.
    """
    entries = needed(hosts)
    wanted = {"gc_thresh3": 2 * entries, "gc_thresh2": entries}  # the hard limit, and the one that may last 5 s
    try:
        present = int((settings / "gc_thresh3").read_text(encoding="ascii"))
    except OSError:
        present = _USUAL
    if entries <= present:
        return ""
    try:
        for name, value in wanted.items():
            if int((settings / name).read_text(encoding="ascii")) < value:
                (settings / name).write_text(f"{value}\n", encoding="ascii")
    except OSError:
        orders = " ".join(f"net.ipv4.neigh.default.{name}={value}" for name, value in wanted.items())
        return f"the kernel's neighbour table may be too small for {hosts} hosts: on the machine run sysctl -w {orders}"
    return f"raised net.ipv4.neigh.default.gc_thresh3 from {present} to {2 * entries}, for {hosts} hosts"
