"""A command's start is most of its time, so nothing is imported before it is needed."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from tests import fake_resident
from tests.fake_engine import FakeEngine
from weave_http.cli import by_typer
from weave_http.cli.app import Commands, app
from weave_http.cli.help import OPTIONS_OF_TYPER, page
from weave_http.cli.index import COMMANDS, GROUPS
from weave_http.operations.index import INTERNAL, SUMMARIES

TRANSPORTS = {"httpx", "httpcore", "requests", "requests_unixsocket", "urllib3", "http.client"}
HOST_SIDE = {"pyroute2", "aiohttp", "msgpack"}


SHOWING = """
import sys
from pathlib import Path
from weave_http.__main__ import main
sys.argv[0] = "weave"
try:
    main()
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""


def imported_by(*arguments: str, **environ: str) -> set[str]:
    """Return the modules that `weave ARGUMENTS…` imports."""
    done = subprocess.run(
        [sys.executable, "-c", SHOWING, *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["attach", "--help"], ["launch", "--help"], ["--version"]])
def test_help_imports_no_transport(arguments: list[str]) -> None:
    assert not imported_by(*arguments) & (TRANSPORTS | HOST_SIDE | {"rich", "cryptography", "pydantic"})


@pytest.mark.parametrize("words", ["", "st", "attach --re", "status --format ", "status "])
def test_completion_imports_no_transport(words: str) -> None:
    modules = imported_by(
        _WEAVE_COMPLETE="complete_bash", COMP_WORDS=f"weave {words}", COMP_CWORD=str(f"weave {words}".count(" "))
    )
    assert "typer" in modules
    assert not modules & (TRANSPORTS | HOST_SIDE | {"rich", "weave_http.engine.client"})


def test_the_list_of_commands_makes_none_of_them() -> None:
    modules = imported_by("--help")
    homes = {f"weave_http.cli.{module}" for module, _ in COMMANDS.values()}
    assert not modules & (homes | {"weave_http.cli.operation", "weave_http.operations.operation"})


def test_only_the_command_that_is_named_is_made() -> None:
    modules = imported_by("-v", "--host", "tcp://h1", "stop", "--help")
    declared = {name for name in modules if name.startswith("weave_http.operations.")}
    assert declared == {f"weave_http.operations.{name}" for name in ("index", "operation", "plain", "variables")}
    assert "weave_http.cli.setup" not in modules


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_its_own_help_says(name: str) -> None:
    assert Commands()[name].help.splitlines()[0] == COMMANDS[name][1]


def test_the_help_of_all_commands_takes_less_than_typer_alone() -> None:
    """Processor time, the best of several in turn with Typer's own: the machine may be busy, and that costs it, too."""

    def once(*arguments: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], capture_output=True, timeout=60, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    pairs = [(once("-m", "weave_http", "--help"), once("-c", "import typer")) for _ in range(12)]
    ours, typers = map(min, zip(*pairs, strict=True))
    assert ours < 0.9 * typers


@pytest.mark.parametrize("words", ["--help", "help", "-v --host tcp://h1 --help"])
def test_the_help_of_all_commands_needs_no_typer(words: str) -> None:
    assert not imported_by(*words.split()) & {"typer", "rich", "shutil"}


def test_the_help_of_all_commands_names_the_options_that_typer_reads(capsys: pytest.CaptureFixture[str]) -> None:
    context = get_command(app).make_context("weave", [], resilient_parsing=True)
    read = [param.get_help_record(context) for param in context.command.get_params(context)]
    assert read == list(OPTIONS_OF_TYPER)
    assert by_typer.run(["--version", "--help"]) == by_typer.run(["--help"]) == 0
    assert capsys.readouterr().out.partition("\n")[2] == page()


@pytest.mark.parametrize(("columns", "longest"), [("40", 50), ("60", 58), ("300", 78), ("many", 78)])
def test_the_help_of_all_commands_is_as_wide_as_can_be_read(
    monkeypatch: pytest.MonkeyPatch, columns: str, longest: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert longest - 8 < max(map(len, page().splitlines())) <= longest


def test_the_executor_imports_nothing_of_the_callers_side() -> None:
    modules = imported_by("--local", "nonsense")
    assert not modules & ((TRANSPORTS - {"http.client"}) | {"typer", "rich", "aiohttp", "msgpack", "cryptography"})


@pytest.mark.parametrize(
    "words", ["status", "-v attach 10.2.1.1/24 web", "run 10.2.1.1/24 busybox", "ps --format json"]
)
def test_an_operation_imports_neither_transport_nor_typer(words: str) -> None:
    modules = imported_by("--dry-run", *words.split())
    assert "weave_http.commands.perform" in modules
    assert not modules & (TRANSPORTS | {"typer", "rich", "pydantic", "weave_http.cli.app"})


def test_every_command_that_is_listed_stands_in_one_group() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted({*COMMANDS, *SUMMARIES} - (INTERNAL - {"setup"}))


def test_the_help_loads_neither_data_classes_nor_types() -> None:
    assert not imported_by("--help") & {"dataclasses", "inspect", "typing", "json"}


def test_the_executor_loads_neither_data_classes_nor_types() -> None:
    assert not imported_by("--local", "status") & {"dataclasses", "inspect", "typing"}


def test_a_warm_command_imports_no_transport_but_the_wire(tmp_path: Path) -> None:
    with FakeEngine(tmp_path / "d.sock") as fake:
        fake_resident.add(fake)
        modules = imported_by("status", DOCKER_HOST=fake.endpoint.url)
        assert [request.call for request in fake.requests] == ["POST /containers/weave-exec/attach"]
    assert not modules & (TRANSPORTS | HOST_SIDE | {"rich", "pydantic", "ssl", "weave_http.commands.executor"})
    assert not modules & {"dataclasses", "inspect", "typing"}
    assert "weave_http.engine.wire.pool" in modules


def test_help_reads_no_table_of_options() -> None:
    modules = imported_by("--help") | imported_by("run", "--help")
    assert not {name for name in modules if name.startswith("weave_http.run_args")}
