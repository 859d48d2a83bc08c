"""What is looked at every three seconds does not grow with what else is on the host."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tests.net.kernel import Space, cidrs
from weave_http.net import bridge, guest, links, routes
from weave_http.net.expose import expose
from weave_http.net.messages import ifaddrmsg, ifinfmsg, rtmsg
from weave_http.net.ports import Ports
from weave_http.net.rules import Guard
from weave_http.net.vxlan import Vxlan

PAIRS = 200


class Decoded:
    """Counts the messages of the kernel that are decoded, or read from the bytes, which is what costs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._count = 0
        for kind in (ifinfmsg, ifaddrmsg, rtmsg):
            monkeypatch.setattr(kind, "decode", self._counting(kind.decode))
        for name in ("_link", "raw_cidr"):
            monkeypatch.setattr(links, name, self._counting(getattr(links, name)))

    def _counting(self, decode: Callable[[object], object]) -> Callable[[object], object]:
        def counted(message: object) -> object:
            # Attributes that have attributes in them are messages, too.
            if getattr(message, "parent", None) is None:
                self._count += 1
            return decode(message)

        return counted

    def during(self, what: Callable[[], object]) -> int:
        """Return how many it takes to do something."""
        self._count = 0
        what()
        return self._count


def test_a_look_and_an_attach_decode_no_links_addresses_and_routes_of_others(
    host: Space, spaces: Callable[[], Space], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, ports, backend = Decoded(monkeypatch), Ports("/proc"), Vxlan(6784)
    exposed = dict.fromkeys(cidrs("10.2.1.254/24"), True)

    def look() -> None:
        state = bridge.ensure_bridge()
        expose(lambda: exposed, guard=Guard(6783, (6784,), "docker0"))
        backend.ensure(state.mtu)
        backend.apply(set())
        ports.remove_dead()

    def attach(space: Space) -> None:
        bridge.ensure_bridge()
        routes.overlaps(cidrs("10.2.1.1/24"))
        guest.plug(space.target(), cidrs("10.2.1.1/24"))

    host.run(
        "ip link add docker0 type bridge; ip link add mine type bridge; ip link set docker0 up; ip link set mine up"
    )
    host.call(attach, spaces())
    host.call(look)
    alone = decoded.during(lambda: host.call(look)), decoded.during(lambda: host.call(attach, spaces()))
    host.call(look)
    lines = "\n".join(
        f"link add a{number} {'master docker0 ' * (number % 3 == 1)}{'master mine ' * (number % 3 == 2)}"
        f"type veth peer name b{number}\nlink set a{number} up\naddr add 10.66.{number}.1/24 dev b{number}"
        for number in range(PAIRS)
    )
    host.call(subprocess.run, ["ip", "-batch", "-"], input=lines, text=True, check=True, capture_output=True)
    looked, attached = decoded.during(lambda: host.call(look)), decoded.during(lambda: host.call(attach, spaces()))
    assert looked == alone[0] > 4
    # Waiting until frames pass the port asks as often as it takes.
    assert attached < alone[1] + PAIRS / 4
