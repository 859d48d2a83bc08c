"""After `reset` a host is as it was found, whichever of the kernel's two rule sets its engine uses."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import pytest

from tests.hosts.host import GUEST, Host, eventually
from weave_http.sandbox import Sandbox

PROGRAMS = " ".join(f"{family}{action}" for family in ("iptables", "ip6tables") for action in ("", "-save", "-restore"))
OTHER = {"nft": "legacy", "legacy": "nft"}

LOOK = r"""
ip -d -o link | sed -e 's/^[0-9]*: //; s/ qlen.*//; s/link-netns.*//' \
  -e 's/NO-CARRIER,//; s/,LOWER_UP//; s/state [A-Z]*//; s/_timer *[0-9.]*//g'
ip -o addr | sed 's/^[0-9]*: //; s/valid_lft.*//'; ip route show table all | sed 's/ linkdown//'; ip rule
bridge fdb show | grep permanent
iptables-nft-save | sed '/^#/d; s/\[.*\]//'; ip6tables-nft-save | sed '/^#/d; s/\[.*\]//'
cat /proc/net/ip_tables_names
iptables-legacy-save | sed '/^#/d; s/\[.*\]//'
sysctl -a 2>/dev/null | grep -E '^net\.' | grep -vE 'conntrack_count|random|fastopen_key|\.cdev\.|stable_secret'
find /etc /run /var/lib -xdev \( -path /run/docker -o -path /run/containerd -o -path /var/lib/docker \
  -o -path /var/lib/containerd -o -path /run/containers -o -path /run/libpod -o -path /run/crun \
  -o -path /var/lib/containers -o -path /run/lock/netavark.lock -o -path /run/xtables.lock -o -path /run/docker.pid \
  -o -path '/var/lib/weave-*' \
  -o -path /var/lib/dpkg -o -path /var/lib/apt \) -prune -o -printf '%M %u %s %l %p\n' |
  awk '$1 ~ /^d/ {$3 = ""} {print}' | sort -k 5
find /etc -xdev -type f -exec sha256sum {} + | sort -k 2
docker ps -aq; docker volume ls -q; docker network ls --format '{{.Name}} {{.Driver}}'
"""
"""Links, addresses, routes, rules, kernel parameters, files and what the engine has; without counters, the engine's own
files, and what of the machine shows through in /var/lib and is nobody's here: sandboxes, and what packages it has."""


def look(host: Host) -> list[str]:
    """Return all of that, line by line."""
    return host.shell(LOOK).splitlines()


IN_LEGACY = pytest.param(
    "legacy", marks=[pytest.mark.long, pytest.mark.not_podman(reason="it writes rules of nf_tables itself")]
)


@pytest.fixture(params=["nft", IN_LEGACY])
def backend(request: pytest.FixtureRequest, clean: Sandbox) -> Iterator[tuple[Host, str]]:
    """A host that was booted with an engine that uses this rule set, and nothing of the other one."""
    host, backend = Host(clean, "host3"), str(request.param)
    host.shell(f"for name in {PROGRAMS}; do ln -sf $(command -v xtables-{backend}-multi) /usr/local/sbin/$name; done")
    clean.reboot(host.name)
    try:
        yield host, backend
    finally:
        host.shell(f"cd /usr/local/sbin; rm -f {PROGRAMS}")
        clean.reboot(host.name)


def test_reset_leaves_the_host_as_it_was_found(backend: tuple[Host, str]) -> None:
    host, kind = backend
    host.start("first", "--rm", command="true")  # docker0 is not the same any more after its first container
    assert eventually(lambda: host.shell("docker ps -aq; ip addr | grep tentative || true") == "")
    if kind == "nft":  # tables outlive their last chain; Docker has them anyway
        host.shell("for table in filter nat; do iptables-nft -t $table -N once; iptables-nft -t $table -X once; done")
    host.shell("ip6tables-nft -N once; ip6tables-nft -X once")  # Docker has none of IPv6: the first rule set is taken
    before = look(host)
    host.weave("launch", "192.0.2.99")
    host.weave("run", "10.2.1.1/24", "10.2.2.1/24", "--name", "box", "--restart", "always", GUEST, "sleep", "3600")
    host.weave("run", "10.2.1.2/24", "--name", "peer", GUEST, "sleep", "3600")
    host.weave("expose", "10.2.1.254/24")
    host.weave("expose", "--without-masquerade", "10.2.2.254/24")
    assert host.pings("box", "10.2.1.2")
    ours = host.shell(f"iptables-{kind}-save")
    assert all(
        f"-A {hook} -j {chain}" in ours
        for hook, chain in (("FORWARD", "WEAVE-FORWARD"), ("INPUT", "WEAVE-INPUT"), ("POSTROUTING", "WEAVE"))
    )
    assert "WEAVE" not in host.shell(f"iptables-{OTHER[kind]}-save")
    host.shell(f"iptables-{kind} -F; iptables-{kind} -t nat -F WEAVE")
    assert eventually(lambda: f"{host.shell(f'iptables-{kind}-save')}".count("MASQUERADE") >= 2, seconds=10)
    host.sandbox.engine_restart(host.name)  # Docker makes its own rules again
    assert eventually(lambda: host.try_weave("status").returncode == 0, seconds=30)
    assert eventually(
        lambda: host.try_weave("ps", "box").stdout.split()[2:] == ["10.2.1.1/24", "10.2.2.1/24"], seconds=30
    )
    host.weave("detach", "10.2.2.1/24", "box")
    host.weave("hide", "10.2.2.254/24")
    host.weave("reset")
    assert host.weave("reset") == ""
    host.shell("docker rm -fv box peer")
    changed = list(difflib.unified_diff(before, look(host), "before", "after", n=0, lineterm=""))
    assert changed == [], "\n".join(changed)
