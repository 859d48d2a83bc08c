"""On a kernel that was started without IPv6."""

from __future__ import annotations

from pathlib import Path

from tests.hosts.host import Host
from tests.vm.main_job import main_job


def test_the_kernel_has_no_ipv6() -> None:
    assert not Path("/proc/net/if_inet6").exists()


def test_containers_of_two_hosts_reach_each_other(network: tuple[Host, Host]) -> None:
    main_job(*network)
