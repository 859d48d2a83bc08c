"""One host doing all of Weave's day: many containers attached, detached and renamed by several callers at once.

An executor is a container and takes a third of a second, most of which is Python's start; so most commands are run,
many to a container, by the executor's own code, and one of the callers does it as anybody does, over the API.
Every caller has addresses of its own on every container, and so knows what must come of its commands, whatever the
others do to the same containers meanwhile.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hosts.host import GUEST, Host, eventually
from weave_http import constants
from weave_http.commands import Caller, perform
from weave_http.engine import Engine, local_engine
from weave_http.operations import parse
from weave_http.records import dataclass, field

CONTAINERS = int(os.environ.get("WEAVE_TEST_CONTAINERS", "25"))
"""How many; `make crowd` has two hundred."""
WORKERS = 4
"""How many start and remove them."""
DRIVERS, COMMANDS = 4, CONTAINERS
"""Callers that run many commands to a container, and commands of each."""
REMOTE_COMMANDS = 8
"""Commands of the caller who has a container made for each."""
RENAMES = 15

DRIVER = """
import json, sys
sys.path.append("/usr/lib/python3/dist-packages")
from weave_http.host import Host, perform_words
for line in sys.stdin:
    done = perform_words(Host({"PROCFS": "/hostproc"}), json.loads(line))
    print(json.dumps([done.code, done.out, done.err]), flush=True)
"""
"""What a driver's container runs: commands in, how they ended out; a line each."""


@dataclass
class Hand:
    """One caller: what it does in which order, and what must come of it.

    Args:
        number: its own; its addresses begin with that.
        random: where its choices come from.
        attached: the containers, by number, that have its address.
    """

    number: int
    random: random.Random
    attached: set[int] = field(default_factory=set)

    def address(self, container: int) -> str:
        """Return its address on a container."""
        return f"10.{self.number}.{container // 100}.{container % 100 + 1}/16"

    def next(self) -> tuple[str, str, int]:
        """Choose a command: what to do, with which address, to which container. At least two stay attached."""
        container = self.random.randrange(CONTAINERS)
        if len(self.attached) <= 2:
            container = self.random.choice(sorted(set(range(CONTAINERS)) - self.attached))
        elif self.random.random() < 0.4:
            container = self.random.choice(sorted(self.attached))
        doing = "detach" if container in self.attached else "attach"
        (self.attached.discard if doing == "detach" else self.attached.add)(container)
        return doing, self.address(container), container


def share(host: Host, numbers: Iterable[int], work: Callable[[Engine, int], None]) -> None:
    """Do something for each number, several at a time; each of those who do it has an engine of his own to ask."""

    def some(part: Sequence[int]) -> None:
        with engine_of(host) as engine:
            for number in part:
                work(engine, number)

    every = list(numbers)
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(some, [every[start::WORKERS] for start in range(WORKERS)]))


def engine_of(host: Host) -> Engine:
    """Return a client of the host's engine."""
    return local_engine(str(host.sandbox.host(host.name).socket))


def start_all(host: Host, count: int = CONTAINERS, restart: str = "no") -> list[str]:
    """Start containers with a restart policy and return their ids."""
    ids = [""] * count

    def start(engine: Engine, number: int) -> None:
        config = {
            "Image": GUEST,
            "Cmd": ["sleep", "36000"],
            "HostConfig": {"NetworkMode": "none", "RestartPolicy": {"Name": restart}},
            "StopSignal": "KILL",  # Podman's forced removal gives a container ten seconds to end by that
        }
        ids[number] = engine.containers.create(config, name=f"day{number}").id
        engine.containers.start(ids[number])

    share(host, range(count), start)
    return ids


def drive(host: Host, commands: list[list[str]]) -> None:
    """Have an executor run one command after the other, each of which must work."""
    line = (
        "exec docker run -i --rm --privileged --net host -v /var/run/docker.sock:/var/run/docker.sock"
        f" -v /proc:/hostproc --entrypoint python3 {constants.DEFAULT_IMAGE} -IBS -c '{DRIVER}'"
    )
    text = "".join(json.dumps(words) + "\n" for words in commands)
    done = host.sandbox.run(host.name, ["sh", "-c", line], input=text.encode(), timeout=120)
    answers = [json.loads(answer) for answer in done.stdout.splitlines()]
    assert len(answers) == len(commands), done.stderr.decode()
    wrong = [(words, err) for words, (code, _, err) in zip(commands, answers, strict=True) if (code, err) != (0, "")]
    assert wrong == []


@pytest.mark.timeout(600)
def test_many_containers_in_the_hands_of_several_callers(host: Host) -> None:
    seed = time.time_ns() % 1_000_000
    print(f"seed {seed}")
    began = time.monotonic()
    host.weave("launch")
    ids = start_all(host)
    print(f"{CONTAINERS} containers started: {time.monotonic() - began:.0f} s")
    hands = [Hand(20 + number, random.Random(f"{seed}/{number}")) for number in range(DRIVERS + 1)]

    def many(hand: Hand) -> None:
        chosen = [hand.next() for _ in range(COMMANDS)]
        drive(host, [[doing, address, ids[container]] for doing, address, container in chosen])

    def remotely(hand: Hand) -> None:
        with engine_of(host) as own:
            for _ in range(REMOTE_COMMANDS):
                doing, address, container = hand.next()
                outcome = perform(Caller(own), parse([doing, address, ids[container]]))
                assert outcome.ok, outcome.err

    def rename(choices: random.Random) -> None:
        for number in range(RENAMES):
            host.shell(f"docker rename {ids[choices.randrange(CONTAINERS)]} renamed{number}")

    with ThreadPoolExecutor() as pool:
        work = [pool.submit(many, hand) for hand in hands[:DRIVERS]]
        work += [pool.submit(remotely, hands[DRIVERS]), pool.submit(rename, random.Random(seed))]
        for each in work:
            each.result()
    print(f"all commands done: {time.monotonic() - began:.0f} s")

    expected = {
        identity: {hand.address(number) for hand in hands if number in hand.attached}
        for number, identity in enumerate(ids)
    }
    attached = {identity: addresses for identity, addresses in expected.items() if addresses}
    told = {identity: set(addresses) for identity, addresses in attachments(host).items()}
    assert told == attached, "what the router was told last"
    shown = [line.split() for line in host.weave("ps").splitlines()]
    seen = {item: set(cidrs) for item, _, *cidrs in shown if item != "weave:expose"}
    assert seen == {identity[:12]: addresses for identity, addresses in attached.items()}
    with engine_of(host) as engine:
        pids = [engine.containers.inspect(identity)["State"]["Pid"] for identity in attached]
    numbers = host.shell(f"for pid in {' '.join(map(str, pids))}; do stat -Lc %i /proc/$pid/ns/net; done").split()
    ports = [constants.VXLAN_DEVICE, *(f"{constants.HOST_VETH_PREFIX}{int(number):x}" for number in numbers)]
    assert sorted(host.shell("ls /sys/class/net/weave/brif").split()) == sorted(ports), "no half-done attach"
    assert host.shell("ls /sys/class/net | grep -c vethwe").strip() == str(len(attached))
    assert "state DOWN" not in host.shell("ip -o link show master weave"), "every cable has two ends that are up"
    one, two = choose_pair(hands[0], ids)
    assert host.pings(one, two[1])
    share(host, range(CONTAINERS), lambda engine, number: engine.containers.remove(ids[number], force=True))
    assert eventually(lambda: attachments(host) == {}), "what is removed is forgotten"
    assert eventually(lambda: host.shell("ls /sys/class/net | grep -c vethwe || true").strip() == "0")
    print(f"over: {time.monotonic() - began:.0f} s")


def choose_pair(hand: Hand, ids: list[str]) -> tuple[str, tuple[str, str]]:
    """Return a container that has an address of this caller's, and another one with its address."""
    one, two = sorted(hand.attached)[:2]
    return ids[one], (ids[two], hand.address(two).partition("/")[0])


def attachments(host: Host) -> dict[str, list[str]]:
    """Return what the router would attach again."""
    answer: dict[str, list[str]] = json.loads(host.shell("curl -s http://127.0.0.1:6784/attachments"))
    return answer
