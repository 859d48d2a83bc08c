"""What is on a host: asked of its engine, of the kernel in each namespace, and of its router."""

from __future__ import annotations

import json
from typing import Any

from tests.hosts.host import GUEST, PASSWORD, Host
from weave_http import constants
from weave_http.net import tunnel
from weave_http.records import dataclass

_SCRIPT = f"""
all=$(docker ps -aq --no-trunc)
for id in $all; do
    found=$(docker inspect -f '{{{{.Id}}}} {{{{.Name}}}} {{{{.State.Pid}}}} {{{{.Config.Image}}}}' $id) || continue
    set -- $found
    echo "container $1 ${{2#/}} $3 $4"
    [ $3 != 0 ] && [ $4 = {GUEST} ] || continue
    echo "namespace $(stat -Lc %i /proc/$3/ns/net)"
    echo "address $(nsenter -t $3 -n ip -json addr show dev {constants.GUEST_INTERFACE} 2>/dev/null)"
    echo "neighbour $(nsenter -t $3 -n ip -json neigh show dev {constants.GUEST_INTERFACE} 2>/dev/null)"
done
ls /sys/class/net | sed -n 's/^{constants.HOST_VETH_PREFIX}/link &/p'
echo "fdb $(bridge -json fdb show dev {constants.VXLAN_DEVICE} 2>/dev/null | tr -d '\\n')"
ls -A /tmp | sed 's/^/left \\/tmp\\//'
echo "held $(curl -s --max-time 5 http://127.0.0.1:{constants.ROUTER_HTTP_PORT}/ip)"
echo "report $(curl -s --max-time 5 http://127.0.0.1:{constants.ROUTER_HTTP_PORT}/report | tr -d '\\n')"
"""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a caller's.

    Args:
        id: full.
        name: of the container.
        runs: whether it does.
        addresses: on the network, in CIDR notation; none if it is not there.
        mac: of its interface there; empty if it has none.
        port: what the host's end of its cable must be called; empty if it does not run.
        neighbours: MACs that it takes for those of others, by address.
    """

    id: str
    name: str
    runs: bool
    addresses: tuple[str, ...] = ()
    mac: str = ""
    port: str = ""
    neighbours: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """A host as it was at a moment.

    Args:
        host: its name.
        place: where frames for it go (`place_of`); empty if its router does not answer.
        containers: of callers.
        ports: host ends of containers' cables.
        floods: underlay addresses that frames for all go to.
        learnt: underlay addresses behind which MACs were seen, by MAC.
        left: files in /tmp.
        held: addresses that are handed out, by container id.
        report: of the router, as JSON has it; empty if it does not answer.
    """

    host: str
    place: str
    containers: tuple[Container, ...]
    ports: frozenset[str]
    floods: frozenset[str]
    learnt: dict[str, str]
    left: tuple[str, ...]
    held: dict[str, tuple[str, ...]]
    report: dict[str, Any]

    @property
    def peer(self) -> str:
        """The name of its router; empty if that does not answer."""
        return str(self.report["Router"]["Name"]) if self.report else ""


def look(host: Host) -> Look:
    """Look at a host."""
    containers: list[dict[str, Any]] = []
    ports, floods, learnt, left = set[str](), set[str](), dict[str, str](), list[str]()
    held: dict[str, tuple[str, ...]] = {}
    report: dict[str, Any] = {}
    for line in host.shell(_SCRIPT).splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "container":
            identity, name, pid, image = rest.split()
            containers.append({"id": identity, "name": name, "runs": pid != "0", "image": image})
        elif kind == "namespace":
            containers[-1]["port"] = f"{constants.HOST_VETH_PREFIX}{int(rest):x}"
        elif kind == "address":
            containers[-1] |= _interface(rest)
        elif kind == "neighbour":
            containers[-1]["neighbours"] = tuple(
                (each["dst"], each["lladdr"]) for each in json.loads(rest or "[]") if "lladdr" in each
            )
        elif kind == "link":
            ports.add(rest)
        elif kind == "fdb":
            for each in json.loads(rest or "[]"):
                if each["mac"] == "00:00:00:00:00:00":
                    floods.add(each["dst"])
                elif "dst" in each:
                    learnt[each["mac"]] = each["dst"]
        elif kind == "left":
            left.append(rest)
        elif kind == "held" and rest.startswith("{"):
            held = {each["containerid"]: tuple(each["addrs"]) for each in json.loads(rest)["owned"]}
        elif kind == "report" and rest.startswith("{"):
            report = json.loads(rest)
    guests = tuple(Container(**each) for each in containers if each.pop("image") == GUEST)
    seen = frozenset(ports), frozenset(floods), learnt
    place = place_of(host, report["Router"]["Name"]) if report else ""
    return Look(host.name, place, guests, *seen, tuple(left), held, report)


def place_of(host: Host, peer: str) -> str:
    """Return where frames for a host go: its address on the LAN, or in the tunnel if the network has a password.

    Args:
        host: that they go to.
        peer: name of its router.
    """
    return str(tunnel.address_of(peer)) if PASSWORD else host.address


def _interface(text: str) -> dict[str, Any]:
    links = [each for each in json.loads(text or "[]") if each]
    if not links:
        return {}
    found = [each for each in links[0]["addr_info"] if each.get("scope") == "global"]
    addresses = tuple(f"{each['local']}/{each['prefixlen']}" for each in found)
    return {"mac": links[0]["address"], "addresses": addresses}
