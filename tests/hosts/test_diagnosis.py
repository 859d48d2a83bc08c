"""The doctor, ping, the metrics and an upgrade, on real hosts."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.hosts.host import Host, eventually
from tests.hosts.test_network import AGAIN, meshed
from tests.hosts.test_survival import LongPing, both, pair
from weave_http import __version__, constants

__all__ = ["both", "pair"]

NEWER, VERSION = f"{constants.IMAGE_REPOSITORY}:newer", "99.0.1"
PLACE = "/usr/lib/python3/dist-packages/weave_http"


def make_newer(host: Host) -> None:
    """Make an image of another version: the same code, but for that."""
    change = f'sed -i "s/^__version__ = .*/__version__ = \\"{VERSION}\\"/" {PLACE}/__init__.py'
    host.shell(
        f"docker run --name maker --entrypoint sh {constants.DEFAULT_IMAGE}"
        f" -c '{change}; rm -f {PLACE}/__pycache__/__init__.*'"
    )
    host.shell(f"docker commit -c 'ENTRYPOINT [\"/usr/bin/weave\"]' -c 'CMD []' maker {NEWER}; docker rm maker")


def kill_an_upgrade(host: Host) -> None:
    """Begin an upgrade, and kill its executor in the midst of it."""
    with subprocess.Popen(
        [sys.executable, "-m", "weave_http", "upgrade"], env=host.environ(EXEC_IMAGE=NEWER), stderr=subprocess.DEVNULL
    ) as upgrade:
        assert eventually(lambda: "weave-previous" in host.shell("docker ps -a --format '{{.Names}}'"), pause=0.01)
        host.shell("docker ps -q --filter label=works.weave.role=executor | xargs -r docker kill -s KILL >/dev/null")
        upgrade.wait(timeout=60)


def kept(host: Host) -> list[object]:
    """What an upgrade must keep: name, password, targets, attachments, names."""
    report = json.loads(host.weave("status", "--format", "json"))
    names = [(each["Hostname"], each["Address"]) for each in report["DNS"]["Entries"]]
    router = report["Router"]
    return [router["Name"], router["Encryption"], router["Targets"], report["Attachments"], sorted(names)]


def test_a_ping_says_the_way_and_metrics_are_served(pair: tuple[Host, Host]) -> None:
    one, two = pair
    two.weave("dns-add", "10.2.1.2", "box", "-h", "far.weave.local")
    assert eventually(lambda: "far" in one.weave("status", "dns"))
    for target in ("far", "10.2.1.2", two.name):
        said = one.weave("ping", "-c", "1", "-s", "1450", target)
        assert f"({two.name}) {two.address} " in said, said
    assert "on this host" in one.weave("ping", "-c", "1", "box")
    # each host tells the others what it has measured
    assert eventually(lambda: one.weave("rtt").count(".") == 2, seconds=60), one.weave("rtt")
    assert [line.split()[0] for line in one.weave("rtt").splitlines()] == ["ms", one.name, two.name]
    # and what Prometheus reads
    text = one.shell("curl -s http://127.0.0.1:6782/metrics")
    assert 'weave_connections{encryption="",state="established",type="fastdp"} 1.0' in text
    assert "\nweave_overlay_transmit_bytes_total " in text


def test_the_doctor_finds_two_hosts_well_and_then_what_was_broken(pair: tuple[Host, Host]) -> None:
    one, two = pair
    done = one.try_weave("doctor", "--format", "json")
    levels = {each["Check"]: each["Level"] for each in json.loads(done.stdout)}
    # The sandbox has what it has of name servers and routes; all that is weave's must be well.
    ours = set(levels) - {"resolver", "routes"}
    assert {levels[check] for check in ours} == {"ok"}, done.stdout
    assert {"data", "mtu", "clock", "state"} <= ours
    two.shell("iptables -I INPUT -p udp --dport 6784 -j DROP")
    try:
        done = one.try_weave("doctor")
    finally:
        two.shell("iptables -D INPUT -p udp --dport 6784 -j DROP")
    assert done.returncode == 2
    assert "UDP 6784 must pass" in done.stdout


def test_an_upgrade_keeps_everything_and_loses_no_packet(pair: tuple[Host, Host]) -> None:
    one, two = pair
    assert eventually(lambda: one.pings("box", "10.2.1.2"), seconds=60)
    one.weave("connect", "192.0.2.99")
    one.weave("dns-add", "10.2.1.1", "box", "-h", "box1.weave.local")
    make_newer(one)
    before = kept(one)
    old = one.shell("docker inspect -f '{{.Id}}' weave").strip()
    ping = LongPing(one, "10.2.1.2")
    kill_an_upgrade(one)
    new = one.weave("upgrade", EXEC_IMAGE=NEWER).strip()
    assert eventually(lambda: meshed(one, 1) and meshed(two, 1), seconds=AGAIN)
    assert ping.lost() == 0
    assert new != old
    assert one.shell("docker ps -aq --no-trunc --filter label=works.weave.role=router").split() == [new]
    assert f"Version: {VERSION}" in one.weave("status")
    assert kept(one) == before
    one.shell("docker restart -t 0 box >/dev/null")
    assert eventually(lambda: two.pings("box", "10.2.1.1", count=1, wait=1))
    again = one.try_weave("upgrade", EXEC_IMAGE=NEWER)
    assert (again.returncode, again.stdout.strip(), "already" in again.stderr) == (0, new, True)
    done = one.try_weave("doctor")
    assert done.returncode == 1
    assert f"the router is of version {VERSION}, and this is {__version__}; replace it: weave upgrade" in done.stdout
    one.weave("upgrade")
    assert f"Version: {__version__}" in one.weave("status")
