from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.net.kernel import Space
from weave_http.errors import HostError
from weave_http.net import firewall
from weave_http.net.firewall import RuleSet, choose

NFT, LEGACY = "iptables-nft", "iptables-legacy"
RULE = "-A WEAVE-FORWARD -i weave -o weave -j ACCEPT"
both = pytest.mark.parametrize("backend", [NFT, LEGACY])


def _docker(host: Space, backend: str) -> None:
    """Leave what dockerd does."""
    host.run(f"{backend} -N DOCKER-USER; {backend} -A FORWARD -j DOCKER-USER; {backend} -P FORWARD DROP")


def _rules(host: Space, backend: str) -> list[str]:
    lines = host.run(f"{backend}-save -t filter").splitlines()
    return [line.split("[")[0].strip() for line in lines if line[0] in ":-" and not line.startswith(":INPUT")]


@both
def test_the_rule_goes_where_dockers_chains_are_before_them(host: Space, backend: str) -> None:
    _docker(host, backend)
    host.call(firewall.ensure)
    forward = [line for line in _rules(host, backend) if line.startswith("-A FORWARD")]
    assert forward == ["-A FORWARD -j WEAVE-FORWARD", "-A FORWARD -j DOCKER-USER"]
    assert RULE in _rules(host, backend)
    other = LEGACY if backend == NFT else NFT
    assert not any("WEAVE" in line for line in _rules(host, other))


def test_without_docker_it_goes_to_nf_tables(host: Space) -> None:
    host.call(firewall.ensure)
    assert RULE in _rules(host, NFT)


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
        "{0} -F FORWARD; {0} -X WEAVE-FORWARD",
    ],
)
def test_what_others_did_to_it_is_put_right(host: Space, backend: str, damage: str) -> None:
    _docker(host, backend)
    host.call(firewall.ensure)
    host.run(damage.format(backend) if "-X" not in damage else f"{backend} -F; {backend} -X WEAVE-FORWARD")
    host.call(firewall.ensure)
    rules = _rules(host, backend)
    assert [line for line in rules if "WEAVE" in line].count("-A FORWARD -j WEAVE-FORWARD") == 1
    assert [line for line in rules if line.startswith("-A WEAVE")] == [RULE]


@both
def test_a_jump_behind_dockers_chains_stays_where_it_is(host: Space, backend: str) -> None:
    host.run(f"{backend} -N WEAVE-FORWARD; {backend} {RULE}")
    _docker(host, backend)
    host.run(f"{backend} -A FORWARD -j WEAVE-FORWARD")
    before = _rules(host, backend)
    host.call(firewall.ensure)
    assert _rules(host, backend) == before


@both
def test_removing_leaves_the_rules_of_others_and_none_of_ours(host: Space, backend: str) -> None:
    _docker(host, backend)
    before = _rules(host, backend)
    host.call(firewall.ensure)
    host.run(f"{backend} -I FORWARD -j WEAVE-FORWARD")
    host.call(firewall.remove)
    assert _rules(host, backend) == before
    host.call(firewall.remove)
    assert _rules(host, backend) == before


def test_removing_finds_it_in_both_rule_sets(host: Space) -> None:
    for backend in (NFT, LEGACY):
        _docker(host, backend)
        host.run(f"{backend} -N WEAVE-FORWARD; {backend} {RULE}; {backend} -I FORWARD -j WEAVE-FORWARD")
    host.call(firewall.remove)
    assert not any("WEAVE" in line for backend in (NFT, LEGACY) for line in _rules(host, backend))


def test_eight_at_once_leave_one_rule(host: Space) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: host.call(firewall.ensure), range(8)))
    rules = _rules(host, NFT)
    assert (rules.count("-A FORWARD -j WEAVE-FORWARD"), rules.count(RULE)) == (1, 1)


def test_the_words_of_iptables_are_in_the_message(host: Space) -> None:
    with pytest.raises(HostError, match=r"^iptables-nft-restore failed: .*NOWHERE"):
        host.call(firewall._restore, NFT, ["-I FORWARD -j NOWHERE"])


def test_a_host_without_iptables_is_told_so(host: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall, "_where", lambda program: None)
    with pytest.raises(HostError, match="no iptables program on this host; install iptables"):
        host.call(firewall.ensure)


def test_where_only_plain_iptables_is_installed_that_is_used(host: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    real = firewall._where
    monkeypatch.setattr(
        firewall, "_where", lambda program: None if "-nft" in program or "leg" in program else real(program)
    )
    host.call(firewall.ensure)
    assert RULE in host.run("iptables-save -t filter").splitlines()
    host.call(firewall.remove)
    assert "WEAVE" not in host.run("iptables-save -t filter")


def test_docker_decides_between_the_rule_sets_and_else_the_first_one_is_taken() -> None:
    empty, docker = RuleSet(NFT, (":FORWARD ACCEPT [0:0]",)), RuleSet(LEGACY, (":DOCKER - [0:0]",))
    assert choose([empty, docker]) is docker
    assert choose([empty, RuleSet(LEGACY, ())]) is empty
