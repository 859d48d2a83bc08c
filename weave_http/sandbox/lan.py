"""The LAN of a sandbox: one bridge in a network namespace of its own, one cable to every host and to the machine.

Addresses of the subnet: `.0.1` the LAN's gateway, which leads nowhere (it answers "network unreachable", so nothing
on a host waits for the Internet in vain), `.0.2` the machine, `.0.11` and up the hosts.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from contextlib import suppress
from pathlib import Path

from weave_http.errors import SandboxError
from weave_http.records import dataclass
from weave_http.sandbox.processes import run

NETNS_DIRECTORY = Path("/run/netns")
BRIDGE = "lan0"
HOST_INTERFACE = "eth0"
MACHINE_PORT = "machine"
"""The machine's port of the bridge; a host's port has the host's name."""
_LAN = "-lan"
_FIRST_HOST = 10
_PIECES = re.compile(r"(lan|host[1-9][0-9]*)\Z")


@dataclass(frozen=True, slots=True)
class LanPlan:
    """Names and addresses of one LAN; nothing here touches the machine.

    Args:
        name: of the sandbox, at most 11 characters.
        subnet: IPv4 network of the LAN.
    """

    name: str
    subnet: ipaddress.IPv4Network

    @property
    def netns(self) -> str:
        return f"{self.name}{_LAN}"

    @property
    def machine_link(self) -> str:
        """The machine's end of its own cable, a network interface name."""
        return f"{self.name}{_LAN}"

    def host_netns(self, host: str) -> str:
        return f"{self.name}-{host}"

    @property
    def gateway(self) -> str:
        return str(self.subnet[1])

    @property
    def machine_address(self) -> str:
        return str(self.subnet[2])

    def host_address(self, index: int) -> str:
        """Return the address of host number `index`, counted from 1.

        Raises:
            SandboxError: the subnet is too small.
        """
        if _FIRST_HOST + index >= self.subnet.num_addresses - 1:
            raise SandboxError(f"{self.subnet} has no address for host {index}", hint="choose a larger subnet")
        return str(self.subnet[_FIRST_HOST + index])

    def with_prefix(self, address: str) -> str:
        return f"{address}/{self.subnet.prefixlen}"

    def pieces(self, names: list[str]) -> list[str]:
        """Pick from names of network namespaces those of this sandbox, without its prefix: `lan`, `host1`."""
        prefix = f"{self.name}-"
        rests = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
        return [rest for rest in rests if _PIECES.match(rest)]


def hardware_address(address: str) -> str:
    """Return the MAC of a host, the same after every reboot: locally administered, ending in the IPv4 address."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x57, *ipaddress.IPv4Address(address).packed))


def conflicts(plan: LanPlan, routes: str) -> str:
    """Return the route of the machine that the LAN's subnet would collide with, or nothing.

    Args:
        plan: of the LAN.
        routes: output of `ip -json -4 route show table all`.
    """
    for route in json.loads(routes or "[]"):
        destination = route.get("dst", "default")
        if destination == "default" or route.get("dev") == plan.machine_link:
            continue
        with suppress(ValueError):
            if ipaddress.ip_network(destination, strict=False).overlaps(plan.subnet):
                return f"{destination} dev {route.get('dev', '?')}"
    return ""


def netns_path(name: str) -> Path:
    return NETNS_DIRECTORY / name


def netns_names() -> list[str]:
    return sorted(os.listdir(NETNS_DIRECTORY)) if NETNS_DIRECTORY.is_dir() else []


def batch(lines: list[str], *, netns: str = "") -> None:
    """Run several `ip` commands in one go; stops at the first that fails.

    Raises:
        SandboxError: with the words of `ip`.
    """
    place = ["-n", netns] if netns else []
    run(["ip", *place, "-batch", "-"], stdin="\n".join(lines) + "\n")


def delete_netns(name: str) -> None:
    """Delete a network namespace, also one whose making was cut short before it was mounted."""
    if netns_path(name).exists():
        if netns_path(name).is_mount() or _is_netns(netns_path(name)):
            run(["ip", "netns", "del", name])
        else:
            netns_path(name).unlink(missing_ok=True)


def _is_netns(path: Path) -> bool:
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return any(line.split()[4] == str(path) for line in file)


def delete_link(name: str, *, netns: str = "") -> None:
    """Delete a network interface if it exists; its peer goes with it, at once."""
    if netns and not (netns_path(netns).exists() and _is_netns(netns_path(netns))):
        return
    with suppress(SandboxError):  # "Cannot find device"; if it remains, making it again says so
        batch([f"link del {name}"], netns=netns)


def refuse_conflicts(plan: LanPlan) -> None:
    """Raise a SandboxError when the machine already has a way to the LAN's subnet."""
    routes = run(["ip", "-json", "-4", "route", "show", "table", "all"])
    if collision := conflicts(plan, routes):
        raise SandboxError(
            f"the machine already has a route to {collision}",
            hint=f"choose a subnet other than {plan.subnet} with --subnet",
        )


def refuse_other_owner(plan: LanPlan, state_dir: Path) -> None:
    """Raise a SandboxError when the LAN of this name is that of a sandbox in another, living directory."""
    other = owner(plan)
    if other and other != str(state_dir) and Path(other, "sandbox.json").exists():
        raise SandboxError(
            f"the sandbox {plan.name} of this machine is in {other}",
            hint="choose another name with --name, and another subnet with --subnet",
        )


def ensure(plan: LanPlan, owned_by: str) -> None:
    """Make the LAN unless it is there, whole.

    Args:
        plan: names and addresses.
        owned_by: the state directory; noted on the machine's interface, to tell whose it is.
    """
    if MACHINE_PORT not in ports(plan) or owner(plan) != owned_by:
        remove(plan)
        _make(plan, owned_by)


def _make(plan: LanPlan, owned_by: str) -> None:
    with_prefix = plan.with_prefix
    run(["ip", "netns", "add", plan.netns])
    _set_sysctl(plan.netns, {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "0"})
    _set_sysctl(plan.netns, {f"net/bridge/bridge-nf-call-{kind}": "0" for kind in ("ip6tables", "arptables")})
    batch([f"link add {plan.machine_link} type veth peer name {MACHINE_PORT} netns {plan.netns}"])
    run(["ip", "link", "set", plan.machine_link, "alias", owned_by])
    batch(
        [
            "link set lo up",
            f"link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            f"addr add {with_prefix(plan.gateway)} dev {BRIDGE}",
            f"link set {BRIDGE} up",
            f"link set {MACHINE_PORT} master {BRIDGE} up",
            "route add unreachable default",
        ],
        netns=plan.netns,
    )
    # The machine speaks IPv4 on this cable and nothing else: no router advertisement reaches or leaves it.
    quiet = Path(f"/proc/sys/net/ipv6/conf/{plan.machine_link}/disable_ipv6")
    if quiet.exists():
        quiet.write_text("1", encoding="ascii")
    batch(
        [
            f"addr add {with_prefix(plan.machine_address)} dev {plan.machine_link}",
            f"link set {plan.machine_link} up",
        ]
    )


def remove(plan: LanPlan) -> None:
    """Unplug the machine and remove the bridge."""
    if Path(f"/sys/class/net/{plan.machine_link}").exists():
        batch([f"link del {plan.machine_link}"])
    delete_netns(plan.netns)


def owner(plan: LanPlan) -> str:
    """Return whose LAN of this name is on the machine, or nothing."""
    with suppress(FileNotFoundError):
        return Path(f"/sys/class/net/{plan.machine_link}/ifalias").read_text(encoding="utf-8").strip()
    return ""


def sandboxes() -> list[str]:
    """Return the names of the sandboxes that have a LAN on the machine."""
    links = (name for name in netns_names() if name.endswith(_LAN))
    found = []
    for link in links:
        with suppress(FileNotFoundError):
            alias = Path(f"/sys/class/net/{link}/ifalias").read_text(encoding="utf-8").strip()
            if alias and Path(alias, "sandbox.json").exists():
                found.append(link.removesuffix(_LAN))
    return found


def ports(plan: LanPlan) -> set[str]:
    """Return the names of the bridge's ports; empty when there is no LAN."""
    try:
        listed = run(["ip", "-n", plan.netns, "-json", "link", "show", "master", BRIDGE])
    except SandboxError:
        return set()
    return {link["ifname"] for link in json.loads(listed or "[]") if "ifname" in link}


def add_host(plan: LanPlan, host: str, address: str) -> None:
    """Make a host's network namespace and plug it into the LAN."""
    netns = plan.host_netns(host)
    mac = hardware_address(address)
    run(["ip", "netns", "add", netns])
    batch(
        [
            f"link add {host} type veth peer name {HOST_INTERFACE} address {mac} netns {netns}",
            f"link set {host} master {BRIDGE} up",
        ],
        netns=plan.netns,
    )
    batch(
        [
            "link set lo up",
            f"addr add {plan.with_prefix(address)} dev {HOST_INTERFACE}",
            f"link set {HOST_INTERFACE} up",
            f"route add default via {plan.gateway}",
        ],
        netns=netns,
    )


def remove_host(plan: LanPlan, host: str) -> None:
    """Unplug a host and remove its network namespace."""
    delete_link(host, netns=plan.netns)  # at once; with its namespace it would go some time later
    delete_netns(plan.host_netns(host))


def set_cable(plan: LanPlan, host: str, *, plugged: bool) -> None:
    """Switch the LAN's end of a host's cable; the host sees its carrier come or go."""
    batch([f"link set {host} {'up' if plugged else 'down'}"], netns=plan.netns)


def _set_sysctl(netns: str, values: dict[str, str]) -> None:
    """Write settings of a network namespace; ones that this kernel does not have are left out."""
    script = 'for line; do [ ! -e "${line%=*}" ] || echo "${line#*=}" >"${line%=*}"; done'
    lines = [f"/proc/sys/{key}={value}" for key, value in values.items()]
    run(["nsenter", f"--net={netns_path(netns)}", "sh", "-ec", script, "sh", *lines])
