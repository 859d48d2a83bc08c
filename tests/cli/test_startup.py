"""A command's start is most of its time, so nothing is imported before it is needed."""

import subprocess
import sys

import pytest

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


def test_the_executor_imports_nothing_of_the_callers_side() -> None:
    modules = imported_by("--local", "nonsense")
    assert not modules & ((TRANSPORTS - {"http.client"}) | {"typer", "rich", "aiohttp", "msgpack", "cryptography"})


def test_a_dry_run_imports_no_transport() -> None:
    modules = imported_by("--dry-run", "status")
    assert not modules & (TRANSPORTS | {"rich", "pydantic"})


def test_help_reads_no_table_of_options() -> None:
    modules = imported_by("--help") | imported_by("run", "--help")
    assert not {name for name in modules if name.startswith("weave_http.run_args")}
