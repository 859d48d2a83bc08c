from __future__ import annotations

import pytest

from tests.net.kernel import Space
from weave_http.errors import HostError
from weave_http.net import iptables

SAVED = """# Generated
*filter
:INPUT ACCEPT [0:0]
:W - [0:0]
-A INPUT -j W
-A W -i lo -j ACCEPT
COMMIT
*nat
:W2 - [0:0]
COMMIT
"""


def test_a_saved_rule_set_is_read_by_table_and_chain() -> None:
    rules = iptables.parse("iptables", SAVED)
    assert rules.rules("filter", "INPUT") == ["-j W"]
    assert rules.rules("filter", "W") == ["-i lo -j ACCEPT"]
    assert rules.rules("nat", "W") == []
    has = [rules.has_chain(table, name) for table, name in (("filter", "W"), ("nat", "W"), ("nat", "W2"), ("raw", "W"))]
    assert has == [True, False, True, False]


def test_a_change_is_all_or_nothing_and_refused_in_the_words_of_iptables(host: Space) -> None:
    with pytest.raises(HostError, match=r"^iptables-nft-restore failed: .*NOWHERE"):
        host.call(iptables.restore, "iptables-nft", "filter", [":MINE - [0:0]", "-I FORWARD -j NOWHERE"])
    assert "MINE" not in host.run("iptables-nft-save")


def test_reading_makes_no_table(host: Space) -> None:
    assert [rules.tables for rules in host.call(iptables.read)] == [{}, {}]
    assert host.run("iptables-nft-save; iptables-legacy-save") == ""


def test_what_is_kept_is_read_again_only_when_the_rules_have_changed(
    host: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.run("iptables-nft -N MINE")
    runs: list[str] = []
    run = iptables._run

    def noted(arguments: list[str], text: str = "") -> str:
        runs.append(arguments[0])
        return run(arguments, text)

    monkeypatch.setattr(iptables, "_run", noted)
    kept = iptables.Kept()
    first = host.call(iptables.read, 4, kept)
    assert host.call(iptables.read, 4, kept) == first
    assert runs == ["iptables-nft-save"]
    host.run("iptables-nft -A MINE -j DROP")
    assert host.call(iptables.read, 4, kept)[0].rules("filter", "MINE") == ["-j DROP"]
    assert runs == ["iptables-nft-save"] * 2
