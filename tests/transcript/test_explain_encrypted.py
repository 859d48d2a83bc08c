"""What an explanation says of a network with a password is what the router does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.router.hosts import RoutedHost, until
from tests.router.private_lan import PrivateLan, fetched
from tests.transcript.test_explain import by_hand
from weave_http.constants import TUNNEL_DEVICE
from weave_http.host.router_client import RouterClient
from weave_http.net.tunnel import address_of
from weave_http.operations import parse
from weave_http.transcript.host_steps import host_steps
from weave_http.transcript.host_steps.devices import bridge_steps, guard_step, tunnel_step

SECRET = "zq-a-password-of-these-tests"


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (["launch", "10.0.0.1"], {"WEAVE_PASSWORD": SECRET}),
        (["launch", "--password", SECRET, "10.0.0.1"], {}),
        (["launch", "--password-file", "/root/secret", "10.0.0.1"], {}),
    ],
)
def test_launch_with_a_password_is_told_with_its_tunnel_and_without_the_password(
    words: list[str], environ: dict[str, str]
) -> None:
    told = "\n".join(line for step in host_steps(parse(words), environ) for line in (step.text, *step.lines))
    assert f"ip link add {TUNNEL_DEVICE} type wireguard" in told
    assert f"wg set {TUNNEL_DEVICE} listen-port 6783 peer $key" in told
    assert "mtu 1390" in told
    assert SECRET not in told


def test_launch_without_one_has_no_tunnel() -> None:
    told = "\n".join(line for step in host_steps(parse(["launch", "10.0.0.1"]), {}) for line in step.lines)
    assert f"ip link add {TUNNEL_DEVICE}" not in told
    assert "wg set" not in told


def seen(host: RoutedHost) -> dict[str, str]:
    """What can be seen of a host's tunnel."""
    commands = {
        "mtu": f"ip -o link show {TUNNEL_DEVICE} | grep -o 'mtu [0-9]*'",
        "addresses": f"ip -br addr show {TUNNEL_DEVICE}",
        "routes": f"ip route show | grep -E '{TUNNEL_DEVICE}|unreachable'",
        "rules": f"iptables-nft-save | grep -- '{TUNNEL_DEVICE}'",
    }
    return {name: host.space.run(command) for name, command in commands.items()}


@pytest.mark.kernel
@pytest.mark.programs
def test_a_tunnel_comes_to_the_lines_that_explain_prints(tmp_path: Path) -> None:
    with PrivateLan(tmp_path, fetched()) as lan:
        real, explained = lan.add(2)
        lan.launch(real)
        until(lambda: real.ready and "weave-gro" in real.space.links())
        address = address_of(real.ask(RouterClient.report)["Router"]["Name"])
        script = by_hand([*bridge_steps("router", "1390"), guard_step(6783), tunnel_step(6783, "1390")])
        environ = {**os.environ, "PATH": f"{lan.programs}:{os.environ['PATH']}", "here": str(address)}
        command = [*lan.entering(explained), "sh", "-ec", script]
        done = explained.space.call(
            subprocess.run, command, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert seen(explained) == seen(real)
