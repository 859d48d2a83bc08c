"""On Debian's own kernel, as it boots by itself: cgroup v2, WireGuard, every capability, and systemd."""

from __future__ import annotations

from pathlib import Path

from tests.hosts.host import Host
from tests.vm.main_job import main_job


def test_the_machine_is_what_it_is_said_to_be() -> None:
    assert Path("/sys/fs/cgroup/cgroup.controllers").exists(), "cgroup v2"
    assert Path("/proc/1/comm").read_text() == "systemd\n"


def test_engines_run_on_cgroup_v2_and_their_rules_are_in_nf_tables(pair: tuple[Host, Host]) -> None:
    for host in pair:
        print(host.shell("docker version -f '{{.Server.Version}}'; iptables -V; nft -v"))
        assert host.shell("docker info -f '{{.CgroupVersion}}'") == "2\n"
        assert "chain DOCKER" in host.shell("nft list table ip filter")


def test_containers_of_two_hosts_reach_each_other(network: tuple[Host, Host]) -> None:
    main_job(*network)
    one, _ = network
    assert "chain WEAVE-FORWARD" in one.shell("nft list table ip filter"), "beside the engine's"
    found = one.try_weave("doctor")
    print(found.stdout, found.stderr)
    assert not [line for line in found.stdout.splitlines() if line.startswith("error")]


def test_kernel_has_wireguard_and_takes_it_in_a_host(pair: tuple[Host, Host]) -> None:
    pair[0].shell("ip link add wg-try type wireguard && ip link del wg-try")
