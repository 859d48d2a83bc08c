"""An address that goes from host to host: how long until what is sent to it follows, and that nothing is stale then."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from random import Random

from tests.chaos.look import place_of
from tests.hosts.host import Host, eventually
from weave_http import constants
from weave_http.commands import Caller, perform
from weave_http.engine import Engine, local_engine
from weave_http.operations import parse

ADDRESS, NAME = "10.2.9.9", "mover.weave.local"
FOLLOWS = 1.0
"""Seconds in which what is sent to the address has to follow."""
_WITH_CONTAINER = 0.1
"""Share of the moves in which the container that had the address is removed."""
_MOST = 10.0


class Moves:
    """The hosts, each with a container that asks for the address and one that may have it; there is a mesh already.

    Args:
        hosts: where.
        seed: the moves follow from it.
    """

    def __init__(self, hosts: Sequence[Host], seed: int) -> None:
        self._hosts = hosts
        self._chance = Random(seed)
        self._here: Host | None = None
        self._peers = {host: host.weave("report", "-f", "{{.Router.Name}}").strip() for host in hosts}
        self._askers: dict[Host, str] = {}
        self._movers: dict[Host, str] = {}
        for number, host in enumerate(hosts, start=1):
            host.start("asker", "--network none")
            self._start_mover(host)
            host.weave("attach", f"10.2.9.{number}/24", "asker")
            self._askers[host] = _pid(host, "asker")

    def play(self, times: int) -> list[float]:
        """Move the address so many times; return the seconds until all hosts' containers reached it, for each move.

        Raises:
            AssertionError: a command failed, the address was not reached at all, or something was stale.
        """
        with ExitStack() as stack:
            engines = {
                host: stack.enter_context(local_engine(str(host.sandbox.host(host.name).socket)))
                for host in self._hosts
            }
            return [self._move(engines) for _ in range(times)]

    def _move(self, engines: dict[Host, Engine]) -> float:
        there = self._chance.choice([host for host in self._hosts if host is not self._here])
        if self._here is not None:
            if self._chance.random() < _WITH_CONTAINER:
                self._here.shell("docker rm -f mover")
                self._start_mover(self._here)
            else:
                _weave(engines[self._here], "detach")
        _weave(engines[there], "attach")
        began, self._here = time.monotonic(), there
        mac = self._mac(there)
        for host in self._hosts:
            found: list[str] = []
            right = eventually(partial(self._is_right, host, there, mac, found), seconds=_MOST, pause=0.01)
            assert right, f"{host.name}, when {ADDRESS} was at {there.name}: {found}"
        return time.monotonic() - began

    def _start_mover(self, host: Host) -> None:
        host.start("mover", f"--network none --hostname {NAME}")
        self._movers[host] = _pid(host, "mover")

    def _mac(self, host: Host) -> str:
        line = f"nsenter -t {self._movers[host]} -n ip -json link show dev {constants.GUEST_INTERFACE}"
        return str(json.loads(host.shell(line))[0]["address"])

    def _is_right(self, host: Host, there: Host, mac: str, found: list[str]) -> bool:
        """Tell whether a host reaches the address, and has it at its new place and nowhere else.

        Args:
            host: where it is asked.
            there: the host that has it.
            mac: of the container that has it.
            found: gets what is not so.
        """
        inside = f"nsenter -t {self._askers[host]} -n"
        questions = (
            f"{inside} ping -q -c 1 -W 1 {ADDRESS} | grep -o '[0-9]* received'",
            f"{inside} ip -json neigh show {ADDRESS} dev {constants.GUEST_INTERFACE}",
            f"bridge -json fdb show dev {constants.VXLAN_DEVICE}",
            f"curl -s http://127.0.0.1:{constants.ROUTER_HTTP_PORT}/report",
        )
        said = host.shell("; ".join(f"{question} | tr -d '\\n'; echo" for question in questions))
        pinged, neighbours, fdb, report = said.splitlines()
        macs = {each.get("lladdr") for each in json.loads(neighbours or "[]")}
        behind = {each["dst"] for each in json.loads(fdb) if each["mac"] == mac and "dst" in each}
        elsewhere = set() if host is there else {place_of(there, self._peers[there])}
        entries = json.loads(report)["DNS"]["Entries"]
        origins = [entry["Origin"] for entry in entries if entry["Address"] == ADDRESS]
        found[:] = [
            *(["no answer"] if pinged != "1 received" else []),
            *([f"neighbour {macs}"] if macs != {mac} else []),
            *([f"FDB {behind}"] if behind != elsewhere else []),
            *([f"names of {origins}"] if origins != [self._peers[there]] else []),
        ]
        return not found


def _pid(host: Host, container: str) -> str:
    return host.shell(f"docker inspect -f '{{{{.State.Pid}}}}' {container}").strip()


def _weave(engine: Engine, doing: str) -> None:
    outcome = perform(Caller(engine), parse([doing, f"{ADDRESS}/24", "mover"]))
    assert outcome.ok, outcome.err
