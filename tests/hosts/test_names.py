"""Names: every container's resolver finds every named container of all hosts, as soon as it is there and no longer."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.hosts.conftest import GATEWAY, NAMES
from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_network import AGAIN, joined, meshed
from weave_http.sandbox import Sandbox

DNS = (f"--dns={GATEWAY}", "--dns-search=weave.local.")


def dig(host: Host, name: str, *options: str) -> list[str]:
    """What a host's server answers, as `dig +short` prints it, sorted."""
    line = f"dig @{GATEWAY} +short +tries=1 +time=2 {' '.join(options)} {name}"
    return sorted(host.try_shell(line).stdout.split())


def rcode(host: Host, name: str, *options: str) -> str:
    """The response code of an answer."""
    text = host.shell(f"dig @{GATEWAY} +tries=1 +time=8 {' '.join(options)} {name}")
    found = re.search(r"status: (\w+)", text)
    assert found, text
    return found[1]


def run(host: Host, cidr: str, name: str, *, fqdn: str = "") -> str:
    """Run a container whose hostname is within the domain; return its id."""
    started = host.start(name, "--hostname", fqdn or f"{name}.weave.local", *DNS)
    host.weave("attach", cidr, name)
    return started


def took(what: Host, name: str, expected: list[str], *, seconds: float = 10.0) -> float:
    """Return after how many seconds a host answers a name with these addresses."""
    began = time.monotonic()
    assert eventually(lambda: dig(what, name) == expected, seconds=seconds, pause=0.02), dig(what, name)
    return time.monotonic() - began


def inhabited(*hosts: Host) -> None:
    """Have a container on hosts: without one Podman takes its bridge away, and with it the address that is asked."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: host.start("inhabitant"), hosts))


@pytest.fixture(scope="module")
def launched(kept: Sandbox) -> list[Host]:
    """Three hosts with Weave, for all tests of this file."""
    hosts = [Host(kept, name) for name in NAMES]
    inhabited(*hosts)
    joined(*hosts)
    return hosts


@pytest.fixture
def mesh(launched: list[Host]) -> Iterator[list[Host]]:
    """The three hosts, on which nothing has a name before and after."""
    for host in launched:
        assert eventually(partial(meshed, host, 2), seconds=AGAIN), host.weave("status", "connections")
    yield launched
    for host in launched:
        host.shell(
            f"docker ps -aq --filter ancestor={GUEST} | grep -v $(docker ps -q --filter name=inhabitant)"
            " | xargs -r docker rm -f >/dev/null"
        )
    for host in launched:
        assert eventually(partial(has_no_names, host)), host.weave("status", "dns")


def has_no_names(host: Host) -> bool:
    """Tell whether a host knows of no name anywhere."""
    return host.weave("status", "dns") == ""


def test_names_are_known_everywhere_within_a_second_and_gone_within_one_when_the_container_dies(
    mesh: list[Host],
) -> None:
    one, two, three = mesh
    run(one, "10.2.1.1/24", "c1")
    for host in mesh:
        seconds = took(host, "c1.weave.local", ["10.2.1.1"])
        assert seconds < 1.0, (host.name, seconds)
    run(two, "10.2.1.2/24", "c2")
    assert took(three, "c2.weave.local", ["10.2.1.2"]) < 1.0
    one.shell("docker kill c1 >/dev/null")
    for host in mesh:
        seconds = took(host, "c1.weave.local", [])
        assert seconds < 1.0, (host.name, seconds)
    one.shell("docker start c1 >/dev/null")
    took(two, "c1.weave.local", ["10.2.1.1"])
    one.weave("detach", "10.2.1.1/24", "c1")
    assert took(two, "c1.weave.local", []) < 1.0


def test_containers_find_each_other_by_name_through_their_own_resolvers(mesh: list[Host]) -> None:
    one, two, _ = mesh
    run(one, "10.2.1.1/24", "c1")
    run(two, "10.2.1.2/24", "c2")
    took(one, "c2.weave.local", ["10.2.1.2"])
    assert one.pings("c1", "c2")
    assert one.pings("c1", "c2.weave.local")
    assert "10.2.1.2" in one.inside("c1", "nslookup c2.weave.local")
    assert "c1.weave.local" in two.inside("c2", "nslookup 10.2.1.1")
    assert "NXDOMAIN" in one.try_shell("docker exec c1 nslookup c9.weave.local").stdout
    # glibc's resolver, in the container's network and with the container's own resolv.conf
    one.shell("docker cp c1:/etc/resolv.conf /tmp/c1.conf")
    pid = one.shell("docker inspect -f '{{.State.Pid}}' c1").strip()
    for name in ("c2", "c2.weave.local", "C2.Weave.Local"):
        line = f"mount --bind /tmp/c1.conf /etc/resolv.conf && getent hosts {name}"
        found = one.shell(f"nsenter -t {pid} -n unshare -m sh -c '{line}'").split()
        assert found[:1] == ["10.2.1.2"], name


def test_what_is_asked_gets_the_answer_where_it_belongs(mesh: list[Host]) -> None:
    one, two, _ = mesh
    run(one, "10.2.1.1/24", "c1")
    took(two, "c1.weave.local", ["10.2.1.1"])
    assert dig(two, "C1.WEAVE.local") == ["10.2.1.1"]
    assert dig(two, "c1") == ["10.2.1.1"]
    assert dig(two, "", "-x", "10.2.1.1") == ["c1.weave.local."]
    assert (rcode(two, "c1.weave.local", "AAAA"), dig(two, "c1.weave.local", "AAAA")) == ("NOERROR", [])
    assert (rcode(two, "c1.weave.local", "MX"), rcode(two, "c9.weave.local")) == ("NOERROR", "NXDOMAIN")
    assert rcode(two, "example.com") == "SERVFAIL", "these hosts have no name server"
    answer = two.shell(f"dig @{GATEWAY} +noall +answer +norecurse c1.WEAVE.local").split()
    assert answer == ["c1.WEAVE.local.", "1", "IN", "A", "10.2.1.1"]


def test_one_name_on_three_hosts_has_all_addresses_in_changing_order(mesh: list[Host]) -> None:
    for number, host in enumerate(mesh, start=1):
        run(host, f"10.2.1.{number}/24", "web")
    everyone = ["10.2.1.1", "10.2.1.2", "10.2.1.3"]
    for host in mesh:
        took(host, "web.weave.local", everyone)
    lines = mesh[0].shell(f"for i in $(seq 40); do dig @{GATEWAY} +short web.weave.local | head -1; done").split()
    assert sorted(set(lines)) == everyone
    mesh[2].weave("stop")
    assert took(mesh[0], "web.weave.local", everyone[:2]) < 1.0, "who says goodbye takes its names along"
    mesh[2].weave("launch", mesh[0].address)
    took(mesh[0], "web.weave.local", everyone)


class Looking:
    """Asks a host for a name again and again, and counts."""

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        script = f"while :; do dig @{GATEWAY} +short +tries=1 +time=1 {name} | sed 's/^$/none/' >> /tmp/looks; done"
        host.shell(f'rm -f /tmp/looks; setsid sh -c "{script}" >/dev/null 2>&1 & echo $! > /tmp/looking.pid')

    def seen(self) -> set[str]:
        """End it; return the different answers."""
        self._host.shell("kill -TERM -$(cat /tmp/looking.pid)")
        return set(self._host.shell("cat /tmp/looks").splitlines())


def test_a_router_restart_keeps_names_and_others_do_not_miss_them_for_a_moment(mesh: list[Host]) -> None:
    one, two, _ = mesh
    run(one, "10.2.1.1/24", "c1")
    one.weave("dns-add", "10.2.1.77", "-h", "db.weave.local")
    took(two, "db.weave.local", ["10.2.1.77"])
    took(two, "c1.weave.local", ["10.2.1.1"])
    looking = Looking(two, "c1.weave.local")
    one.shell("docker restart -t 2 weave >/dev/null")
    for host in mesh:
        took(host, "c1.weave.local", ["10.2.1.1"])
        took(host, "db.weave.local", ["10.2.1.77"])
    before = one.router_pid()
    one.kill_router()
    assert eventually(lambda: one.router_pid() not in ("0", before), seconds=30)
    took(one, "c1.weave.local", ["10.2.1.1"], seconds=30)
    assert looking.seen() == {"10.2.1.1"}
    one.weave("stop")
    one.shell("docker kill c1 >/dev/null")
    one.weave("launch", two.address)
    took(two, "db.weave.local", ["10.2.1.77"])
    assert took(two, "c1.weave.local", []) < 1.0, "it died while there was no router to see it"
    one.weave("dns-remove", "10.2.1.77", "-h", "db.weave.local")


FLOOD = """
import os, random, socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
good = bytes.fromhex("000701000001000000000001") + b"\\x02c1\\x05weave\\x05local\\0"
good += bytes.fromhex("0001000100002904d0000000000000")
for _ in range(50000):
    data = bytearray(good if random.random() < 0.5 else os.urandom(random.randrange(200)))
    for _ in range(3 if data else 0):
        data[random.randrange(len(data))] = random.randrange(256)
    sock.sendto(data, (sys.argv[1], 53))
for _ in range(300):
    with socket.create_connection((sys.argv[1], 53), timeout=5) as tcp:
        tcp.sendall(os.urandom(random.randrange(1, 200)))
"""


def test_a_flood_of_nonsense_costs_nothing_but_itself(mesh: list[Host]) -> None:
    one, two, _ = mesh
    run(one, "10.2.1.1/24", "c1")
    pid, memory = one.router_pid(), router_memory(one)
    done = one.sandbox.run(one.name, ["python3", "-c", FLOOD, GATEWAY])
    assert done.returncode == 0, done.stderr.decode()
    assert dig(one, "c1.weave.local") == ["10.2.1.1"]
    run(two, "10.2.1.2/24", "c2")
    assert took(one, "c2.weave.local", ["10.2.1.2"]) < 1.0
    assert one.router_pid() == pid
    assert router_memory(one) - memory < 8 * 1024
    assert "Traceback" not in one.shell("docker logs weave 2>&1")


def router_memory(host: Host) -> int:
    """Return the router's resident memory in KiB."""
    return int(host.shell(f"awk '/VmRSS/ {{ print $2 }}' /proc/{host.router_pid()}/status"))


def test_names_are_given_taken_and_looked_up_by_hand(mesh: list[Host]) -> None:
    one, two, _ = mesh
    c1 = one.start("c1")
    one.weave("attach", "10.2.1.1/24", "10.2.2.1/24", "c1")
    refused = one.try_weave("dns-add", "c1")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert one.weave("dns-add", "c1", "-h", "db.weave.local") == ""
    assert one.weave("dns-add", "10.2.1.1", "c1", "-h", "main") == ""
    assert one.weave("dns-add", "10.9.9.9", "-h", "printer.weave.local") == ""
    took(two, "printer.weave.local", ["10.9.9.9"])
    assert sorted(two.weave("dns-lookup", "db").split()) == ["10.2.1.1", "10.2.2.1"]
    assert two.weave("dns-lookup", "main.weave.local") == "10.2.1.1\n"
    nothing = two.try_weave("dns-lookup", "nothing")
    assert (nothing.returncode, nothing.stdout, nothing.stderr.count("\n")) == (1, "", 1)
    peer = one.shell("cat /sys/class/net/weave/address").strip()
    assert two.weave("status", "dns").splitlines() == [
        f"db           10.2.1.1        {c1[:12]} {peer}",
        f"db           10.2.2.1        {c1[:12]} {peer}",
        f"main         10.2.1.1        {c1[:12]} {peer}",
        f"printer      10.9.9.9        weave:extern {peer}",
    ]
    assert (
        "\n        Service: dns\n         Domain: weave.local.\n       Upstream: none\n            TTL: 1\n"
        in two.weave("status")
    )
    outside = one.try_weave("dns-add", "c1", "-h", "db.example.com")
    assert (outside.returncode, outside.stderr.count("\n")) == (1, 1)
    one.weave("dns-remove", "10.2.1.1", "c1", "-h", "db.weave.local")
    took(two, "db.weave.local", ["10.2.2.1"])
    one.weave("dns-remove", "c1")
    one.weave("dns-remove", "10.9.9.9", "-h", "printer")
    for name in ("db", "main", "printer"):
        took(two, f"{name}.weave.local", [])
    assert two.weave("status", "dns") == ""


GIVE = """
import http.client, sys
host, count = int(sys.argv[1]), int(sys.argv[2])
for number in range(count):
    connection = http.client.HTTPConnection("127.0.0.1", 6784, timeout=20)
    path = f"/name/weave:extern/10.{host}.{number >> 8}.{number & 255}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("PUT", path, f"fqdn=n{number}-{host}.weave.local", form)
    assert connection.getresponse().status == 204
"""
COUNT = """
import http.client, json, time
began = time.monotonic()
while True:
    connection = http.client.HTTPConnection("127.0.0.1", 6784, timeout=20)
    connection.request("GET", "/name")
    entries = len(json.loads(connection.getresponse().read()))
    if entries == %d or time.monotonic() - began > 20:
        break
    time.sleep(0.02)
print(entries, time.monotonic() - began)
"""


def test_a_thousand_names_on_three_hosts_are_the_same_everywhere_within_two_seconds(
    launched: list[Host], capsys: pytest.CaptureFixture[str]
) -> None:
    """The last one of this file: the names stay."""
    total = 0
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        for number, host in enumerate(launched, start=1):
            count = 334 if number == 1 else 333
            total += count
            line = ["python3", "-c", GIVE, str(number), str(count)]
            pool.submit(partial(host.sandbox.run, host.name, line))
    given = time.monotonic() - began
    with ThreadPoolExecutor() as pool:
        counted = list(pool.map(lambda host: host.sandbox.run(host.name, ["python3", "-c", COUNT % total]), launched))
    results = [done.stdout.decode().split() for done in counted]
    with capsys.disabled():
        print(
            f" {total} names given in {given:.1f} s, everywhere after {max(float(each[1]) for each in results):.2f} s"
        )
    for entries, seconds in results:
        assert (int(entries), float(seconds) < 2.0) == (total, True)
    assert dig(launched[0], "n332-3.weave.local") == ["10.3.1.76"]
    assert dig(launched[2], "n0-1") == ["10.1.0.0"]
