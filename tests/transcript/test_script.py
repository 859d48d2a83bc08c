"""A printed script does what the command does: same calls, same output, same exit code."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.fake_engine import FakeEngine, Recorded, Reply, Run
from tests.prefork import run_weave
from tests.transcript.commands import TYPED
from weave_http import constants
from weave_http.image.archive import ImageConfig, write_archive
from weave_http.transcript.script import LIBRARY

Done = subprocess.CompletedProcess[bytes]


def environ(fake: FakeEngine, **more: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "WEAVE_"))}
    clean["DOCKER_HOST"] = fake.endpoint.url
    if fake.endpoint.tls is not None:
        clean |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(Path(fake.endpoint.tls.ca).parent)}
    return clean | more


def weave(fake: FakeEngine, *words: str, **more: str) -> Done:
    options = []
    if fake.endpoint.tls is not None:
        options = ["--tlscert", fake.endpoint.tls.cert, "--tlskey", fake.endpoint.tls.key]
    return run_weave(["--cold", *options, *words], environ(fake, **more), timeout=20)


def script(fake: FakeEngine, *words: str, **more: str) -> str:
    done = weave(fake, *words, **more)
    assert (done.returncode, done.stderr) == (0, b""), done
    return done.stdout.decode()


def sh(text: str, **more: str) -> Done:
    return subprocess.run(
        ["dash", "-c", text], env={**os.environ, **more}, capture_output=True, timeout=20, check=False
    )


def said(requests: list[Recorded]) -> list[tuple[Any, ...]]:
    """What requests say, with the ids of containers replaced by numbers in the order of their appearance."""
    ids: dict[str, str] = {}
    text = []
    for request in requests:
        for part in request.path.split("/"):
            if len(part) == 64:
                ids.setdefault(part, f"<{len(ids)}>")
    for request in requests:
        path, body = request.path, request.body.decode("latin-1")
        for identity, shown in ids.items():
            path, body = path.replace(identity, shown), body.replace(identity, shown)
        with contextlib.suppress(ValueError):
            body = json.loads(body)
        text.append((request.method, path, request.version, request.query, request.headers.get("content-type"), body))
    return text


def left(fake: FakeEngine) -> list[str]:
    """The containers that there are, but for those that hold the waiter."""
    return [each.id for each in fake.containers.values() if not each.name.startswith(constants.WAITER_VOLUMES)]


def both(fake: FakeEngine, *words: str, **more: str) -> tuple[Done, Done, str]:
    """Run a command and its script against the same state, and compare what came of both."""
    images = dict(fake.images)
    text = script(fake, "script", *words, **more)
    assert fake.requests == []
    real = weave(fake, *words, **more)
    sent, left = said(fake.requests), len(fake.containers)
    fake.requests.clear()
    for container in fake.containers.values():
        container.stopped.set()
    fake.containers.clear()
    fake.images = images
    played = sh(text, **more)
    assert said(fake.requests) == sent, played
    assert len(fake.containers) == left
    assert played.returncode == real.returncode, (real, played)
    return real, played, text


def same_output(real: Done, played: Done, ids: tuple[str, ...] = ()) -> None:
    assert (played.stdout, played.stderr) == (real.stdout, real.stderr)


OUTPUT = [(1, b"a\xffb\r\n"), (2, b"why\n"), (1, b"\0" * 3), (1, b""), (2, b"x" * 3000), (1, b"no line feed")]


DONE = [*((name, 0) for name in TYPED if name not in ("env", "config")), ("run", 3), ("version", 3)]
BY_TLS = [("ps", 0), ("setup", 0), ("run", 0), ("run", 3)]
"""Of each kind of script one: what TLS changes are the options of curl, which all of them have from one place."""


@pytest.mark.parametrize(
    ("either", "name", "code"),
    [*(("unix", *each) for each in DONE), *(("tls", *each) for each in BY_TLS)],
    indirect=["either"],
)
def test_a_script_calls_prints_and_ends_as_the_command(either: FakeEngine, name: str, code: int) -> None:
    def program(config: dict[str, Any]) -> Run:
        ours = config["Image"] == constants.DEFAULT_IMAGE
        return Run(OUTPUT if ours else [], code=code if ours else 0, until=None if ours else threading.Event())

    either.program = program
    real, played, _ = both(either, *TYPED[name].split())
    kept = name == "run" and code == 0
    assert len(left(either)) == kept
    if kept:  # the id, which is another one
        assert (len(played.stdout), played.stderr) == (len(real.stdout), real.stderr)
        assert left(either) == [played.stdout[-65:].decode().strip()]
    else:
        same_output(real, played)


OWN = "registry.example/weave:1"


@pytest.mark.parametrize("name", ["ps", "run", "setup"])
def test_a_missing_image_that_has_a_registry_is_pulled(fake: FakeEngine, name: str) -> None:
    fake.pullable.add(OWN)
    real, played, _ = both(fake, *TYPED[name].split(), EXEC_IMAGE=OWN)
    assert real.returncode == 0
    assert played.stderr == real.stderr
    assert "POST /images/create" in fake.calls()


@pytest.mark.parametrize("name", ["ps", "run", "setup"])
def test_an_image_that_can_not_be_pulled_is_told_in_the_same_words(fake: FakeEngine, name: str) -> None:
    real, played, _ = both(fake, *TYPED[name].split(), EXEC_IMAGE=OWN)
    assert real.returncode == 125
    assert b"a pull failed" in real.stderr
    same_output(real, played)
    assert fake.containers == {}


@pytest.mark.parametrize("name", ["ps", "run"])
def test_a_missing_image_that_has_no_registry_is_refused_in_the_same_words(fake: FakeEngine, name: str) -> None:
    del fake.images[constants.DEFAULT_IMAGE]
    real, played, _ = both(fake, *TYPED[name].split())
    assert real.returncode == 125
    assert b"name one of a registry in EXEC_IMAGE" in real.stderr
    same_output(real, played)
    assert fake.containers == {}
    assert "POST /images/create" not in fake.calls()


def test_an_image_that_is_never_to_be_pulled_is_missing_in_the_daemons_words(fake: FakeEngine) -> None:
    for wait in ([], ["--no-wait"]):
        fake.requests.clear()
        real, played, _ = both(fake, "run", "--without-dns", *wait, "10.2.1.1/24", "--pull", "never", "no-such-image")
        assert real.returncode == 125
        same_output(real, played)


def test_a_pull_that_fails_in_the_midst_is_told_in_the_same_words(fake: FakeEngine) -> None:
    def pull(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        reply.more(b'{"status":"Pulling"}\r\n')
        reply.more(b'{"errorDetail":{"message":"no  such\\nmanifest"},"error":"no such manifest"}\r\n')
        reply.end()

    fake.on("POST", "/images/create", pull)
    real, played, _ = both(fake, "setup", EXEC_IMAGE=OWN)
    assert real.returncode == 125
    assert b"no such manifest" in real.stderr
    same_output(real, played)


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("words", ["Permission denied", "sh: executable file not found in $PATH", "no cgroups today"])
def test_a_container_that_does_not_start_is_removed_and_the_exit_code_is_dockers(
    fake: FakeEngine, nth: int, words: str
) -> None:
    def start(request: Recorded, reply: Reply) -> None:
        if sum(each.path.endswith("/start") for each in fake.requests) == nth:
            reply.error(500, words)
        else:
            fake._start(request, reply)

    fake.program = lambda config: Run(until=threading.Event())
    fake.on("POST", r"/containers/[^/]+/start", start)
    real, played, _ = both(fake, *TYPED["run"].split())
    assert real.returncode in (125, 126, 127)
    same_output(real, played)
    assert left(fake) == []


@pytest.mark.parametrize("route", ["create", "attach", "wait", "start"])
def test_a_daemon_that_refuses_is_quoted(fake: FakeEngine, route: str) -> None:
    fake.on("POST", rf"/containers/(.+/)?{route}", lambda request, reply: reply.error(500, "not today"))
    real, played, _ = both(fake, "ps")
    assert real.returncode == 125
    same_output(real, played)
    assert fake.containers == {}


def test_warnings_of_the_daemon_are_passed_on(fake: FakeEngine) -> None:
    create = fake._create

    def warned(request: Recorded, reply: Reply) -> None:
        reply_json = reply.json
        reply.json = lambda value, status=200: reply_json({**value, "Warnings": ["beware", "of it"]}, status)  # type: ignore[method-assign]
        create(request, reply)

    fake.on("POST", "/containers/create", warned)
    real, played, _ = both(fake, *TYPED["run"].split())
    assert real.stderr == played.stderr == b"WARNING: beware\nWARNING: of it\n"


def test_a_failure_of_the_daemon_within_the_output_is_told(fake: FakeEngine) -> None:
    fake.program = lambda config: Run([(1, b"so far"), (3, b"lost\nit")])
    real, played, _ = both(fake, "ps")
    assert real.returncode == 125
    assert played.stderr == real.stderr
    assert played.stdout == b"so far"


def archive_of(folder: Path, *, machine: str = "") -> Path:
    """A docker archive with one image of two names."""
    archive = folder / "it's an image.tar"
    config = {"os": "linux", "architecture": machine} if machine else {}
    manifest = [{"RepoTags": ["a:1", "b:2"], "Config": "1" * 64 + ".json"}]
    files = {"manifest.json": json.dumps(manifest).encode(), "1" * 64 + ".json": json.dumps(config).encode()}
    with tarfile.open(archive, "w") as tar:
        for name, data in (files | {"layer": os.urandom(3_000_000)}).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, BytesIO(data))
    return archive


@pytest.mark.parametrize("machine", ["", "amd64"])
def test_an_archive_is_sent(either: FakeEngine, tmp_path: Path, machine: str) -> None:
    archive = archive_of(tmp_path, machine=machine)
    real, played, _ = both(either, "setup", "--from", str(archive))
    assert real.stdout == b"a:1\nb:2\n"
    same_output(real, played)
    assert either.requests[-1].size == archive.stat().st_size


@pytest.mark.parametrize("host", [{"Os": "linux", "Arch": "amd64"}, {"Os": "plan9", "Arch": "it's\n$x"}, {}])
def test_an_archive_for_another_kind_of_machine_is_refused_in_the_same_words(
    fake: FakeEngine, tmp_path: Path, host: dict[str, str]
) -> None:
    fake.on("GET", "/version", lambda request, reply: reply.json(host))
    real, played, _ = both(fake, "setup", "--from", str(archive_of(tmp_path, machine="s390x")))
    assert real.returncode == (1 if host else 0)
    assert (b"is for linux/s390x" in real.stderr) == bool(host)
    same_output(real, played)


def test_a_secret_is_asked_for_and_not_written_down(fake: FakeEngine) -> None:
    words = (
        *["run", "--without-dns", "10.2.1.1/24", "-e", "DB_TOKEN=hun'ter2", "busybox", "sh", "--password"],
        'q"u\\o$te',
    )
    text = script(fake, "script", *words)
    assert "ter2" not in text
    assert 'q"u' not in text
    refused = sh(text)
    assert (refused.returncode, refused.stdout) == (125, b"")
    assert b"DB_TOKEN" in refused.stderr
    secrets = {"DB_TOKEN": "hun'ter2", "PASSWORD": 'q"u\\o$te'}
    assert sh(text, **secrets).returncode == 0
    assert created(fake).json["Env"] == ["WEAVE_CIDR=none", "DB_TOKEN=hun'ter2"]
    assert created(fake).json["Cmd"] == ["sh", "--password", 'q"u\\o$te']
    told = script(fake, "--show-secrets", "script", *words)
    fake.requests.clear()
    assert sh(told).returncode == 0
    assert created(fake).json["Env"] == ["WEAVE_CIDR=none", "DB_TOKEN=hun'ter2"]


def test_a_secret_within_a_value_is_asked_for_alone(fake: FakeEngine) -> None:
    line = "x --token='s3 kret' -H 'Authorization: Bearer s3/kret=='; y http://u:s3kret@h/"
    environment = ["DATABASE_URL=postgres://me:s3'kret$x@db/x", "AUTH=s3=kret"]
    words = [
        "run",
        "--without-dns",
        "10.2.1.1/24",
        *(f"--env={item}" for item in environment),
        "busybox",
        "sh",
        "-c",
        line,
    ]
    text = script(fake, "script", *words)
    assert "kret" not in text
    assert "postgres://me:********@db/x" in text
    asked = {
        "DATABASE_URL_PASSWORD": "s3'kret$x",
        "AUTH": "s3=kret",
        "TOKEN": "s3 kret",
        "AUTHORIZATION": "s3/kret==",
        "PASSWORD": "s3kret",
    }
    for name in asked:
        refused = sh(text, **{other: value for other, value in asked.items() if other != name})
        assert (refused.returncode, name in refused.stderr.decode()) == (125, True)
    assert sh(text, **asked).returncode == 0
    assert created(fake).json["Env"] == ["WEAVE_CIDR=none", *environment]
    assert created(fake).json["Cmd"] == ["sh", "-c", line]


def created(fake: FakeEngine) -> Recorded:
    """The call that created the user's container."""
    return next(call for call in fake.requests if call.path == "/containers/create" and "Env" in call.json)


IMAGES: list[dict[str, Any]] = [
    {"Entrypoint": None, "Cmd": ["sh"]},
    {"Entrypoint": ["run", "it's"], "Cmd": ["-x", ""]},
    {"Entrypoint": ["run"], "Cmd": None},
    {"Entrypoint": ["/w/w", "run"], "Cmd": ["-x"]},
    {"Entrypoint": [""], "Cmd": ["sh"]},
    {"Entrypoint": None, "Cmd": None},
    {},
]


@pytest.mark.parametrize(
    ("words", "config"),
    [
        *(("busybox", config) for config in IMAGES),
        *((words, IMAGES[1]) for words in ("busybox -y", "--entrypoint own busybox", "--entrypoint= busybox ls")),
    ],
)
def test_the_images_own_words_are_put_in_when_the_script_runs(
    fake: FakeEngine, config: dict[str, Any], words: str
) -> None:
    fake.images["busybox"]["Config"] = config
    real, played, _ = both(fake, "run", "--without-dns", "10.2.1.1/24", *words.split())
    assert real.returncode in (0, 125)
    assert played.stderr == real.stderr


def test_a_program_that_can_not_be_run_is_told_in_the_containers_words(fake: FakeEngine) -> None:
    failed = Run([(2, b'weave: exec: "x": executable file not found in $PATH\n')], code=127)
    dead = Run([(2, b"weave: container X not running\n")], code=1)
    fake.program = lambda config: dead if config["Image"] == constants.DEFAULT_IMAGE else failed
    real, played, _ = both(fake, "run", "--without-dns", "10.2.1.1/24", "busybox", "x")
    assert (real.returncode, real.stderr) == (127, b'weave: exec: "x": executable file not found in $PATH\n')
    same_output(real, played)
    assert left(fake) == []


def test_an_image_of_weave_without_a_waiter_is_refused_in_the_same_words(fake: FakeEngine) -> None:
    fake.images[constants.DEFAULT_IMAGE]["Config"] = {"Labels": None}
    real, played, _ = both(fake, "run", "--without-dns", "10.2.1.1/24", "busybox")
    assert real.returncode == 125
    same_output(real, played)
    fake.requests.clear()
    real, played, _ = both(fake, "run", "--without-dns", "--no-wait", "10.2.1.1/24", "busybox")
    assert real.returncode == 0


def test_a_script_is_a_container_in_the_foreground(fake: FakeEngine) -> None:
    ours = Run(OUTPUT, code=3)
    fake.program = lambda config: Run([(2, b"so be it\n")]) if config["Image"] == constants.DEFAULT_IMAGE else ours
    real, played, _ = both(fake, "run", "--without-dns", "--foreground", "10.2.1.1/24", "busybox")
    assert real.returncode == 3
    same_output(real, played)


def test_a_script_in_the_foreground_hands_signals_on(fake: FakeEngine, tmp_path: Path) -> None:
    text = script(fake, "script", "run", "--without-dns", "--foreground", "10.2.1.1/24", "busybox")
    ours = Run([(1, b"up\n")], code=9, until=threading.Event())
    fake.program = lambda config: Run() if config["Image"] == constants.DEFAULT_IMAGE else ours
    with subprocess.Popen(
        ["dash", "-c", text],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=20)
    assert (process.returncode, error) == (9, b"")
    assert next(call.query for call in fake.requests if call.path.endswith("/kill")) == {"signal": "SIGINT"}
    assert list(tmp_path.iterdir()) == []


def test_what_a_script_can_not_do_is_refused(fake: FakeEngine) -> None:
    done = weave(fake, "script", "run", "--foreground", "10.2.1.1/24", "-i", "busybox")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert re.search("stdin|-i", done.stderr.decode())
    for name in ("env", "config"):
        done = weave(fake, "script", name)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.decode().startswith("weave: a script can't say where docker finds the router's Docker API")


@pytest.mark.parametrize(
    ("options", "answer", "code"),
    [
        ("--name web", b"--dns=172.17.0.1 --dns-search=weave.local.", 0),
        ("--name web", b"--dns=172.17.0.1", 0),
        ("--name web", b"weave: no router answers\n", 1),
        ("--name web -h box", b"--dns=172.17.0.1 --dns-search=weave.local.", 0),
        ("-h a.b.c --dns-search x.y", b"--dns=172.17.0.1 --dns-search=weave.local.", 0),
        ("-h a.b.c", b"--dns=172.17.0.1 --dns-search=weave.local.", 0),
        ("", b"", 0),
    ],
)
def test_a_script_gives_a_container_the_same_name_and_resolver(
    fake: FakeEngine, options: str, answer: bytes, code: int
) -> None:
    def program(config: dict[str, Any]) -> Run:
        if config["Image"] != constants.DEFAULT_IMAGE:
            return Run([], until=threading.Event())
        return Run([(1 if code == 0 else 2, answer)], code=code) if "dns-args" in config.get("Cmd", ()) else Run([])

    fake.program = program
    real, played, _ = both(fake, "run", "10.2.1.1/24", *options.split(), "busybox", "sh")
    assert (real.returncode, played.stderr) == (0, real.stderr)
    assert (b"can't use the network's names: no router answers" in real.stderr) == (code == 1)
    (container,) = [each for each in fake.containers.values() if each.config["Image"] == "busybox"]
    assert ("Dns" in container.config["HostConfig"]) == answer.startswith(b"--dns")


def test_an_older_daemon_is_spoken_to_in_its_version_and_a_chosen_one_is_kept(fake: FakeEngine) -> None:
    fake.api_version = "1.45"
    _, _, text = both(fake, "ps")
    assert fake.requests[1].version == "v1.45"
    fake.requests.clear()
    both(fake, "ps", DOCKER_API_VERSION="1.41")
    assert [request.version for request in fake.requests] == ["v1.41"] * 5
    fake.api_version = "1.30"
    assert sh(text).returncode == 125


@contextlib.contextmanager
def under_way(fake: FakeEngine, text: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A script whose executor has written something and goes on."""
    fake.program = lambda config: Run([(1, b"at work\n")], until=threading.Event())
    with subprocess.Popen(
        ["dash", "-c", text],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"at work\n"
        yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_at_once_and_removes_the_container(
    either: FakeEngine, number: signal.Signals, tmp_path: Path
) -> None:
    text = script(either, "script", "ps")
    with under_way(either, text, tmp_path) as process:
        start = time.monotonic()
        os.killpg(process.pid, number)  # as the terminal does
        _, error = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert error == b"weave: interrupted\n"
    assert time.monotonic() - start < 5
    assert either.containers == {}
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_the_container_is_made_does_not_lose_it(fake: FakeEngine) -> None:
    asked = threading.Event()

    def slow(request: Recorded, reply: Reply) -> None:
        asked.set()
        time.sleep(0.5)
        fake._create(request, reply)

    fake.on("POST", "/containers/create", slow)
    text = script(fake, "script", "ps")
    with subprocess.Popen(["dash", "-c", text], stderr=subprocess.PIPE, start_new_session=True) as process:
        assert asked.wait(20)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130
    assert fake.containers == {}
    assert fake.calls()[-1].startswith("DELETE ")


def test_no_daemon_is_one_line(tmp_path: Path) -> None:
    with FakeEngine(tmp_path / "d.sock") as gone:
        text = script(gone, "script", "ps")
    done = sh(text)
    assert done.returncode == 125
    assert done.stderr.count(b"\n") == 1
    assert str(gone.endpoint.path).encode() in done.stderr


@pytest.mark.parametrize(
    "words", [["script"], ["script", "sandbox", "up"], ["script", "--help", "x"], ["script", "attach"]]
)
def test_what_is_no_command_is_refused(words: list[str], tmp_path: Path) -> None:
    with FakeEngine(tmp_path / "d.sock") as fake:
        done = weave(fake, *words)
    assert b"Traceback" not in done.stderr
    assert done.returncode == (0 if "--help" in words else 1)
    assert fake.requests == []


def test_curl_can_not_reach_a_daemon_by_ssh(fake: FakeEngine) -> None:
    for words in (["script", "ps"], ["--dry-run", "--calls", "curl", "ps"]):
        done = weave(fake, "-H", "ssh://host", *words)
        assert (done.returncode, done.stderr.count(b"\n")) == (125, 1)
        assert b"ssh -L" in done.stderr


def functions(text: str) -> list[str]:
    return re.findall(r"^(\w+)\(\) \{$", text, re.MULTILINE)


def test_a_script_has_the_functions_that_it_uses_and_no_others(fake: FakeEngine, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    config = ImageConfig(architecture="amd64", created=0, env={}, labels={}, entrypoint=["/w"])
    write_archive(archive, tag="a:1", config=config, layers=[])
    run = ["run", "--without-dns", "10.2.1.1/24", "--cidfile", str(tmp_path / "id"), "busybox"]
    every = [
        ["ps"],
        ["setup"],
        run,
        ["run", "--foreground", "10.2.1.1/24", "busybox"],
        ["setup", "--from", str(archive)],
        ["setup", "--from-host", "tcp://192.0.2.1:2375"],
    ]
    scripts = [script(fake, "script", *words) for words in every]
    assert {name for text in scripts for name in functions(text)} == set(functions(LIBRARY.read_text()))
    for text in scripts:
        code = re.sub(r"^ *#.*$", "", text, flags=re.MULTILINE)
        unused = [name for name in functions(text) if len(re.findall(rf"\b{name}\b", code)) < 2]
        assert unused == []
    assert not {"follow", "image", "filled", "fetch", "reserve"} & set(functions(scripts[0]))
