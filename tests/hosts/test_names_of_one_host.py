"""Names on one host: the server's place and manners, other servers, and the commands of 0.10."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.hosts.conftest import GATEWAY
from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_names import DNS, dig, inhabited, rcode, run


@pytest.fixture
def upstream(host: Host) -> Iterator[Host]:
    """A host whose resolv.conf lists a server that knows `up.example`, and a long answer."""
    records = " ".join(f"--host-record=long.example,192.0.2.{number}" for number in range(1, 200))
    host.shell("echo 'nameserver 127.0.0.1' > /etc/resolv.conf")
    host.shell(
        "dnsmasq --pid-file=/tmp/dnsmasq.pid --no-resolv --no-hosts --listen-address=127.0.0.1 --bind-interfaces"
        f" --user=root --host-record=up.example,192.0.2.7 {records}"
    )
    yield host
    host.shell("kill $(cat /tmp/dnsmasq.pid); : > /etc/resolv.conf")


def test_other_names_are_asked_of_the_hosts_own_servers_as_they_change(upstream: Host) -> None:
    host = upstream
    inhabited(host)
    host.weave("launch")
    assert dig(host, "up.example") == ["192.0.2.7"]
    assert rcode(host, "no.such.example") in ("NXDOMAIN", "REFUSED", "SERVFAIL")
    short = host.shell(f"dig @{GATEWAY} +ignore +noedns long.example")
    assert re.search(r"flags:[a-z ]* tc", short), short
    assert len(dig(host, "long.example", "+noedns")) == 199, "over TCP, as dig does by itself"
    assert len(dig(host, "long.example", "+tcp")) == 199
    assert "       Upstream: 127.0.0.1\n" in host.weave("status")
    host.start("c1", *DNS)
    assert "192.0.2.7" in host.try_shell("docker exec c1 nslookup up.example").stdout
    host.shell(f"echo 'nameserver {GATEWAY}' > /etc/resolv.conf")
    assert eventually(lambda: "       Upstream: none\n" in host.weave("status"), seconds=10)
    host.shell("printf 'nameserver 127.0.0.9\\nnameserver 127.0.0.1\\n' > /etc/resolv.conf")
    assert eventually(lambda: dig(host, "up.example") == ["192.0.2.7"], seconds=10)


def test_long_answers_are_cut_for_udp_and_whole_over_tcp(host: Host) -> None:
    inhabited(host)
    host.weave("launch")
    addresses = [f"10.2.{high}.{low}" for high in (1, 2) for low in range(1, 100)]
    host.weave("dns-add", *addresses, "-h", "many")
    short = host.shell(f"dig @{GATEWAY} +ignore +noedns many.weave.local")
    assert re.search(r"flags:[a-z ]* tc", short), short
    assert 25 < short.count("\tA\t") < 32
    assert dig(host, "many.weave.local") == sorted(addresses)
    assert host.weave("dns-lookup", "many").split() != addresses, "shuffled"
    assert sorted(host.weave("dns-lookup", "many").split()) == sorted(addresses)


def test_dns_args_and_the_commands_of_0_10(host: Host) -> None:
    no_router = host.try_weave("dns-args")
    assert (no_router.returncode, no_router.stdout) == (1, "")
    router = host.weave("launch").strip()
    assert host.weave("dns-args") == f"--dns={GATEWAY} --dns-search=weave.local."
    assert host.weave("dns-args", "--dns-search", "x.y") == f"--dns={GATEWAY}"
    assert host.weave("dns-args", "--dns-search=x.y", "busybox") == f"--dns={GATEWAY}"
    assert host.weave("dns-args", "-h", "c1.weave.local") == f"--dns={GATEWAY} --dns-search=."
    host.shell(
        f"docker run -d --name c1 {host.weave('dns-args', '-h', 'c1.weave.local')} -h c1.weave.local {GUEST} sleep 60"
    )
    host.weave("attach", "10.2.1.1/24", "c1")
    assert "10.2.1.1" in host.inside("c1", "nslookup c1.weave.local")
    done = host.try_weave("launch-dns", "10.2.254.1/24")
    assert (done.returncode, done.stdout.strip(), done.stderr.count("\n")) == (0, router, 1)
    for words in (["launch-dns"], ["launch-dns", "x"], ["launch-dns", "10.2.254.1/24", "--domain", "foo.bar."]):
        done = host.try_weave(*words)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), words
    assert host.weave("stop-dns") == ""
    assert dig(host, "c1") == ["10.2.1.1"]


def test_another_domain_ttl_and_address(host: Host) -> None:
    host.shell("ip addr add 10.199.0.1/32 dev lo")
    try:
        host.weave("launch", "--dns-domain", "Foo.Bar.", "--dns-ttl", "30", "--dns-listen-address", "10.199.0.1:5353")
        run(host, "10.2.1.1/24", "c1", fqdn="c1.foo.bar")
        run(host, "10.2.1.2/24", "c2", fqdn="c2.weave.local")
        answer = host.shell("dig @10.199.0.1 -p 5353 +noall +answer c1.foo.bar").split()
        assert answer == ["c1.foo.bar.", "30", "IN", "A", "10.2.1.1"]
        assert host.weave("dns-lookup", "c1") == "10.2.1.1\n"
        assert host.weave("status", "dns").count("\n") == 1, "a name outside of the domain is passed over"
        assert host.weave("dns-args") == ""
    finally:
        host.shell("ip addr del 10.199.0.1/32 dev lo")


def test_without_names_everything_else_works_and_says_so(host: Host) -> None:
    host.weave("launch", "--no-dns")
    run(host, "10.2.1.1/24", "c1")
    assert "Service: dns" not in host.weave("status")
    assert (host.weave("dns-args"), host.try_weave("status", "dns").returncode) == ("", 1)
    for words in (["dns-add", "c1"], ["dns-lookup", "c1"], ["launch-dns", "10.2.254.1/24"]):
        done = host.try_weave(*words)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), words
        assert "--no-dns" in done.stderr
    assert host.weave("detach", "10.2.1.1/24", "c1") == "10.2.1.1\n"


def test_a_taken_port_is_said_and_names_are_served_once_it_is_free(host: Host) -> None:
    inhabited(host)
    options = f"--pid-file=/tmp/taker.pid --no-resolv --no-hosts --listen-address={GATEWAY} --bind-interfaces"
    host.shell(f"dnsmasq {options} --user=root")
    done = host.try_weave("launch")
    try:
        assert (done.returncode, len(done.stdout.strip())) == (0, 64)
        assert f"{GATEWAY}:53" in done.stderr
        assert done.stderr.count("\n") == 1
        assert f"         Status: not serving: can't listen on {GATEWAY}:53" in host.weave("status")
        assert host.weave("dns-args") == ""
    finally:
        host.shell("kill $(cat /tmp/taker.pid)")
    assert eventually(lambda: "not serving" not in host.weave("status"), seconds=20)
    run(host, "10.2.1.1/24", "c1")
    assert dig(host, "c1") == ["10.2.1.1"]
