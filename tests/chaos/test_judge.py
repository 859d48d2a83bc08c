"""What is right is let pass, and whatever is not so is said."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.chaos.judge import stale_neighbours, wrong
from tests.chaos.look import Container, Look
from weave_http.records import replace

IDS = ("a" * 64, "b" * 64)
ADDRESSES = ("10.32.0.1", "10.32.1.1")
HOSTS = ("192.0.2.1", "192.0.2.2")


def _look(number: int) -> Look:
    other = 1 - number
    container = Container(
        IDS[number],
        f"c{number}",
        True,
        (f"{ADDRESSES[number]}/12",),
        f"02:00:00:00:00:0{number}",
        f"vethwe{number}",
        ((ADDRESSES[other], f"02:00:00:00:00:0{other}"),),
    )
    report: dict[str, Any] = {
        "Router": {
            "Name": f"peer{number}",
            "NameClash": "",
            "Peers": [{"Name": "peer0"}, {"Name": "peer1"}],
            "Connections": [{"State": "established", "Address": HOSTS[other], "Info": ""}],
        },
        "Paths": [{"NickName": f"host{other}", "State": "direct", "Reason": ""}],
        "Attachments": {IDS[number]: [f"{ADDRESSES[number]}/12"]},
        "DNS": {
            "Trouble": "",
            "Entries": [
                {"Hostname": f"c{each}.weave.local.", "Address": ADDRESSES[each], "Origin": f"peer{each}"}
                for each in (0, 1)
            ],
        },
        "IPAM": {
            "Status": "ready",
            "Number": 3,
            "Entries": [{"Peer": f"peer{each}", "Blocks": [f"10.32.{each}.0/24"]} for each in (0, 1)],
        },
        **{section: {"Trouble": ""} for section in ("Overlay", "Engine", "Memory")},
    }
    learnt = {f"02:00:00:00:00:0{other}": HOSTS[other]}
    ports, floods = frozenset({f"vethwe{number}"}), frozenset({HOSTS[other]})
    return Look(
        f"host{number}",
        HOSTS[number],
        (container,),
        ports,
        floods,
        learnt,
        (),
        {IDS[number]: (f"{ADDRESSES[number]}/12",)},
        report,
    )


def _reported(change: Callable[[dict[str, Any]], object]) -> Look:
    look = deepcopy(_look(0))
    change(look.report)
    return look


def _with_container(**changes: Any) -> Look:
    look = _look(0)
    return replace(look, containers=(replace(look.containers[0], **changes),))


def test_two_hosts_where_all_is_well_are_let_pass() -> None:
    looks = [_look(0), _look(1)]
    assert wrong(looks) == []
    assert stale_neighbours(looks) == []


@pytest.mark.parametrize(
    ("look", "said"),
    [
        (replace(_look(0), report={}), "does not answer"),
        (_reported(lambda it: it["Router"]["Peers"].pop()), "knows the peers"),
        (_reported(lambda it: it["Router"]["Connections"][0].update(State="failed")), "connections"),
        (_reported(lambda it: it["Paths"][0].update(State="relayed")), "is relayed"),
        (_reported(lambda it: it["Overlay"].update(Trouble="no bridge")), "no bridge"),
        (_reported(lambda it: it["IPAM"].update(Status="awaiting consensus")), "awaiting"),
        (_reported(lambda it: it["Attachments"].update({"c" * 64: ["10.32.0.9/12"]})), "which is no more"),
        (_reported(lambda it: it["Attachments"].clear()), "its router keeps ()"),
        (replace(_look(0), held={"c" * 64: ("10.32.0.9/12",)}), "for cccccccccccc, which is no more"),
        (replace(_look(0), held={IDS[0]: ("10.32.0.9/12",)}), "held for c0, which has"),
        (_reported(lambda it: it["IPAM"].update(Number=4)), "different agreements"),
        (_reported(lambda it: it["IPAM"]["Entries"][0].update(Blocks=["10.32.0.0/16"])), "and 10.32.1.0/24 peer1's"),
        (_reported(lambda it: it["DNS"]["Entries"].pop()), "names missing"),
        (_with_container(addresses=("10.32.1.1/12",)), "10.32.1.1 is there twice"),
        (_with_container(addresses=(), mac=""), "is not on the network"),
        (replace(_look(0), ports=frozenset({"vethwe0", "vethwe9"})), "cables"),
        (replace(_look(0), floods=frozenset()), "frames for all"),
        (replace(_look(0), learnt={"02:00:00:00:00:01": "192.0.2.9"}), "frames for c1"),
        (replace(_look(0), left=("/tmp/x",)), "left behind: /tmp/x"),
    ],
)
def test_whatever_is_not_as_it_should_be_is_said(look: Look, said: str) -> None:
    assert said in "\n".join(wrong([look, _look(1)]))


def test_who_takes_an_old_mac_for_an_address_is_said() -> None:
    look = _with_container(neighbours=((ADDRESSES[1], "02:00:00:00:00:77"),))
    assert stale_neighbours([look, _look(1)]) == [
        "host0: c0 takes 02:00:00:00:00:77 for 10.32.1.1, which is 02:00:00:00:00:01"
    ]


def test_a_container_whose_command_was_killed_need_not_be_on_the_network() -> None:
    look = _reported(lambda it: (it["Attachments"].clear(), it["DNS"]["Entries"].pop(0)))
    look = replace(look, containers=(Container(IDS[0], "c0", True),), ports=frozenset(), held={})
    other = deepcopy(_look(1))
    other.report["DNS"]["Entries"].pop(0)
    assert wrong([look, other], {"c0"}) == []
    assert "c0 runs, and is not on the network" in "\n".join(wrong([look, other]))
