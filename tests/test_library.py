"""`weave_http` as a library: what its page says runs, every name is typed, and importing it costs nothing."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import pkgutil
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import pytest

import weave_http
from tests.fake_engine import FakeEngine, Run
from weave_http import (
    APIError,
    AttachedOutput,
    Caller,
    Endpoint,
    Engine,
    EngineError,
    NotFound,
    Session,
    UsageError,
    WeaveError,
    commands,
    connect,
    constants,
    open_caller,
    operations,
    perform,
    resolve_endpoint,
)

PAGE = Path(__file__).parents[1] / "docs" / "library.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """The daemon that the environment names, with Weave's image and busybox."""
    for name in [name for name in os.environ if name.startswith(("DOCKER_", "WEAVE_"))]:
        monkeypatch.delenv(name)
    with FakeEngine(tmp_path / "d.sock") as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.endpoint.url)
        engine.images |= {constants.DEFAULT_IMAGE: {"Id": "sha256:1"}, "busybox": {"Id": "sha256:2"}}
        engine.program = program
        yield engine


def program(config: dict[str, Any]) -> Run:
    """What containers do: the executor says what it was told, others sleep or say hello."""
    words = config.get("Cmd", [""])
    if words[0] == "--local":
        return Run([(1, f"did {' '.join(words[1:])}\n".encode())])
    return Run(until=threading.Event()) if words[0] == "sleep" else Run([(1, b"hello\n")])


def ran(example: str) -> str:
    """Run an example of the page in this process and return what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, str(PAGE), "exec"), {"__name__": "example"})  # noqa: S102 - our own page
    return printed.getvalue()


def test_the_first_example_is_ten_lines_and_runs(fake: FakeEngine) -> None:
    lines = [line for line in EXAMPLES[0].splitlines() if line]
    assert len(lines) <= 10
    printed = ran(EXAMPLES[0]).splitlines()
    assert printed == ["0 64", "['/web'] running", "did stop", ""]
    assert {constants.WAITER_VOLUMES} == {container.name.partition("-")[0] for container in fake.containers.values()}


def test_output_can_be_had_instead_of_seen(fake: FakeEngine) -> None:
    assert ran(EXAMPLES[1]) == "0 did ps\n\n"
    fake.images.clear()
    assert re.fullmatch(r"the Docker host has no image .*; .* \(exit code 125\)\n", ran(EXAMPLES[1]))


def test_many_hosts_are_asked_at_once(fake: FakeEngine) -> None:
    assert ran(EXAMPLES[2]) == "one 0 did ps\n\n"


def test_the_client_works_by_itself(fake: FakeEngine) -> None:
    printed = ran(EXAMPLES[3]).splitlines()
    assert printed[0] == f"{fake.endpoint.url} (DOCKER_HOST) (1, 41) 20.10.24"
    assert printed[1:3] == [r"1 b'hello\n'", "0"]
    assert printed[3].startswith("No such container: ")


def test_there_are_no_other_examples() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize(
    "name", [name for name in importlib.import_module("weave_http").__all__ if name != "__version__"]
)
def test_every_name_is_there_and_documented(name: str) -> None:
    value = getattr(weave_http, name)
    assert value.__doc__
    assert name in dir(weave_http)


def test_the_names_for_type_checkers_are_those_that_are_imported() -> None:
    said = re.findall(r"^    from .* import (\w+) as \1$", Path(weave_http.__file__).read_text(), re.MULTILINE)
    assert sorted(said) == sorted(set(weave_http.__all__) - {"__version__"})
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = weave_http.nonsense  # type: ignore[attr-defined]


def test_no_module_takes_the_place_of_what_commands_offers() -> None:
    for module in pkgutil.iter_modules(commands.__path__):
        importlib.import_module(f"weave_http.commands.{module.name}")
    assert [name for name in commands.__all__ if not callable(getattr(commands, name))] == []


def test_names_have_types() -> None:
    # Checked by mypy, which would take an untyped name for Any.
    endpoint = resolve_endpoint({"HOME": "/nowhere"})
    assert_type(endpoint, Endpoint)
    with connect(endpoint) as engine:
        assert_type(engine, Engine)
    with open_caller({"HOME": "/nowhere"}) as caller:
        assert_type(caller, Caller)
    assert issubclass(NotFound, APIError)
    assert issubclass(APIError, EngineError)
    assert (Path(weave_http.__file__).with_name("py.typed")).exists()


@pytest.mark.parametrize("either", [False, True])
def test_attaching_has_the_type_that_its_arguments_make(fake: FakeEngine, either: bool) -> None:
    with connect(resolve_endpoint(os.environ)) as engine:
        identity = engine.containers.create({"Image": "busybox", "OpenStdin": True}).id
        with assert_type(engine.containers.attach(identity), AttachedOutput):
            pass
        with assert_type(engine.containers.attach(identity, stdin=False), AttachedOutput):
            pass
        with assert_type(engine.containers.attach(identity, stdin=True), Session):
            pass
        with assert_type(engine.containers.attach(identity, stdin=either), AttachedOutput | Session) as attached:
            assert isinstance(attached, Session) == either


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import weave_http; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["weave_http", "weave_http.lazy"]


def test_a_host_may_be_named_and_streams_given(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    out, err = io.BytesIO(), io.BytesIO()
    fake.program = lambda _config: Run([(1, b"out\xff"), (2, b"err")], code=3)
    with open_caller(os.environ, host=fake.endpoint.url, stdout=out, stderr=err) as caller:
        assert perform(caller, operations.Ps()).code == 3
    assert (out.getvalue(), err.getvalue()) == (b"out\xff", b"err")
    with pytest.raises(WeaveError), open_caller(os.environ, host=fake.endpoint.url, context="x"):
        pass
    assert issubclass(UsageError, WeaveError)
