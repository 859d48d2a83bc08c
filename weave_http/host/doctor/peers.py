"""Checks of the way to the other hosts: connections, data, MTU, clocks, and machines that are copies of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weave_http.addresses import IP
from weave_http.hints import Any
from weave_http.host.doctor.finding import Finding, Seen, error, ok, warning, who_in
from weave_http.net import bridge, probe
from weave_http.net import clock as clocks

ATTEMPTS = 3
"""A frame may be lost on a good network, too."""
MOST_SKEW = 60.0
"""Seconds by which clocks may differ."""
_SAME_NAME = "the same peer name"
_OWN_FAMILY = "alone (--host)"
_NO_COMMON_FAMILY = "no common family"
_BOTH_FAMILIES = "give one of the two addresses of both versions of IP, and launch it without --host"


def connections(seen: Seen) -> Iterator[Finding]:
    """Look at the connections over TCP: who dialled whom, and what failed."""
    if not seen.report:
        return
    port = seen.report["Router"]["Port"]
    there = [each for each in seen.connections if each["State"] == "established"]
    for each in seen.connections:
        if each["State"] in ("failed", "retrying") and _SAME_NAME not in each["Info"]:
            hint = f"its TCP port must be open to this host ({port} by default), and a router must run there"
            if _OWN_FAMILY in each["Info"]:
                hint = _BOTH_FAMILIES
            yield (warning if there else error)(f"no connection to {each['Address']}: {each['Info']}", hint)
    if not there and not seen.connections:
        yield ok("no other host is known: weave connect adds one")
    if there:
        dialled = [who_in(each["Info"]) for each in there if not each["Outbound"]]
        shown = (
            f"TCP {port} of this host was reached by {', '.join(dialled)}" if dialled else "this host dialled them all"
        )
        yield ok(f"{len(there)} connected; {shown}")


def clones(seen: Seen) -> Iterator[Finding]:
    """Look for hosts with one peer name, as copies of a machine have it."""
    if not seen.report:
        return
    found = [each["Info"] for each in seen.connections if _SAME_NAME in each["Info"]]
    for info in found:
        yield error(info.partition("; ")[0], "if one is a copy of the other: weave reset on it, and launch it again")
    if not found:
        yield ok(f"the name {seen.report['Router']['Name']} is this host's alone, as far as it can see")


def data(seen: Seen) -> Iterator[Finding]:
    """Ask each peer for an answer over the network itself, and pass on what the router knows of the paths."""
    peers: dict[IP, str] = {ip: who for ip, who in seen.peers.items() if ip.version == 4}
    paths = {each["Peer"]: each for each in seen.report.get("Paths", ())}
    if not peers and not paths:
        return
    answered = _ask(peers, probe.LEAST_SIZE)
    router = seen.report["Router"]
    port = int(router["Port"]) + (0 if router["Encryption"] else 1)
    wrong = 0
    for ip, who in peers.items():
        path = paths.pop(who.partition("(")[0], {})
        reason = f": {path['Reason']}" if path.get("Reason") else ""
        if ip not in answered:
            wrong += 1
            hint = f"UDP {port} must pass between {ip} and this host, both ways"
            yield error(f"{who} does not answer over the network{reason}", hint)
        elif path.get("State") == "relayed":
            wrong += 1
            yield _detour(path, port)
    for path in paths.values():
        if path["State"] == "relayed":
            wrong += 1
            yield _detour(path, port)
        elif path["State"] == "unreachable":
            wrong += 1
            who = f"{path['Peer']}({path['NickName']})"
            hint = f"UDP {port} must pass between it and this host"
            if _NO_COMMON_FAMILY in path["Reason"]:
                hint = _BOTH_FAMILIES
            yield error(f"{who} is not reached: {path['Reason']}", hint)
    # Hosts that are reached over IPv6 can't be asked by ARP; the router's own probes take the same way.
    probed = sum(path["State"] == "direct" for path in paths.values())
    if not wrong:
        yield ok(f"{_hosts(len(answered) + probed)} answered over the network, which takes UDP {port} both ways")


def _detour(path: Mapping[str, Any], port: int) -> Finding:
    who, via = f"{path['Peer']}({path['NickName']})", ", ".join(path["Via"])
    text = f"{who} is reached over {via} only: {path['Reason']}"
    return warning(text, f"UDP {port} should pass between it and this host")


def mtu(seen: Seen) -> Iterator[Finding]:
    """Send each peer a frame of the network's full size, and look at the sizes of what it passes on this host."""
    described = bridge.describe()
    if described is None:
        return
    size = described[0].mtu
    small = set(_ask(seen.peers, probe.LEAST_SIZE))
    lost = small - set(_ask({ip: seen.peers[ip] for ip in small}, size))
    for ip in lost:
        yield error(
            f"frames of {size} bytes to {seen.peers[ip]} get lost, and small ones don't",
            "let ICMP 'fragmentation needed' pass, or launch with a smaller --mtu on all hosts",
        )
    if not lost:
        yield ok(f"{size} bytes" + (f", and frames of that size reach {_hosts(len(small))}" if small else ""))


def clock(seen: Seen) -> Iterator[Finding]:
    """Compare this host's clock with those of its peers, as far as they answer."""
    peers: dict[IP, str] = {ip: who for ip, who in seen.peers.items() if ip.version == 4}
    if not peers:
        return
    found = clocks.offsets(peers)
    for ip, seconds in found.items():
        if abs(seconds) > MOST_SKEW:
            word = "ahead of" if seconds > 0 else "behind"
            shown = f"the clock of {peers[ip]} is {abs(seconds):.0f} s {word} this host's"
            yield warning(shown, "set both by NTP; a host whose clock is days ahead can't join")
    if not found:
        yield ok("not known: no peer answers ICMP timestamps")
    elif all(abs(seconds) <= MOST_SKEW for seconds in found.values()):
        yield ok(f"within {max(map(abs, found.values())):.3f} s of {_hosts(len(found))}")


def _ask(peers: dict[IP, str], size: int) -> dict[IP, probe.Answer]:
    """Return which peers answered at least once."""
    found: dict[IP, probe.Answer] = {}
    for _ in range(ATTEMPTS):
        left = [ip for ip in peers if ip.version == 4 and ip not in found]
        if left:
            found |= probe.ask(left, size=size, seconds=0.5)
    return found


def _hosts(count: int) -> str:
    return "1 peer" if count == 1 else f"{count} peers"
