"""A body as a `docker run` line, and that line as a body again: the same, for whatever the parser can make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings

from tests.run_args.cases import UNASKED, all_lines
from tests.run_args.desk import prepare
from tests.run_args.lines import lines
from weave_http.run_args import CreateRequest, LocalFiles, RunArgumentError, parse
from weave_http.run_args.security import profiles
from weave_http.run_args.table import OPTIONS
from weave_http.transcript.docker_line import docker_run

EVERY = {option.name for option in OPTIONS} - UNASKED


class Profiles:
    """The files that a line names in place of the profiles of a body."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._profiles = profiles(body)

    def read(self, path: str) -> bytes:
        return self._profiles[path].encode()

    def exists(self, path: str) -> bool:
        return False

    def docker_config(self) -> Mapping[str, Any]:
        return {}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("desk")
    prepare(directory)
    return directory


def made(words: tuple[str, ...], directory: Path) -> CreateRequest | None:
    """Return what a line asks for; None if it is refused."""
    try:
        return parse(
            words,
            environ={"TOWN": "Bree"},
            directory=PurePosixPath(directory),
            files=LocalFiles({"DOCKER_CONFIG": str(directory)}, directory),
        )
    except RunArgumentError:
        return None


def comes_back(request: CreateRequest) -> None:
    """Check that the line of a request makes the same request."""
    words = docker_run(request.config, request.name or "", throw_away=False, show_secrets=True)
    again = parse(words[2:], files=Profiles(request.config))
    assert (again.config, again.name) == (request.config, request.name), words


def test_every_line_comes_back(desk: Path) -> None:
    requests = [made(line.words, desk) for line in all_lines()]
    good = [request for request in requests if request is not None]
    assert len(good) > 600
    for request in good:
        comes_back(request)


@settings(max_examples=500, derandomize=True)
@given(words=lines(EVERY, newer=True, odd=False))
def test_random_lines_come_back(desk: Path, words: tuple[str, ...]) -> None:
    request = made(words, desk)
    if request is not None:
        comes_back(request)


def test_every_field_that_the_table_names_is_written_by_an_option(desk: Path) -> None:
    """No option of the body's is forgotten on the way back."""
    written = set()
    for line in all_lines():
        request = made(line.words, desk)
        if request is not None:
            written |= {option.name for option in OPTIONS if list(option.values(request.config))}
    no_body = {option.name for option in OPTIONS if not option.field}
    from_files = {"env-file", "label-file", "use-api-socket"}
    windows = {option.name for option in OPTIONS if option.os}
    assert written == {option.name for option in OPTIONS} - no_body - from_files - windows


def test_options_of_windows_come_back() -> None:
    line = "--cpu-count 2 --cpu-percent 50 --io-maxbandwidth 1m --io-maxiops 5 --device class/X image"
    request = parse(line.split(), os_type="windows")
    words = docker_run(request.config, "", throw_away=False)
    assert parse(words[2:], os_type="windows") == request


def test_a_program_of_several_words_goes_before_the_command() -> None:
    body = {"Image": "x", "Entrypoint": ["/waiter", "--", "nginx"], "Cmd": ["-g", "off"]}
    line = ["docker", "run", "-d", "--entrypoint", "/waiter", "x", "--", "nginx", "-g", "off"]
    assert docker_run(body, "", throw_away=False) == line


def test_who_throws_it_away_does_not_matter() -> None:
    body = {"Image": "-x", "AttachStdout": True, "AttachStderr": True, "HostConfig": {"AutoRemove": True}}
    assert docker_run(body, "c", throw_away=True) == ["docker", "run", "--rm", "--name", "c", "--", "-x"]


def test_secrets_are_masked_unless_asked_for() -> None:
    body = {"Image": "x", "Env": ["DB_PASSWORD=hunter2"]}
    assert "hunter2" not in " ".join(docker_run(body, "", throw_away=False))
    assert "DB_PASSWORD=hunter2" in docker_run(body, "", throw_away=False, show_secrets=True)
