"""What an older Weave left on a host is taken over, and gone after a reset; rules of others stay."""

from __future__ import annotations

import pytest

from tests.net.kernel import Space, cidrs
from weave_http.net import bridge, firewall, teardown
from weave_http.net.changes import changes, left_over
from weave_http.net.expose import expose
from weave_http.net.iptables import RuleSet, parse
from weave_http.net.rules import Guard

both = pytest.mark.parametrize("backend", ["iptables-nft", "iptables-legacy"])

OLD = """
*mangle
:WEAVE-CANARY - [0:0]
:WEAVE-IPSEC-IN - [0:0]
:WEAVE-IPSEC-IN-MARK - [0:0]
:WEAVE-IPSEC-OUT - [0:0]
:WEAVE-IPSEC-OUT-MARK - [0:0]
-A INPUT -j WEAVE-IPSEC-IN
-A OUTPUT -j WEAVE-IPSEC-OUT
-A WEAVE-IPSEC-IN -s 192.0.2.9/32 -d 192.0.2.1/32 -p udp -m udp --dport 6784 -j WEAVE-IPSEC-IN-MARK
-A WEAVE-IPSEC-IN-MARK -j MARK --set-xmark 0x20000/0x20000
COMMIT
*filter
:WEAVE-CANARY - [0:0]
:WEAVE-EXPOSE - [0:0]
:WEAVE-NPC - [0:0]
:WEAVE-NPC-DEFAULT - [0:0]
:WEAVE-NPC-EGRESS - [0:0]
:WEAVE-NPC-INGRESS - [0:0]
-A INPUT -d 172.17.0.1/32 -i docker0 -p tcp -m tcp --dport 6783 -j DROP
-A INPUT -d 172.17.0.1/32 -i docker0 -p udp -m udp --dport 6783 -j DROP
-A INPUT -d 172.17.0.1/32 -i docker0 -p udp -m udp --dport 6784 -j DROP
-A INPUT -i docker0 -p udp -m udp --dport 53 -j ACCEPT
-A INPUT -i docker0 -p tcp -m tcp --dport 53 -j ACCEPT
-A INPUT -i weave -j WEAVE-NPC-EGRESS
-A FORWARD -i weave -m comment --comment "NOTE: this must go before '-j KUBE-FORWARD'" -j WEAVE-NPC-EGRESS
-A FORWARD -o weave -m comment --comment "NOTE: this must go before '-j KUBE-FORWARD'" -j WEAVE-NPC
-A FORWARD -o weave -m state --state NEW -j NFLOG --nflog-group 86
-A FORWARD -i docker0 -o weave -j DROP
-A FORWARD -i weave -o weave -j ACCEPT
-A FORWARD -o weave -j WEAVE-EXPOSE
-A FORWARD -o weave -j DROP
-A FORWARD -i weave ! -o weave -j ACCEPT
-A FORWARD -o weave -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A WEAVE-EXPOSE -d 10.2.9.0/24 -j ACCEPT
-A WEAVE-NPC -m state --state RELATED,ESTABLISHED -j ACCEPT
-A WEAVE-NPC -m state --state NEW -j WEAVE-NPC-DEFAULT
-A WEAVE-NPC -m state --state NEW -j WEAVE-NPC-INGRESS
COMMIT
*nat
:WEAVE - [0:0]
:WEAVE-CANARY - [0:0]
-A POSTROUTING -j WEAVE
-A WEAVE -s 10.2.9.0/24 -d 224.0.0.0/4 -j RETURN
-A WEAVE -d 10.2.9.0/24 ! -s 10.2.9.0/24 -j MASQUERADE
COMMIT
"""
"""What 2.8.1 has put, its policy controller among it."""

OTHERS = """
*filter
:MINE - [0:0]
-A INPUT -i eth7 -p tcp -m tcp --dport 6783 -j DROP
-A FORWARD -i eth7 -o weave -j DROP
-A FORWARD -i weave -o eth7 -j ACCEPT
-A FORWARD -j MINE
-A OUTPUT -p tcp -m tcp --dport 25 -j DROP
-A MINE -m comment --comment "no WEAVE here" -j RETURN
COMMIT
*nat
-A POSTROUTING -s 10.2.9.0/24 ! -o weave -j MASQUERADE
COMMIT
"""
"""Rules of a person's own, some of them about our bridge and ports."""


def _load(host: Space, backend: str, text: str) -> None:
    host.run(f"{backend}-restore --noflush <<'END'\n{text}\nEND")


def _rules(host: Space, backend: str) -> list[str]:
    lines = host.run(f"{backend}-save").splitlines()
    builtin = (":INPUT", ":FORWARD", ":OUTPUT", ":PREROUTING", ":POSTROUTING")
    return [line.split("[")[0].strip() for line in lines if line[0] in ":-*" and not line.startswith(builtin)]


@both
@pytest.mark.parametrize("rules", ["one", "all"])
def test_what_weave_2_8_1_left_is_taken_over_and_gone_after_a_reset(host: Space, backend: str, rules: str) -> None:
    _load(host, backend, OTHERS)
    before = _rules(host, backend)
    if rules == "all":
        _load(host, backend, OLD)
    else:
        host.run(f"{backend} -N WEAVE-EXPOSE; {backend} -A FORWARD -o weave -j WEAVE-EXPOSE")
    host.call(bridge.ensure_bridge)
    exposed, guard = dict.fromkeys(cidrs("10.2.1.254/24"), True), Guard(6783, (6784,), "docker0")
    assert host.call(expose, lambda: exposed, guard=guard).changed
    assert not host.call(expose, lambda: exposed, guard=guard).changed, "at once, and for good"
    now = _rules(host, backend)
    ours = [line for line in now if line.startswith(":WEAVE")]
    assert sorted(ours) == [":WEAVE -", ":WEAVE-EXPOSE -", ":WEAVE-FORWARD -", ":WEAVE-INPUT -"]
    assert [line for line in now if "weave" in line and not line.startswith("-A WEAVE")] == [
        line for line in before if "weave" in line
    ]
    assert not any("10.2.9.0" in line for line in now if line.startswith("-A WEAVE"))
    host.call(firewall.remove)
    assert [line for line in _rules(host, backend) if line[0] != "*"] == [line for line in before if line[0] != "*"]


@both
def test_a_reset_alone_removes_what_weave_2_8_1_left(host: Space, backend: str) -> None:
    _load(host, backend, OTHERS)
    before = _rules(host, backend)
    _load(host, backend, OLD)
    host.call(firewall.remove)
    assert [line for line in _rules(host, backend) if line[0] != "*"] == [line for line in before if line[0] != "*"]


def test_a_rule_for_names_is_weaves_only_beside_those_for_its_ports() -> None:
    own = parse("iptables", "*filter\n-A INPUT -i docker0 -p udp -m udp --dport 53 -j ACCEPT\nCOMMIT\n")
    assert list(left_over(own, "filter", {})) == []
    assert len(list(left_over(parse("iptables", OLD), "filter", {}))) == 15


def test_jumps_into_a_chain_go_wherever_they_are_and_lines_without_a_rule_are_no_matter() -> None:
    text = "*filter\n:DOCKER-USER - [0:0]\n:WEAVE-NPC - [0:0]\n-A INPUT\n-A DOCKER-USER -i weave -g WEAVE-NPC\nCOMMIT\n"
    assert changes(parse("iptables", text), "filter", []) == [
        "-D DOCKER-USER -i weave -g WEAVE-NPC",
        ":WEAVE-NPC - [0:0]",
        "-X WEAVE-NPC",
    ]


def test_without_anything_of_weaves_there_is_nothing_to_do() -> None:
    assert changes(parse("iptables", OTHERS), "filter", []) == []
    assert changes(RuleSet("iptables", {}), "nat", []) == []


def test_links_of_weave_2_8_1_go_with_the_bridge(host: Space) -> None:
    host.run(
        "ip link add weave type bridge; ip link add vethwe-bridge type veth peer name vethwe-datapath;"
        "ip link set vethwe-bridge master weave"
    )
    host.call(teardown.destroy)
    assert host.links() == ["eth0"]
