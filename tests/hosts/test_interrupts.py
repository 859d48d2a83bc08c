"""Ctrl-C at any moment leaves nothing half-done."""

import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.hosts.host import GUEST, Host, eventually
from weave_http import constants
from weave_http.records import dataclass

SEED = 20260
ROUNDS = int(os.environ.get("WEAVE_TEST_INTERRUPTS", "15"))


@dataclass(frozen=True)
class State:
    """What is on the host after a command: containers, veths, netns entries, and addresses on the network."""

    executors: list[str]
    mine: list[str]
    veths: list[str]
    netns: list[str]
    addresses: dict[str, list[str]]


LOOK = """
docker ps -a --no-trunc --format '{{.ID}} {{.Image}} {{.Names}}'
echo --; ls /sys/class/net | grep vethwe
echo --; ls /var/run/netns 2>/dev/null | grep -v '^netns-'  # those are Podman's own
for name in box mine; do
  echo --; pid=$(docker inspect -f '{{.State.Pid}}' $name 2>/dev/null) &&
  nsenter -t $pid -n ip -o -4 addr show dev ethwe 2>/dev/null | awk '{print $4}'
done
true
"""


def look(host: Host) -> State:
    """Look at the host without any of weave's own commands."""
    containers, veths, netns, *addresses = [part.split("\n") for part in host.shell(LOOK).split("--\n")]
    parts = [line.split() for line in containers if line]
    return State(
        executors=[
            identity
            for identity, image, name in parts
            if "weavehttp" in image and not name.startswith(constants.WAITER_VOLUMES)
        ],
        mine=[identity for identity, _, name in parts if name == "mine"],
        veths=[line for line in veths if line],
        netns=[line for line in netns if line],
        addresses={
            name: [line for line in lines if line] for name, lines in zip(("box", "mine"), addresses, strict=True)
        },
    )


def settled_state(host: Host) -> State:
    """Look when the kernel has taken apart the namespace of a container that was removed, and with it its veth.

    It does so a moment after the engine said that the container is gone: 10 ms on an idle machine.
    """
    deadline = time.monotonic() + 30
    while len((state := look(host)).veths) > sum(map(bool, state.addresses.values())) and time.monotonic() < deadline:
        time.sleep(0.05)
    return state


OURS = re.compile(r"weave_http/(?!__init__\.py|lazy\.py|__main__\.py\", line [01],)")
"""A line of the program in a traceback: not of importing the package, nor of coming to the program's first line."""


def interrupted(host: Host, arguments: list[str], after: float) -> subprocess.CompletedProcess[str]:
    """Run a command and send it SIGINT after some seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "weave_http", *arguments],
        env=host.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def goroutines(host: Host) -> int:
    """Count what the engine has going on: nine goroutines for each caller that is attached.

    Its descriptors tell less: Docker 20.10 forgets to close its end of an attach or exec that has ended, also one of
    the docker CLI, and holds the socket until its memory is next collected, which may take two minutes.
    """
    return int(host.shell("docker info -f '{{.NGoroutines}}'"))


@pytest.mark.timeout(600)
@pytest.mark.not_podman(reason="its service holds a removed container's namespace, with the veths in it, for a while")
def test_many_commands_with_ctrl_c_at_random_moments_leave_nothing(host: Host) -> None:
    host.start("box")
    host.weave("attach", "10.2.9.9/24", "box")
    begun = time.monotonic()
    host.weave("detach", "10.2.9.9/24", "box")
    whole = time.monotonic() - begun
    before = goroutines(host)
    chance = random.Random(SEED)
    commands = (
        ["attach", "10.2.1.1/24", "box"],
        ["detach", "10.2.1.1/24", "box"],
        ["ps"],
        ["status"],
        ["run", "10.2.1.2/24", "--name", "mine", GUEST, "sleep", "3600"],
    )
    codes: dict[int, int] = {}
    for number in range(ROUNDS):
        arguments = commands[number % len(commands)]
        done = interrupted(host, arguments, chance.uniform(0.0, 2 * whole))
        codes[done.returncode] = codes.get(done.returncode, 0) + 1
        # What the interpreter says when it is interrupted before it has come to our program is its own: that is while
        # it imports the package, the first thing that `-m` does.
        assert "Traceback" not in done.stderr or not OURS.search(done.stderr), (number, arguments, done.stderr)
        state = settled_state(host)
        assert state.executors == [], (number, done)
        assert state.netns == [], (number, done)
        assert state.addresses["box"] in ([], ["10.2.1.1/24"]), (number, done, state)
        assert (len(state.mine), state.addresses["mine"]) in ((0, []), (1, ["10.2.1.2/24"])), (number, done, state)
        assert len(state.veths) == sum(map(bool, state.addresses.values())), (number, done, state)
        if state.mine:
            assert done.stdout.strip() == state.mine[0], (number, done)
            host.shell("docker rm -f mine")
    assert codes.get(130, 0) > ROUNDS // 4, codes
    # The engine ends what callers have left when it comes to it, which on a busy machine takes a while.
    assert eventually(lambda: goroutines(host) < before + 5), (before, goroutines(host))


KILLED_AFTER_START = """
import os, signal
from weave_http.engine.containers import Containers
start = Containers.start
def last_call(self, reference):
    start(self, reference)
    os.kill(os.getpid(), signal.SIGKILL)
Containers.start = last_call
from weave_http.__main__ import run
run()
"""


def test_what_a_killed_caller_leaves_goes_with_reset_and_nothing_else_does(host: Host) -> None:
    mine = host.start("speaks", command="echo /usr/bin/weave --local ps")
    done = subprocess.run([sys.executable, "-c", KILLED_AFTER_START, "ps"], env=host.environ(), timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(look(host).executors) == 1
    assert eventually(lambda: "Exited" in host.shell("docker ps -a | grep weavehttp/weave"))
    host.weave("reset")
    assert look(host).executors == []
    assert host.shell("docker inspect -f '{{.Id}}' speaks").strip() == mine


AGED = """
import json, sys
sys.path.append("/usr/lib/python3/dist-packages")
from weave_http.host import Host, leftovers, perform_words
leftovers.SECONDS = int(sys.argv[1])
assert perform_words(Host({"PROCFS": "/hostproc"}), sys.argv[2:]).ok
"""
"""What an executor does when executors are old after so many seconds."""


def test_the_next_command_takes_what_a_killed_caller_left_a_while_ago(host: Host) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED_AFTER_START, "ps"], env=host.environ(), timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    host.start("box")
    host.weave("attach", "10.2.1.1/24", "box")
    assert len(look(host).executors) == 1, "its caller might still be there"

    def gone() -> bool:
        host.shell(
            "docker run --rm --privileged --net host -v /var/run/docker.sock:/var/run/docker.sock -v /proc:/hostproc"
            f" --entrypoint python3 {constants.DEFAULT_IMAGE} -IBS -c '{AGED}' 5 attach 10.2.1.1/24 box"
        )
        return look(host).executors == []

    assert eventually(gone, pause=1)
