"""On a kernel that was started without IPv6: all goes on over IPv4, and what needs the other one says so in a line."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.hosts.host import Host, eventually
from tests.vm.main_job import main_job


def test_the_kernel_has_no_ipv6() -> None:
    assert not Path("/proc/net/if_inet6").exists()


def test_ipv4_goes_on_and_what_asks_for_ipv6_is_told_that_there_is_none(network: tuple[Host, Host]) -> None:
    one, two = network
    main_job(one, two)
    one.start("c3", "--network", "none")
    assert one.weave("attach", "10.2.1.3/24", "c3") == "10.2.1.3\n"
    assert eventually(partial(two.pings, "c2", "10.2.1.3"))
    refused = one.try_weave("attach", "fd00:2::3/64", "c3")
    print(refused.stderr)
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert "this host's kernel has IPv6 off; use addresses of IPv4" in line
    assert one.weave("ps", "c3").split()[2:] == ["10.2.1.3/24"], "what it had it keeps"
    one.weave("connect", "[fd00::9]:6783")
    no_way = "this host has no IPv6 that leads to fd00::9"
    assert eventually(lambda: no_way in one.weave("status", "connections")), one.weave("status", "connections")
    one.weave("forget", "[fd00::9]:6783")
    found = one.try_weave("doctor")
    print(found.stdout, found.stderr)
    assert "this kernel has no IPv6" in found.stdout
    assert not [line for line in found.stdout.splitlines() if line.startswith("error")]
    assert " direct " in one.weave("ping", "-c", "2", "host2")
