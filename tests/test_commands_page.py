"""`docs/commands.md` says of every command and flag what the program does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from weave_http.cli.app import app
from weave_http.errors import WeaveError
from weave_http.host.launch_plan import plan
from weave_http.operations import GONE, Attach, Launch, flags, unused_flags
from weave_http.operations.operation import Option

PAGE = (Path(__file__).parents[1] / "docs" / "commands.md").read_text()


def table(heading: str) -> dict[str, str]:
    """What is said in the column `here` of a section's table, by the first word of the first column."""
    section = PAGE.partition(f"{heading}\n")[2].partition("\n#")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines() if line[:1] == "|"]
    where = [cell.strip() for cell in rows[0]].index("here")
    words = [(re.findall(r"`(\S+?)[` ]", row[0]), row[where]) for row in rows[2:]]
    assert all(len(found) == 1 for found, _ in words), rows
    return {found[0]: said for found, said in words}


COMMANDS, FLAGS = table("## Commands"), table("## Flags of `launch`")


def test_the_page_lists_the_commands_that_there_are_and_tells_those_that_are_gone() -> None:
    there = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert {name for name, said in COMMANDS.items() if said in ("yes", "instead")} == there
    assert {name for name, said in COMMANDS.items() if said == "instead"} == set(GONE)
    assert set(COMMANDS.values()) == {"yes", "instead"}


def test_every_command_that_works_has_help() -> None:
    for name in [name for name, said in COMMANDS.items() if said == "yes"]:
        assert app([name, "--help"], prog_name="weave", standalone_mode=False) == 0, name


def test_help_for_a_command_is_its_help() -> None:
    def printed(*words: str) -> str:
        command = [sys.executable, "-m", "weave_http", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    assert printed("help", "attach") == printed("attach", "--help")
    assert printed("help") == printed("--help")


def test_the_flags_of_attach_are_those_that_it_takes() -> None:
    assert {name for name, said in table("### Flags of `attach`").items() if said == "yes"} == {
        name for part in Attach.parts if isinstance(part, Option) for name in part.names
    }


def test_the_page_lists_the_flags_that_launch_takes() -> None:
    taken = {name.lstrip("-") for name, said in FLAGS.items() if said == "yes"}
    assert taken == set(flags.BY_NAME)


@pytest.mark.parametrize(("name", "said"), [(name, said) for name, said in FLAGS.items() if said != "yes"])
def test_launch_treats_its_other_flags_as_the_page_says(name: str, said: str) -> None:
    known = unused_flags.UNUSED.get(name.lstrip("-"))
    words = [name] if known and known.switch else [name, "value"]
    if said == "warned":
        assert plan(Launch.parse(words), {}).warnings
        return
    with pytest.raises(WeaveError) as caught:
        plan(Launch.parse(words), {})
    assert "unknown option" not in str(caught.value)


def test_no_flag_is_missing_from_the_page() -> None:
    assert set(unused_flags.UNUSED) <= {name.lstrip("-") for name in FLAGS}
    assert set(flags.ALIASES.values()) <= {name.lstrip("-") for name in FLAGS}
