"""Further networks under all that can be asked of them at once: `make networks` runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hosts.host import Host, eventually
from tests.hosts.test_network import joined
from tests.hosts.test_plugin import address, create, networks, run
from weave_http.sandbox import Sandbox

pytestmark = pytest.mark.not_podman(reason="its networks have no such plugins")


def test_further_networks_are_encrypted_relayed_and_enforced_also_after_a_reboot(
    clean: Sandbox, tmp_path: Path
) -> None:
    trio = [Host(clean, name, unix=True) for name in ("host1", "host2", "host3")]
    one, two, three = trio
    (tmp_path / "password").write_text("correct horse battery staple")
    joined(*trio, flags=("--enforce", "--password-file", str(tmp_path / "password")))
    create(one, "red", "--subnet 10.40.1.0/24")
    assert eventually(lambda: all("red" in networks(host) for host in trio))
    two.shell(f"iptables -I INPUT -s {one.address} -p udp -j DROP")
    box = run(one, "box", "--restart always --cap-add NET_ADMIN --ip 10.40.1.9", net="red")
    there, near = run(two, "peer", net="red"), run(three, "near", net="red")

    def holds() -> None:
        over = f"over {three.name}: "
        assert eventually(lambda: over in one.weave("status", "connections"), seconds=90), one.weave("status")
        for target in (there, near):
            assert eventually(lambda to=target: one.pings("box", to, count=1, wait=1), seconds=90)  # type: ignore[misc]
        assert two.pings("peer", box)
        assert "encrypted" in one.weave("status", "connections")
        # one that takes an address of its own is not heard, with its given one it is
        one.shell("docker exec box ip addr add 10.40.1.77/24 dev ethwe0")
        forged = f"docker exec box ping -q -c 2 -W 1 -I 10.40.1.77 {near}"
        assert " 100% packet loss" in one.try_shell(forged).stdout
        assert one.pings("box", near)

    holds()
    clean.reboot(one.name)
    assert eventually(lambda: address(one, "box", "red") == box, seconds=60)
    holds()
    for host in trio:
        host.shell("docker ps -aq --filter label=test | xargs -r docker rm -f >/dev/null")
        host.weave("reset")
