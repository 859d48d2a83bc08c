"""What is decided before anything is made: addresses, names, what a host may see, texts of files."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path

import pytest

from weave_http.errors import SandboxError
from weave_http.sandbox import HostState, Sandbox, SandboxHost, daemon, disk, lan, podman
from weave_http.sandbox.host import boot_report, hosts_file
from weave_http.sandbox.state import SandboxRecord, State

PLAN = lan.LanPlan("weave", ipaddress.IPv4Network("10.99.0.0/16"))


def test_addresses_count_on_over_the_end_of_an_octet() -> None:
    assert [PLAN.host_address(index) for index in (1, 2, 245, 246)] == [
        "10.99.0.11",
        "10.99.0.12",
        "10.99.0.255",
        "10.99.1.0",
    ]
    assert (PLAN.gateway, PLAN.machine_address) == ("10.99.0.1", "10.99.0.2")


def test_a_subnet_that_is_full_says_so() -> None:
    small = lan.LanPlan("weave", ipaddress.IPv4Network("10.9.0.0/28"))

    assert small.host_address(4) == "10.9.0.14"
    with pytest.raises(SandboxError, match="no address for host 5"):
        small.host_address(5)


def test_a_host_keeps_its_hardware_address() -> None:
    assert lan.hardware_address("10.99.0.11") == "02:57:0a:63:00:0b"


def test_namespaces_of_others_are_not_ours() -> None:
    names = ["weave-lan", "weave-host1", "weave-host12", "weave-host0", "weave-host1x", "weave2-host1", "lan"]

    assert PLAN.pieces(names) == ["lan", "host1", "host12"]


@pytest.mark.parametrize(
    ("route", "collides"),
    [
        ({"dst": "default", "dev": "eth0"}, False),
        ({"dst": "192.0.2.0/24", "dev": "eth0"}, False),
        ({"dst": "10.99.3.0/24", "dev": "eth1"}, True),
        ({"dst": "10.0.0.0/8", "dev": "tun0"}, True),
        ({"dst": "10.99.0.2", "dev": "lo"}, True),
        ({"dst": "10.99.0.0/16", "dev": "weave-lan"}, False),
    ],
)
def test_a_subnet_that_the_machine_already_reaches_collides(route: dict[str, str], collides: bool) -> None:
    assert bool(lan.conflicts(PLAN, json.dumps([route]))) is collides


TOP = ["bin", "data", "dev", "etc", "home", "lib", "lib64", "lost+found", "proc", "root", "secret", "usr", "var"]


def test_of_the_machines_own_root_only_the_system_is_visible() -> None:
    upper = disk.plan_upper(TOP, is_machine=True, state="/var/lib/weave-sandbox")

    assert upper.hidden == ("data", "lost+found", "secret", "var/lib/weave-sandbox")
    assert {"root", "home", "etc/docker", "var/lib/docker", "tmp", "run"} <= set(upper.empty)
    assert not {"usr", "bin", "lib", "etc", "var"} & set(upper.empty)


@pytest.mark.parametrize("state", ["/tmp/x/state", "/data/state", "/var/tmp/state", "/home/me/state"])
def test_a_state_directory_within_something_hidden_needs_no_hiding_of_its_own(state: str) -> None:
    assert disk.plan_upper(TOP, is_machine=True, state=state).hidden == ("data", "lost+found", "secret")


def test_of_another_engine_root_everything_but_engine_data_is_visible() -> None:
    upper = disk.plan_upper(TOP, is_machine=False, state="")

    assert upper.hidden == ()
    assert set(upper.empty) == {*disk.FRESH, *disk.EMPTY_ENGINE}


def test_the_engine_listens_with_mutual_tls() -> None:
    settings = json.loads(daemon.daemon_json(fitted_runtime=False))

    assert settings["tlsverify"] is True
    assert "tcp://0.0.0.0:2376" in settings["hosts"]
    assert "default-runtime" not in settings
    assert json.loads(daemon.daemon_json(fitted_runtime=True))["default-runtime"] == "fitted"


def test_the_lans_names_are_replaced_and_other_lines_stay() -> None:
    first = hosts_file("127.0.0.1 localhost\n", {"host1": "10.99.0.11"})
    second = hosts_file(first + "10.1.1.1 mine\n", {"host1": "10.99.0.11", "host2": "10.99.0.12"})

    assert second.splitlines() == [
        "127.0.0.1 localhost",
        "10.1.1.1 mine",
        "10.99.0.11 host1 # weave sandbox",
        "10.99.0.12 host2 # weave sandbox",
    ]


def test_the_environment_of_a_host_leaves_no_other_way_set() -> None:
    there = SandboxHost("host1", "10.99.0.11", Path("/s/sock"), Path("/s/tls"), 7, Path("/"), HostState.RUNNING)

    assert there.env() == {
        "DOCKER_HOST": "tcp://10.99.0.11:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/s/tls",
    }
    assert there.env(unix=True) == {
        "DOCKER_HOST": "unix:///s/sock",
        "DOCKER_TLS_VERIFY": "",
        "DOCKER_CERT_PATH": "",
    }


def test_a_host_with_podman_is_reached_without_tls(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/podman").touch(mode=0o755)
    there = SandboxHost("host1", "10.99.0.11", Path("/s/sock"), Path("/s/tls"), 7, tmp_path, HostState.RUNNING)

    assert there.env() == {"DOCKER_HOST": "tcp://10.99.0.11:2375", "DOCKER_TLS_VERIFY": "", "DOCKER_CERT_PATH": ""}
    assert there.env(unix=True)["DOCKER_HOST"] == "unix:///s/sock"
    *others, shared = [command[-1] for command in podman.services()]
    assert others == ["unix:///run/docker.sock", "tcp://0.0.0.0:2375"]
    assert shared == f"unix:///{disk.SHARE}/docker.sock"
    assert all(mode == 0o644 for mode, _ in podman.files().values())
    assert b"NET_RAW" in podman.files()["etc/containers/containers.conf"][1]


def test_what_is_recorded_is_taken_when_nothing_else_is_said(tmp_path: Path) -> None:
    assert (Sandbox(tmp_path).name, Sandbox(tmp_path).subnet) == ("weave", "10.99.0.0/16")

    State(tmp_path).save_sandbox(SandboxRecord("mine", "10.7.0.0/24"))

    assert (Sandbox(tmp_path).name, Sandbox(tmp_path).subnet) == ("mine", "10.7.0.0/24")
    with pytest.raises(SandboxError, match="holds the sandbox mine, not yours"):
        _ = Sandbox(tmp_path, name="yours").name
    with pytest.raises(SandboxError, match=r"holds a sandbox on 10\.7\.0\.0/24, not 10\.8\.0\.0/24"):
        _ = Sandbox(tmp_path, subnet="10.8.0.0/24").subnet


@pytest.mark.parametrize(
    ("said", "report"),
    [
        ("123\n", (123, "")),
        ("123\nmount proc: denied\n", (123, "mount proc: denied")),
        ("mount proc: denied\n123\n", (123, "mount proc: denied")),
        ("join cgroup /a: no such file\n", (0, "join cgroup /a: no such file")),
        ("", (0, "")),
    ],
)
def test_a_first_process_and_a_failed_step_are_told_apart(said: str, report: tuple[int, str]) -> None:
    assert boot_report(said) == report
