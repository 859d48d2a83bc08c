"""Real hosts: brought up, used, disturbed and taken away."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sandbox import traces
from weave_http.errors import SandboxError
from weave_http.sandbox import HostState, Sandbox, SandboxHost, daemon, host, lan, limits

pytestmark = pytest.mark.hosts

UP = """
import sys
from pathlib import Path
from weave_http.sandbox import Sandbox
Sandbox(Path(sys.argv[1]), name=sys.argv[2], subnet=sys.argv[3]).up(2)
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def ping(connection: http.client.HTTPConnection) -> bytes:
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().read()
    finally:
        connection.close()


def tls_connection(there: SandboxHost, *, with_certificate: bool = True) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=there.tls_dir / "ca.pem")
    if with_certificate:
        context.load_cert_chain(there.tls_dir / "cert.pem", there.tls_dir / "key.pem")
    return http.client.HTTPSConnection(there.address, 2376, context=context, timeout=10)


def output(sandbox: Sandbox, name: str, command: str) -> str:
    done = sandbox.run(name, ["sh", "-c", command])
    assert done.returncode == 0, done
    return done.stdout.decode()


def start_up(sandbox: Sandbox) -> subprocess.Popen[bytes]:
    words = [str(sandbox.state_dir), sandbox.name, sandbox.subnet]
    return subprocess.Popen([sys.executable, "-c", UP, *words], stderr=subprocess.DEVNULL)


@pytest.fixture
def sandbox(own_sandbox: Sandbox) -> Sandbox:
    """The module's sandbox with two good hosts, whatever the test before did to them."""
    own_sandbox.up(2)
    return own_sandbox


def test_both_ways_to_an_engine_work(sandbox: Sandbox) -> None:
    for there in sandbox.hosts():
        assert there.state is HostState.RUNNING
        assert ping(UnixConnection(there.socket)) == b"OK"
        assert ping(tls_connection(there)) == b"OK"


def test_a_client_without_a_certificate_is_turned_away(sandbox: Sandbox) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ping(tls_connection(sandbox.host("host1"), with_certificate=False))


def test_every_host_is_a_machine_of_its_own(sandbox: Sandbox) -> None:
    names = [there.name for there in sandbox.hosts()]

    assert [output(sandbox, name, "hostname").strip() for name in names] == names
    assert len({output(sandbox, name, "cat /etc/machine-id") for name in names}) == 2
    assert len({os.readlink(f"/proc/{there.pid}/ns/net") for there in sandbox.hosts()}) == 2
    assert output(sandbox, "host1", "ls /root /home").split() == ["/home:", "/root:"]


def test_the_firewall_is_as_on_a_real_host(sandbox: Sandbox) -> None:
    assert "-P FORWARD DROP" in output(sandbox, "host1", "iptables -S FORWARD")
    if Path("/proc/sys/net/bridge").exists():
        assert output(sandbox, "host1", "cat /proc/sys/net/bridge/bridge-nf-call-iptables").strip() == "1"


def test_hosts_know_each_other_and_reach_nobody_else(sandbox: Sandbox) -> None:
    output(sandbox, "host1", "ping -c1 -W2 host2")

    assert sandbox.run("host1", ["ping", "-c1", "-W5", "192.0.2.1"]).returncode != 0


def test_the_lans_own_bridge_filters_nothing(sandbox: Sandbox) -> None:
    words = ["ip", "netns", "exec", f"{sandbox.name}-lan", "cat", "/proc/sys/net/bridge/bridge-nf-call-iptables"]
    if Path("/proc/sys/net/bridge").exists():
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == "0"


def test_the_machine_gets_one_route_more_and_nothing_else(own_sandbox: Sandbox) -> None:
    def routes() -> set[str]:
        shown = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True, check=True).stdout
        return set(shown.splitlines())

    def forwarding() -> str:
        return Path("/proc/sys/net/ipv4/ip_forward").read_text()

    own_sandbox.down()
    before = {line for line in routes() if "-lan" not in line}, forwarding()

    own_sandbox.up(1)

    ours = f"{own_sandbox.subnet} dev {own_sandbox.name}-lan"
    assert [line for line in routes() if line.startswith(ours)]
    assert ({line for line in routes() if "-lan" not in line}, forwarding()) == before


def test_up_again_leaves_good_hosts_alone(sandbox: Sandbox) -> None:
    assert sandbox.up(1) == sandbox.hosts()
    before = sandbox.hosts()

    assert sandbox.up(2) == before


def test_exit_codes_and_both_outputs_come_through(sandbox: Sandbox) -> None:
    done = sandbox.run("host1", ["sh", "-c", "cat; echo no >&2; exit 3"], input=b"yes")

    assert (done.returncode, done.stdout, done.stderr) == (3, b"yes", b"no\n")
    assert sandbox.exec("host1", ["sh", "-c", "exit 4"]) == 4


def test_a_pulled_cable_is_a_lost_carrier(sandbox: Sandbox) -> None:
    sandbox.cable("host1", up=False)
    assert output(sandbox, "host1", "cat /sys/class/net/eth0/carrier").strip() == "0"
    assert sandbox.run("host2", ["ping", "-c1", "-W1", "host1"]).returncode != 0

    sandbox.cable("host1", up=True)
    output(sandbox, "host2", "ping -c1 -W3 host1")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_stops_and_starts_within_its_host(sandbox: Sandbox, signum: signal.Signals) -> None:
    pid = sandbox.host("host1").pid

    sandbox.engine_stop("host1", signum)
    assert sandbox.host("host1").state is HostState.NO_ENGINE
    sandbox.engine_start("host1")

    assert (sandbox.host("host1").state, sandbox.host("host1").pid) == (HostState.RUNNING, pid)


def test_a_reboot_keeps_the_disk_and_nothing_else(sandbox: Sandbox) -> None:
    before = sandbox.host("host1")
    output(sandbox, "host1", "echo kept >/var/lib/mine; echo lost >/run/mine; ip link add mine type bridge")
    identity = output(sandbox, "host1", "cat /etc/machine-id /sys/class/net/eth0/address")

    sandbox.reboot("host1")

    assert sandbox.host("host1").pid != before.pid
    assert output(sandbox, "host1", "cat /var/lib/mine") == "kept\n"
    assert sandbox.run("host1", ["test", "-e", "/run/mine"]).returncode == 1
    assert sandbox.run("host1", ["test", "-e", "/sys/class/net/mine"]).returncode == 1
    assert output(sandbox, "host1", "cat /etc/machine-id /sys/class/net/eth0/address") == identity


def test_a_host_that_died_is_booted_from_its_disk(sandbox: Sandbox) -> None:
    output(sandbox, "host2", "echo kept >/var/lib/mine")
    os.kill(sandbox.host("host2").pid, signal.SIGKILL)

    assert [there.state for there in sandbox.up(2)] == [HostState.RUNNING, HostState.RUNNING]
    assert output(sandbox, "host2", "cat /var/lib/mine") == "kept\n"


def test_an_unknown_host_is_refused_with_the_known_ones(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match=r"no host host9 in the sandbox .*; hosts: host1 host2"):
        sandbox.run("host9", ["true"])


def test_a_name_that_is_in_use_is_refused(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Sandbox(tmp_path_factory.mktemp("s") / "state", name=sandbox.name, subnet="10.198.0.0/24")

    for action in (other.up, other.down):
        with pytest.raises(SandboxError, match="choose another name with --name"):
            action()
    assert [there.state for there in sandbox.hosts()] == [HostState.RUNNING, HostState.RUNNING]


def weave(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "weave_http", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_two_sandboxes_live_side_by_side(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    state = tmp_path_factory.mktemp("s") / "state"
    second = Sandbox(state, name=f"u{os.getpid()}", subnet="10.198.0.0/24")
    refused = weave("sandbox", "up", "--state", str(state), "--name", sandbox.name, "--hosts", "1")
    try:
        assert refused.returncode == 1
        assert refused.stderr.endswith("; choose another name with --name, and another subnet with --subnet\n")
        own = ("--name", second.name, "--subnet", second.subnet)
        up = weave("sandbox", "up", "--state", str(state), *own, "--hosts", "1")
        assert up.stdout == "host1        tcp://10.198.0.11:2376     running\n", up
        assert weave("sandbox", "list", "--state", str(state)).stdout == up.stdout
        other = weave("sandbox", "up", "--state", str(state), "--name", "other", "--hosts", "1")
        assert "leave out --name, or name another directory with --state" in other.stderr
        assert [there.state for there in sandbox.hosts()] == [HostState.RUNNING, HostState.RUNNING]
    finally:
        down = weave("sandbox", "down", "--state", str(state))
    assert down.returncode == 0, down
    assert traces.of(second) == []
    assert [there.state for there in sandbox.hosts()] == [HostState.RUNNING, HostState.RUNNING]


def test_limits_of_the_kernel_are_put_back_when_the_last_sandbox_goes(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sandboxes that believe they need more than there is; those of other tests are looked past."""
    limit = limits.SETTINGS / limits.MOST
    before = limit.read_text()
    raised = f"{2 * int(before) + 4}\n"
    state = tmp_path_factory.mktemp("s")
    names = [f"v{os.getpid()}", f"w{os.getpid()}"]
    one, two = (
        Sandbox(state / name, name, subnet)
        for name, subnet in zip(names, ("10.196.0.0/24", "10.197.0.0/24"), strict=True)
    )
    monkeypatch.setattr(limits, "needed", lambda _hosts: int(before) + 2)
    monkeypatch.setattr(limits, "RECORD", state / "record.json")
    monkeypatch.setattr(lan, "sandboxes", lambda all_=lan.sandboxes: [name for name in all_() if name in names])
    try:
        one.up(1)
        two.up(1)
        assert lan.sandboxes() == names
        assert limit.read_text() == raised
        one.down()
        assert limit.read_text() == raised
    finally:
        one.down()
        two.down()
    assert limit.read_text() == before


def test_a_subnet_in_use_is_refused_before_anything_is_made(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Sandbox(tmp_path_factory.mktemp("s") / "state", name=f"x{os.getpid()}", subnet=sandbox.subnet)

    with pytest.raises(SandboxError, match="the machine already has a route to"):
        other.up(1)
    other.down()
    assert traces.of(other) == []


def test_a_root_without_an_init_program_still_has_its_orphans_reaped(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "INITS", ())
    sandbox.reboot("host1")

    output(sandbox, "host1", "(sleep 0.05 &)")
    time.sleep(0.3)

    states = output(sandbox, "host1", "cat /proc/[0-9]*/stat | sed 's/.*) //' | cut -d' ' -f1 | sort -u")
    assert "Z" not in states.split()


def test_down_leaves_nothing_and_may_be_said_twice(sandbox: Sandbox) -> None:
    sandbox.down()
    assert traces.of(sandbox) == []

    sandbox.down()
    assert sandbox.hosts() == []


def test_an_engine_that_does_not_start_is_quoted_and_cleaned_up(
    own_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_sandbox.down()
    with monkeypatch.context() as broken:
        broken.setattr(daemon, "DOCKERD", ["dockerd", "--no-such-flag"])
        with pytest.raises(SandboxError, match=r"host. waits for dockerd: it ended: .*no-such-flag.*; log: "):
            own_sandbox.up(2)
    assert {there.state for there in own_sandbox.hosts()} == {HostState.DEAD}

    assert next(there.state for there in own_sandbox.up(1)) is HostState.RUNNING


@pytest.mark.parametrize("seconds", [0.25, 0.4, 0.5, 0.6, 0.8])
def test_nothing_is_left_of_an_up_that_was_killed(own_sandbox: Sandbox, seconds: float) -> None:
    own_sandbox.down()
    process = start_up(own_sandbox)
    time.sleep(seconds)
    process.kill()

    own_sandbox.down()

    process.wait()
    assert traces.of(own_sandbox) == []


def test_up_finishes_what_a_killed_up_began(own_sandbox: Sandbox) -> None:
    own_sandbox.down()
    process = start_up(own_sandbox)
    time.sleep(0.5)
    process.kill()

    assert [there.state for there in own_sandbox.up(2)] == [HostState.RUNNING, HostState.RUNNING]
    process.wait()


def test_an_interrupted_up_ends_what_it_began(own_sandbox: Sandbox) -> None:
    for _ in range(5):
        own_sandbox.down()
        process = start_up(own_sandbox)
        while not any(there.state is not HostState.DEAD for there in own_sandbox.hosts()):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        code = process.wait(60)

        # One host may have been up by then; none is half-way.
        states = [there.state for there in own_sandbox.hosts()]
        assert HostState.NO_ENGINE not in states
        if HostState.DEAD in states:
            assert code != 0
            return
    pytest.fail("on this machine both hosts are up before it is noticed that one begins")
