from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.net.kernel import Space, cidrs
from weave_http.errors import HostError
from weave_http.net import firewall, iptables, sysctl
from weave_http.net.bridge import ensure_bridge
from weave_http.net.expose import expose
from weave_http.net.firewall import choose
from weave_http.net.guest import plug
from weave_http.net.iptables import Kept, RuleSet
from weave_http.net.rules import Guard

NFT, LEGACY = "iptables-nft", "iptables-legacy"
BASE = [
    "-A WEAVE-FORWARD -i weave -o weave -j ACCEPT",
    "-A WEAVE-FORWARD -o weave -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A WEAVE-FORWARD -i docker0 -o weave -j DROP",
    "-A WEAVE-FORWARD -i weave -o docker0 -j RETURN",
    "-A WEAVE-FORWARD -i weave-n+ -o weave-n+ -j ACCEPT",
    "-A WEAVE-FORWARD -i weave-n+ -j DROP",
    "-A WEAVE-FORWARD -o weave-n+ -j DROP",
    "-A WEAVE-FORWARD -o weave -j DROP",
]
both = pytest.mark.parametrize("backend", [NFT, LEGACY])


def _docker(host: Space, backend: str) -> None:
    """Leave what dockerd does."""
    host.run(
        f"{backend} -N DOCKER-USER; {backend} -A FORWARD -j DOCKER-USER; {backend} -P FORWARD DROP;"
        f"{backend} -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"
    )


def _rules(host: Space, backend: str) -> list[str]:
    lines = host.run(f"{backend}-save").splitlines()
    return [line.split("[")[0].strip() for line in lines if line[0] in ":-" and not line.startswith(":INPUT")]


def _ours(host: Space, backend: str) -> list[str]:
    """Return the rules of our chains but those to the host itself, which are the same always."""
    ours = [line for line in _rules(host, backend) if line.startswith("-A WEAVE")]
    return [line for line in ours if not line.startswith("-A WEAVE-INPUT")]


@both
def test_the_rules_go_where_dockers_chains_are_before_them(host: Space, backend: str) -> None:
    _docker(host, backend)
    host.call(firewall.ensure)
    forward = [line for line in _rules(host, backend) if line.startswith("-A FORWARD")]
    assert forward == ["-A FORWARD -j WEAVE-FORWARD", "-A FORWARD -j DOCKER-USER"]
    assert _ours(host, backend) == BASE
    other = LEGACY if backend == NFT else NFT
    assert not any("WEAVE" in line for line in _rules(host, other))


def test_without_docker_they_go_to_nf_tables(host: Space) -> None:
    host.call(firewall.ensure)
    assert _ours(host, NFT) == BASE


def test_when_docker_moves_to_the_other_rule_set_so_do_they(host: Space) -> None:
    host.call(firewall.ensure)
    _docker(host, LEGACY)
    host.call(firewall.ensure)
    assert (_ours(host, NFT), _ours(host, LEGACY)) == ([], BASE)


def test_a_rule_set_that_the_engine_left_with_a_dropping_policy_has_the_filter_rules_too(host: Space) -> None:
    _docker(host, LEGACY)
    host.call(ensure_bridge)
    exposed = dict.fromkeys(cidrs("10.2.1.254/24"), True)
    host.call(expose, lambda: exposed)
    # Somebody changes the alternative, and dockerd is started again.
    host.run(f"{LEGACY} -F DOCKER-USER; {LEGACY} -F FORWARD; {LEGACY} -X DOCKER-USER; {LEGACY} -t nat -F POSTROUTING")
    _docker(host, NFT)
    host.call(firewall.ensure)
    both_have = [line for line in _ours(host, NFT) if not line.startswith("-A WEAVE ")]
    assert both_have == _ours(host, LEGACY)
    assert {line.split()[1] for line in both_have} == {"WEAVE-FORWARD", "WEAVE-EXPOSE"}
    assert sum(line.startswith("-A WEAVE ") for line in _ours(host, NFT)) == 4, "who masquerades is one of them"
    assert host.call(firewall.exposed_addresses) == exposed
    before = _rules(host, NFT), _rules(host, LEGACY)
    host.call(firewall.ensure)
    assert (_rules(host, NFT), _rules(host, LEGACY)) == before
    host.run(f"{LEGACY} -P FORWARD ACCEPT")
    host.call(firewall.ensure)
    assert (_ours(host, LEGACY), _rules(host, NFT)) == ([], before[0])


@both
def test_frames_between_containers_pass_whichever_set_drops(
    host: Space, spaces: Callable[[], Space], backend: str
) -> None:
    host.call(ensure_bridge)
    c1, c2 = spaces(), spaces()
    for number, space in enumerate((c1, c2), start=1):
        host.call(plug, space.target(), cidrs(f"10.2.1.{number}/24"))
    _docker(host, NFT)
    host.run(f"{backend} -P FORWARD DROP; {NFT} -P FORWARD DROP; {LEGACY} -P FORWARD DROP")
    host.call(firewall.ensure)
    c1.run("ping -q -c 1 -W 1 10.2.1.2")


def test_a_flushed_legacy_host_stays_one_as_its_policy_is_still_there(host: Space) -> None:
    _docker(host, LEGACY)
    host.call(firewall.ensure)
    host.run("iptables-legacy -F; iptables-legacy -X")
    host.call(firewall.ensure)
    assert (_ours(host, NFT), _ours(host, LEGACY)) == ([], BASE)


def test_looking_for_legacy_tables_makes_none(host: Space) -> None:
    host.call(firewall.ensure)
    host.call(firewall.remove)
    assert host.run("cat /proc/thread-self/net/ip_tables_names") == ""


@both
def test_ensuring_twice_is_ensuring_once(host: Space, backend: str) -> None:
    _docker(host, backend)
    host.call(firewall.ensure)
    before = _rules(host, backend)
    host.call(firewall.ensure)
    assert _rules(host, backend) == before


@both
@pytest.mark.parametrize(
    "damage",
    [
        "{0} -D FORWARD -j WEAVE-FORWARD",
        "{0} -I FORWARD -j WEAVE-FORWARD; {0} -A FORWARD -j WEAVE-FORWARD",
        "{0} -F WEAVE-FORWARD",
        "{0} -A WEAVE-FORWARD -j DROP",
        "{0} -I FORWARD -i br-+ -j ACCEPT",
        "{0} -F; {0} -X",
        "{0} -t nat -F; {0} -t nat -X",
        "{0} -F WEAVE-EXPOSE",
        "{0} -F INPUT; {0} -F WEAVE-INPUT",
    ],
)
def test_what_others_did_to_them_is_put_right(host: Space, backend: str, damage: str) -> None:
    _docker(host, backend)
    host.call(ensure_bridge)
    guard = Guard(6783, (6784,), "docker0")
    exposed = dict.fromkeys(cidrs("10.2.1.254/24"), True)
    kept = Kept()
    host.call(expose, lambda: exposed, guard=guard, kept=kept)
    before = _rules(host, backend)
    host.run(damage.format(backend))
    assert host.call(expose, lambda: exposed, guard=guard, kept=kept).changed
    after = _rules(host, backend)
    assert [line for line in after if "WEAVE" in line] == [line for line in before if "WEAVE" in line]
    for chain in ("FORWARD", "INPUT"):
        hooked = [line for line in after if line.startswith(f"-A {chain} ")]
        assert hooked[0] == f"-A {chain} -j WEAVE-{chain}", "ours must come first"
    assert not host.call(expose, lambda: exposed, guard=guard, kept=kept).changed


@both
def test_removing_leaves_the_rules_of_others_and_none_of_ours(host: Space, backend: str) -> None:
    _docker(host, backend)
    host.run(f"{backend} -A INPUT -i nowhere -j DROP")
    before = _rules(host, backend)
    host.call(ensure_bridge)
    host.call(expose, lambda: dict.fromkeys(cidrs("10.2.1.254/24"), True), guard=Guard(6783, (6784,), "docker0"))
    host.run(f"{backend} -I FORWARD -j WEAVE-FORWARD")
    host.call(firewall.remove)
    assert _rules(host, backend) == before
    host.call(firewall.remove)
    assert _rules(host, backend) == before


def test_removing_finds_them_in_both_rule_sets(host: Space) -> None:
    for backend in (NFT, LEGACY):
        host.run(f"{backend} -N WEAVE-FORWARD; {backend} {BASE[0]}; {backend} -I FORWARD -j WEAVE-FORWARD")
    host.call(firewall.remove)
    assert not any("WEAVE" in line for backend in (NFT, LEGACY) for line in _rules(host, backend))


def test_networks_of_the_engine_are_kept_apart_by_whatever_bridge(host: Space) -> None:
    for name in ("br-0123456789ab", "podman1", "mine", "empty", "lan", "way"):
        host.run(f"ip link add {name} type bridge; ip link set {name} up")
    host.run(
        "ip link add v0 type veth peer name v1; ip link set v0 master mine; ip link set v1 master br-0123456789ab;"
        "ip link add x0 type vxlan id 1 dstport 1; ip link set x0 master lan;"
        "ip route add default dev way"
    )
    host.call(firewall.ensure, "told")
    dropped = [line.split()[3] for line in _ours(host, NFT) if line.endswith("-o weave -j DROP") and "-i" in line]
    assert dropped == ["br-0123456789ab", "empty", "mine", "podman1", "told"]


def test_a_bridge_is_opened_as_soon_as_a_network_card_is_in_it(host: Space) -> None:
    host.run("ip link add lan type bridge; ip link set lan up")
    host.call(firewall.ensure)
    assert "-A WEAVE-FORWARD -i lan -o weave -j DROP" in _ours(host, NFT)
    host.run("ip link add x0 type vxlan id 1 dstport 1; ip link set x0 master lan")
    host.call(firewall.ensure)
    assert _ours(host, NFT) == BASE


def test_eight_at_once_leave_one_of_each(host: Space) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: host.call(firewall.ensure), range(8)))
    rules = _rules(host, NFT)
    assert rules.count("-A FORWARD -j WEAVE-FORWARD") == 1
    assert _ours(host, NFT) == BASE


def test_a_host_without_iptables_is_told_so(host: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iptables, "where", lambda program: None)
    with pytest.raises(HostError, match="no iptables program on this host; install iptables"):
        host.call(firewall.ensure)


def test_without_ipv6_in_the_kernel_the_rules_of_ipv4_are_there_as_ever(
    host: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysctl, "has_ipv6", lambda: False)
    host.call(ensure_bridge)
    assert list(host.call(firewall.pending, "docker0")) == [NFT]
    host.call(firewall.ensure)
    assert _ours(host, NFT) == BASE
    both = dict.fromkeys(cidrs("10.2.1.254/24", "fd00:2::fe/64"), True)
    exposed = host.call(expose, lambda: both, guard=Guard(6783, (6784,), "docker0")).exposed
    assert list(exposed) == cidrs("10.2.1.254/24")
    assert host.call(firewall.pending, "docker0") == {}
    host.call(firewall.remove)
    assert "WEAVE" not in host.run("iptables-nft-save; ip6tables-nft-save")


def test_where_only_plain_iptables_is_installed_that_is_used(host: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    real = iptables.where
    monkeypatch.setattr(
        iptables, "where", lambda program: None if "-nft" in program or "leg" in program else real(program)
    )
    host.call(firewall.ensure)
    assert [line for line in host.run("iptables-save").splitlines() if line.startswith("-A WEAVE-F")] == BASE
    host.call(firewall.remove)
    assert "WEAVE" not in host.run("iptables-save")


def _set(program: str, *lines: str) -> RuleSet:
    return RuleSet(program, {"filter": lines})


OURS = (":FORWARD ACCEPT [0:0]", ":WEAVE-FORWARD - [0:0]", "-A FORWARD -j WEAVE-FORWARD", *BASE)


def test_docker_decides_between_the_rule_sets_then_who_has_rules_else_the_first_one_is_taken() -> None:
    empty, docker = _set(NFT, ":FORWARD ACCEPT [0:0]"), _set(LEGACY, ":DOCKER - [0:0]")
    assert choose([empty, docker]) is docker
    assert choose([empty, RuleSet(LEGACY, {})]) is empty
    # An engine whose rules are nf_tables' own shows nothing to either program; the host's own rules decide.
    strict = _set(LEGACY, ":FORWARD DROP [0:0]")
    assert choose([_set(NFT, *OURS), strict]) is strict
    ruled = _set(LEGACY, ":FORWARD ACCEPT [0:0]", "-A FORWARD -i eth0 -j DROP")
    assert choose([_set(NFT, *OURS), ruled]) is ruled
    ours = _set(NFT, *OURS)
    assert choose([ours, _set(LEGACY)]) is ours
