"""A command's start is most of its time, so nothing is imported before it is needed."""

import subprocess
import sys

import pytest
import typer.main

from weave_http.cli.app import app, app_for

TRANSPORTS = {"httpx", "httpcore", "requests", "requests_unixsocket", "urllib3", "http.client"}
HOST_SIDE = {"pyroute2", "aiohttp", "msgpack"}


def imported_by(*arguments: str) -> set[str]:
    """Return the modules that `weave ARGUMENTS…` imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "weave_http", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize("arguments", [["--help"], ["attach", "--help"], ["--version"]])
def test_help_imports_no_transport(arguments: list[str]) -> None:
    assert not imported_by(*arguments) & (TRANSPORTS | HOST_SIDE | {"rich", "cryptography", "pydantic"})


def commands(application: typer.Typer) -> set[str]:
    return set(typer.main.get_command(application).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(commands(app)))
def test_a_command_is_among_those_made_for_its_words(name: str) -> None:
    assert commands(app_for(["-v", "--host", "tcp://h1", name, "--help"])) == {name}


@pytest.mark.parametrize("words", [["--help"], ["--help", "status"], ["stauts"], ["-v"]])
def test_a_list_of_the_commands_has_them_all(words: list[str]) -> None:
    assert commands(app_for(words)) == commands(app)


def test_words_that_are_commands_too_hide_none() -> None:
    assert commands(app_for(["--host", "status", "run", "10.2.1.1/24", "--name", "ps", "image"])) >= {"run"}


def test_the_executor_imports_nothing_of_the_callers_side() -> None:
    modules = imported_by("--local", "nonsense")
    assert not modules & ((TRANSPORTS - {"http.client"}) | {"typer", "rich", "aiohttp", "msgpack", "cryptography"})


def test_a_dry_run_imports_no_transport() -> None:
    modules = imported_by("--dry-run", "status")
    assert not modules & (TRANSPORTS | {"rich", "pydantic"})


def test_help_reads_no_table_of_options() -> None:
    modules = imported_by("--help") | imported_by("run", "--help")
    assert not {name for name in modules if name.startswith("weave_http.run_args")}
