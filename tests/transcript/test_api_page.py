"""`docs/api.md` says which calls there are, and which command makes which; what it does by hand is what weave does."""

from __future__ import annotations

import inspect
import re
import subprocess
from collections.abc import Callable
from io import BytesIO
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.fake_engine import FakeEngine, Run
from tests.transcript.commands import COMMANDS
from weave_http import Endpoint, connect, constants
from weave_http.cli.app import app
from weave_http.cli.options import Globals
from weave_http.commands import Caller
from weave_http.engine.version import NEWEST, version_text
from weave_http.image.archive import ImageConfig, write_archive
from weave_http.operations.plain import GONE
from weave_http.transcript import Stage
from weave_http.transcript.rehearsal import rehearse
from weave_http.transcript.routes import ROUTES, route_of

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
FIVE = ["ContainerCreate", "ContainerAttach", "ContainerWait", "ContainerStart", "ContainerDelete"]


def section(heading: str) -> str:
    """What stands under a heading."""
    return PAGE.partition(f"{heading}\n")[2].partition("\n#")[0]


def table(heading: str) -> list[list[str]]:
    """The rows of the first table of a section, without its head."""
    lines = section(heading).partition("\n|")[2].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def by_hand(socket: str) -> str:
    """The script that the page's blocks are."""
    script = "".join(re.findall(r"```sh\n(.*?)```", section("## By hand: `weave ps` with curl"), re.DOTALL))
    return script.replace('/var/run/docker.sock "$@"', f'{socket} "$@"')


# -- the tables ------------------------------------------------------------------------------------------


def test_the_page_lists_the_routes_that_the_commands_use() -> None:
    rows = {name: call for name, call, *_ in table("## The calls")}
    assert rows == {route.name: f"`{route.method} {route.path}`" for route in ROUTES if route.executor}


@pytest.mark.parametrize("row", table("## The calls"), ids=lambda row: row[0])
def test_the_clients_methods_are_those_calls(row: list[str]) -> None:
    with connect(Endpoint("unix", path="/nowhere")) as engine:
        method = attrgetter(row[2].strip("`"))(engine)
    assert (inspect.getdoc(method) or "").startswith(row[1].removesuffix("`"))


def sequences() -> dict[str, list[str]]:
    """The calls after the ping, by what is typed; those for another daemon are marked."""
    told = {}
    for commands, calls in table("## Which command makes which calls"):
        for command in re.findall(r"`(.*?)`", commands):
            told[command] = calls.replace("the five", ", ".join(FIVE))
    told["run"] = told["run"].replace(" then as `run --without-dns`", f" {told['run --without-dns']}")
    return {command: calls.split(", ") for command, calls in told.items()}


def made(play: Callable[[Stage], object]) -> list[str]:
    """The calls of a rehearsal as the page writes them."""
    played = rehearse(play, version_text(NEWEST))

    calls = [route_of(sent.request).name + (" (there)" if sent.elsewhere else "") for sent in played.sent]
    pings = [call for call in calls if call.startswith("SystemPingHead")]
    assert calls[0] == pings[0]
    assert len(pings) == len(set(pings)) == 1 + bool(played.elsewhere)
    return [call for call in calls if call not in pings]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_makes_the_calls_that_the_page_says(name: str) -> None:
    def play(stage: Stage) -> None:
        with connect(stage.endpoint, watch=lambda _: stage) as engine:
            COMMANDS[name](Caller(engine, stage.stdout, stage.stderr, {}, cold=True))

    assert made(play) == sequences()["run --without-dns" if name == "run" else name.partition(" ")[0]]


TYPED = {
    "setup --from FILE": "setup --from {archive}",
    "setup --from-host ENDPOINT": "setup --from-host tcp://192.0.2.1:2375",
    "run": "run 10.2.1.1/24 -d busybox",
    "run --without-dns --no-wait": "run --without-dns --no-wait 10.2.1.1/24 busybox",
    "run --without-dns": "run --without-dns 10.2.1.1/24 busybox",
}


@pytest.mark.parametrize("name", TYPED)
def test_so_does_every_option_that_changes_them(name: str, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    config = ImageConfig(architecture="amd64", created=0, env={}, labels={}, entrypoint=["/w"])
    write_archive(archive, tag="a:1", config=config, layers=[])
    words = TYPED[name].format(archive=archive).split()

    def play(stage: Stage) -> None:
        app(
            words, prog_name="weave", standalone_mode=False, obj=Globals(host="unix:///nowhere", stage=stage, cold=True)
        )

    assert made(play) == sequences()[name]


def test_the_page_names_every_command() -> None:
    silent = section("## Which command makes which calls").rpartition("\nsend nothing")[0].rpartition("\n\n")[2]
    told = {command.partition(" ")[0] for command in sequences()} | set(re.findall(r"`(.*?)`", silent))
    assert told | set(GONE) == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


# -- by hand ---------------------------------------------------------------------------------------------


@pytest.mark.programs
def test_by_hand_the_calls_are_those_of_the_command(tmp_path: Path) -> None:
    def calls(fake: FakeEngine) -> list[tuple[str, str, Any]]:
        told = [
            (each.method, re.sub("[0-9a-f]{64}", "ID", each.target), each.json if each.body else None)
            for each in fake.requests
        ]
        fake.requests.clear()
        # Which of attach and wait arrives first is no matter.
        return [*told[:-4], *sorted(told[-4:-2], key=str), *told[-2:]]

    with FakeEngine(tmp_path / "d.sock") as fake:
        fake.images[constants.DEFAULT_IMAGE] = {"Id": "sha256:1"}
        fake.program = lambda _config: Run([(1, b"weave:expose 4e:a3:19:07:f2:6d\n")])
        script = f"set -eu; cd {tmp_path}\n{by_hand(fake.endpoint.path)}"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=True)
        hand = calls(fake)
        assert not fake.containers
        with connect(fake.endpoint) as engine:
            COMMANDS["ps"](Caller(engine, BytesIO(), BytesIO(), {}, cold=True))
        weave = calls(fake)
    weave[1][2]["Cmd"].remove("c1")
    assert hand[1:] == weave  # by hand the ping is made once more, to be looked at
    assert done.stderr == ""
    frames = re.findall(r"^\d{7} .*\n", section("## By hand: `weave ps` with curl"), re.MULTILINE)
    assert len(frames) == 3
    assert "".join(frames) in done.stdout
