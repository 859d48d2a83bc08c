from __future__ import annotations

import io
import socket
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fake_engine import Run
from tests.host.stage import FakeRouter, Stage, identity
from weave_http import constants
from weave_http.addresses import PeerAddress
from weave_http.errors import HostError, UsageError
from weave_http.host import launch, resolving, router_container
from weave_http.host.host import Host
from weave_http.host.launch_plan import Plan, plan
from weave_http.operations import Launch, passwords, unused_flags

OURS = {constants.ROLE_LABEL: "router"}


def parse(words: Sequence[str], env: Mapping[str, str]) -> Plan:
    return plan(Launch.parse(words), env)


@pytest.fixture
def life(stage: Stage) -> Iterator[threading.Event]:
    """A router's container that answers as soon as it is started, and lives until this is set."""
    event = threading.Event()
    with ExitStack() as stack:

        def program(config: Mapping[str, list[str]]) -> Run:
            if config["Cmd"][0] == "--resident":
                return Run(until=event)
            router = stack.enter_context(FakeRouter(stage.host))
            router.answers["GET /status"] = (200, "all is well\n")
            return Run(until=event)

        stage.engine.program = program
        yield event
        event.set()


def test_launch_starts_the_router_as_agreed_and_prints_its_full_id(stage: Stage, life: threading.Event) -> None:
    result = stage.weave("launch", "--nickname", "h1", "10.0.0.2", "peer:7000", env={"WEAVE_MTU": "1400", "HOME": "/"})
    (container,) = (each for each in stage.engine.containers.values() if each.name == "weave")
    assert (result.code, result.out, result.err) == (0, f"{container.id}\n", "")
    assert (container.name, container.status) == ("weave", "running")
    assert container.config == {
        "Image": constants.DEFAULT_IMAGE,
        "Cmd": ["--router", "--port", "6783", "--nickname", "h1", "10.0.0.2", "peer:7000"],
        "Env": ["PROCFS=/hostproc", "WEAVE_MTU=1400"],
        "Labels": OURS,
        "HostConfig": {
            "Binds": [
                f"{constants.DOCKER_SOCKET}:{constants.DOCKER_SOCKET}",
                "/proc:/hostproc",
                "weavedb:/weavedb",
            ],
            "NetworkMode": "host",
            "Privileged": True,
            "RestartPolicy": {"Name": "always"},
        },
    }


def test_a_peer_whose_name_does_not_resolve_now_is_said(stage: Stage, life: threading.Event) -> None:
    result = stage.weave("launch", "10.0.0.2", "peer", "nosuchhost:7000")
    why = "WARNING: nosuchhost does not resolve now (name or service not known); the router keeps trying\n"
    assert (result.code, result.err) == (0, why)


def test_a_name_server_that_is_silent_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def reason(name: str) -> str:
        if name == "slow":
            answered.wait()
        return ""

    monkeypatch.setattr(resolving, "_reason", reason)
    monkeypatch.setattr(resolving, "SECONDS", 0.2)
    assert resolving.unresolved([PeerAddress("peer"), PeerAddress("slow"), PeerAddress("10.0.0.2")]) == {
        "slow": "no answer within 0 s"
    }
    answered.set()


@pytest.mark.parametrize("memory", ["95m", "1g"])
def test_memory_that_is_too_little_for_a_router_is_said(stage: Stage, life: threading.Event, memory: str) -> None:
    result = stage.weave("launch", env={"WEAVE_DOCKER_ARGS": f"-m {memory}"})
    assert result.code == 0
    few = "WARNING: WEAVE_DOCKER_ARGS gives the router 95 MiB of memory, and it needs 96 MiB\n"
    assert result.err == (few if memory == "95m" else "")


@pytest.mark.parametrize(
    ("driver", "arguments", "expected"),
    [
        ("json-file", "", {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}),
        ("local", "-e A=b", {"Type": "local", "Config": {"max-size": "10m", "max-file": "3"}}),
        ("journald", "", None),
        ("json-file", "--log-driver journald", {"Type": "journald"}),
        ("json-file", "--log-opt max-size=1g", {"Config": {"max-size": "1g"}}),
    ],
)
def test_a_log_in_files_has_bounds_unless_it_is_chosen(
    stage: Stage, life: threading.Event, driver: str, arguments: str, expected: object
) -> None:
    stage.engine.on("GET", "/info", lambda _, reply: reply.json({"LoggingDriver": driver}))
    assert stage.weave("launch", env={"WEAVE_DOCKER_ARGS": arguments}).code == 0
    (container,) = (each for each in stage.engine.containers.values() if each.name == "weave")
    assert container.config["HostConfig"].get("LogConfig") == expected


def test_a_router_that_runs_is_left_alone(stage: Stage) -> None:
    stage.running("weave", labels=OURS)
    result = stage.weave("launch")
    assert (result.code, result.out, result.err) == (3, "", "weave is already running; stop it first: weave stop\n")
    assert stage.engine.containers[identity("weave")].status == "running"


def test_a_router_that_runs_is_connected_to_the_peers_if_one_is_needed_only(stage: Stage) -> None:
    stage.running("weave", labels=OURS)
    with FakeRouter(stage.host) as router:
        router.answers["GET /status"] = (200, "all is well\n")
        result = stage.weave("launch", "--if-needed", "--no-resident", "--no-dns", "10.0.0.2", "10.0.0.3:7000")
        assert (result.code, result.out) == (0, f"{identity('weave')}\n")
        assert result.err == "WARNING: weave runs already, so --no-dns had no effect\n"
        assert "POST /connect peer=10.0.0.2&peer=10.0.0.3%3A7000" in router.calls


def test_a_router_that_has_ended_makes_room(stage: Stage, life: threading.Event) -> None:
    stage.stopped("weave", labels=OURS)
    assert stage.weave("launch").code == 0
    assert identity("weave") not in stage.engine.containers


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_foreign_container_of_that_name_is_refused_with_its_image(stage: Stage, state: str) -> None:
    getattr(stage, state)("weave", image="somebody/elses:1")
    result = stage.weave("launch")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "container named weave" in result.err
    assert "somebody/elses:1" in result.err
    assert len(stage.engine.containers) == 1


def test_the_name_can_be_chosen(stage: Stage, life: threading.Event) -> None:
    stage.running("weave", image="somebody/elses:1")
    assert stage.weave("launch", env={"WEAVE_CONTAINER_NAME": "weave2"}).code == 0
    assert "weave2" in {each.name for each in stage.engine.containers.values()}


@pytest.mark.parametrize(
    ("words", "address", "shown"),
    [
        ((), ("", 6783), "TCP port 6783"),
        (("--port", "7001"), ("127.0.0.1", 7001), "TCP port 7001"),
        ((), ("127.0.0.1", 6784), "TCP port 127.0.0.1:6784"),
    ],
)
def test_a_port_that_is_taken_is_named_and_nothing_is_left(
    stage: Stage, words: tuple[str, ...], address: tuple[str, int], shown: str
) -> None:
    with stage.host.call(socket.create_server, address):
        result = stage.weave("launch", *words)
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert result.err.startswith(f"{shown}, which the router needs, is taken on this host")
    assert stage.engine.containers == {}


def test_a_router_that_dies_shows_its_last_words_and_is_removed(stage: Stage) -> None:
    stage.engine.program = lambda config: Run(output=[(1, b"starting\n"), (2, b"no VXLAN in this kernel\n")], code=1)
    result = stage.weave("launch")
    assert (result.code, result.out) == (1, "")
    assert result.err == "starting\ncontainer weave died: no VXLAN in this kernel\n"
    assert stage.engine.containers == {}


def test_a_router_that_never_answers_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "READY_SECONDS", 0.3)
    event = threading.Event()
    stage.engine.program = lambda config: Run(output=[(1, b"thinking\n")], until=event)
    result = stage.weave("launch")
    assert result.code == 1
    assert result.err.startswith("timed out after 0 s waiting for the router: no router answers")
    assert result.err.endswith(": thinking\n")
    assert stage.engine.containers == {}


def test_a_start_that_fails_leaves_nothing(stage: Stage) -> None:
    stage.engine.on("POST", r"/containers/[^/]+/start", lambda request, reply: reply.error(500, "unable to apply caps"))
    result = stage.weave("launch")
    assert (result.code, result.out) == (125, "")
    assert "unable to apply caps" in result.err
    assert stage.engine.containers == {}


def test_two_launches_at_once_are_told_apart(stage: Stage) -> None:
    stage.engine.on("POST", r"/containers/create", lambda request, reply: reply.error(409, "Conflict."))
    result = stage.weave("launch")
    assert (result.code, result.err) == (1, "another launch of weave is under way\n")


def test_an_interruption_while_it_starts_removes_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    event = threading.Event()
    stage.engine.program = lambda config: Run(until=event)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        stage.weave("launch")
    assert stage.engine.containers == {}


def test_options_are_read_with_one_dash_or_two_and_with_or_without_an_equals_sign() -> None:
    words = ["-port", "7000", "--nickname=h1", "--no-restart", "-conn-limit=5", "--no-discovery", "10.0.0.1:1"]
    options = parse(words, {})
    assert (options.port, options.restart) == (7000, False)
    assert options.arguments == (
        *("--port", "7000", "--nickname", "h1", "--conn-limit", "5", "--no-discovery"),
        "10.0.0.1:1",
    )


def test_the_port_comes_from_the_environment_unless_it_is_given() -> None:
    assert parse([], {"WEAVE_PORT": "7000"}).port == 7000
    assert parse(["--port", "7001"], {"WEAVE_PORT": "7000"}).port == 7001
    assert parse([], {"WEAVE_PORT": ""}).port == 6783


@pytest.mark.parametrize("name", ["WEAVE_PORT", "WEAVE_MTU", "WEAVE_HTTP_ADDR"])
def test_a_variable_that_makes_no_sense_is_named(name: str) -> None:
    with pytest.raises(HostError, match=f"^invalid {name} 'x'; expected"):
        parse([], {name: "x"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--frobnicate"], "unknown option '--frobnicate'"),
        (["--state-dir", "/"], "unknown option '--state-dir'"),
        (["--no-restart=perhaps"], "invalid value in '--no-restart=perhaps'"),
        (["--resume", "h1"], "--resume dials the targets of the last time"),
        (["--http-addr", "0.0.0.0:6784"], "invalid --http-addr '0.0.0.0:6784'"),
        (["--trusted-subnets", "10.0.0.1/8"], "invalid --trusted-subnets '10.0.0.1/8'"),
        (["--expect-npc"], "option --expect-npc can't be had"),
        (["--weave-bridge=br0"], "option --weave-bridge can't be had"),
        (["-version"], "option --version can't be had; expected: weave version"),
        (["-iprange"], "option '-iprange' needs a value"),
        (["--port"], "option '--port' needs a value"),
        (["--port", "x"], "invalid port 'x'"),
        (["--port", "65535"], "invalid port '65535'"),
        (["h1:0"], "invalid peer 'h1:0'"),
        (["h1:99999"], "invalid peer 'h1:99999'"),
        (["--log-level", "loud"], "invalid --log-level 'loud'"),
        (["--mtu", "5"], "invalid MTU '5'; expected 576 to 65535 bytes"),
        (["--dns-ttl", "-1"], "invalid --dns-ttl '-1'"),
        (["--conn-limit", "x"], "invalid --conn-limit 'x'"),
        (["h1:"], "invalid peer 'h1:'"),
        ([""], "invalid peer ''"),
        (["a b"], "invalid peer 'a b'"),
        (["h1", "--port"], "invalid peer '--port'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words, {})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("words", "warnings"),
    [
        (["-debug=false", "-bufsz", "8", "-wait=20", "h1"], ["--bufsz", "--wait"]),
        (["--ipalloc-range", "10.2.0.0/16", "-iprange=10.3.0.0/16"], []),
        (["--ipalloc-range", "", "--plugin=false", "--proxy=0", "--status-addr="], []),
        (["--proxy", "--no-multicast-route", "--no-fastdp"], ["--no-m", "--no-f"]),
        (
            ["--weave-bridge", "weave", "--docker-api", f"unix://{constants.DOCKER_SOCKET}", "--db-prefix=/x"],
            ["--db-prefix"],
        ),
        (["10.2.0.1/16", "h1"], ["10.2.0.1/16"]),
    ],
)
def test_flags_of_weaves_without_a_use_are_warned_of_unless_nothing_is_amiss(
    words: list[str], warnings: list[str]
) -> None:
    options = parse(words, {})
    assert len(options.warnings) == len(warnings), options.warnings
    for line, start in zip(options.warnings, warnings, strict=True):
        assert line.startswith(f"WARNING: {start}")
    assert "10.2.0.1/16" not in options.arguments


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["--proxy"], ()),
        (["--proxy=true"], ()),
        (["--proxy=0"], ("--proxy=false",)),
        (["--rewrite-inspect", "--without-dns=false"], ("--rewrite-inspect",)),
        (["--hostname-match", "^a-(.*)$"], ("--hostname-match", "^a-(.*)$")),
        (
            ["-H", "tcp://10.0.0.1:1", "-H=tcp://[fd00::1]:2", "--tlsverify"],
            ("-H", "tcp://10.0.0.1:1,tcp://[fd00::1]:2", "--tlsverify"),
        ),
    ],
)
def test_the_router_is_told_how_to_serve_the_docker_api(words: list[str], arguments: tuple[str, ...]) -> None:
    assert parse(words, {}).arguments[4:] == arguments


def test_a_hostname_expression_that_makes_no_sense_launches_nothing() -> None:
    with pytest.raises(UsageError, match="invalid --hostname-match"):
        parse(["--hostname-match", "("], {})


def test_every_flag_without_a_use_says_why_by_any_of_its_spellings() -> None:
    for name, flag in unused_flags.UNUSED.items():
        for dashes in ("-", "--"):
            words = [f"{dashes}{name}"] if flag.switch else [f"{dashes}{name}", "value"]
            if flag.refused:
                with pytest.raises(UsageError, match="can't be had") as caught:
                    parse(words, {})
                assert flag.why in str(caught.value)
            else:
                (line,) = parse(words, {}).warnings
                assert flag.why in line


def test_flags_that_stand_for_variables_are_handed_on_as_such() -> None:
    options = parse(["--mtu", "1400", "--docker-bridge=br0", "-httpaddr", ":7784"], {"WEAVE_HTTP_ADDR": "127.0.0.1:1"})
    assert options.environ == {"WEAVE_MTU": "1400", "DOCKER_BRIDGE": "br0", "WEAVE_HTTP_ADDR": ":7784"}
    assert options.http_addr == ("127.0.0.1", 7784)
    assert ":7784" in options.arguments
    assert "--mtu" not in options.arguments
    assert "--docker-bridge" not in options.arguments
    assert parse([], {"WEAVE_HTTP_ADDR": "127.0.0.1:7785"}).http_addr == ("127.0.0.1", 7785)


@pytest.mark.parametrize(("words", "env"), [(["-debug"], {}), (["--debug=true"], {}), ([], {"WEAVE_DEBUG": "1"})])
def test_debugging_is_a_log_level_unless_one_is_given(words: list[str], env: dict[str, str]) -> None:
    assert parse(words, env).arguments[-2:] == ("--log-level", "debug")
    assert parse([*words, "--log-level", "error"], env).arguments[-2:] == ("--log-level", "error")


def test_resuming_is_the_routers_matter() -> None:
    assert parse(["--resume"], {}).arguments[-1] == "--resume"


def test_warnings_come_first_and_the_router_starts_all_the_same(stage: Stage, life: threading.Event) -> None:
    result = stage.weave("launch", "--no-fastdp", "--mtu=1400", env={"WEAVEDNS_DOCKER_ARGS": "-e A=1"})
    (container,) = (each for each in stage.engine.containers.values() if each.name == "weave")
    assert (result.code, result.out) == (0, f"{container.id}\n")
    assert ["--no-fastdp" in line or "WEAVEDNS_DOCKER_ARGS" in line for line in result.err.splitlines()] == [True] * 2
    assert container.config["Env"] == ["PROCFS=/hostproc", "WEAVE_MTU=1400"]


def test_docker_arguments_for_the_router_are_in_its_create_call(stage: Stage, life: threading.Event) -> None:
    arguments = "-e A='b c' -e WEAVE_MTU=1300 -v /x:/y -l team=net --restart on-failure:2"
    result = stage.weave("launch", env={"WEAVE_DOCKER_ARGS": arguments, "WEAVE_MTU": "1400"})
    (container,) = (each for each in stage.engine.containers.values() if each.name == "weave")
    assert (result.code, result.err) == (0, "")
    assert container.config["Env"] == ["PROCFS=/hostproc", "A=b c", "WEAVE_MTU=1300"]
    assert container.config["Labels"] == {**OURS, "team": "net", constants.DOCKER_ARGS_LABEL: arguments}
    assert container.config["HostConfig"]["Binds"][-2:] == ["weavedb:/weavedb", "/x:/y"]
    assert container.config["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}
    assert container.config["HostConfig"]["Privileged"] is True


def test_a_container_that_was_just_created_is_another_launch_and_an_old_one_is_not(
    stage: Stage, life: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.stopped("weave", labels=OURS)
    container = stage.engine.containers[identity("weave")]
    container.status, inspect = "created", container.inspect
    now = datetime.now(UTC)
    for moment in (now, now - timedelta(hours=1)):
        text = moment.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
        monkeypatch.setattr(container, "inspect", lambda text=text: {**inspect(), "Created": text})
        result = stage.weave("launch")
        if moment == now:
            assert result.code == 1
            assert result.err.startswith("another launch of weave is under way")
            assert identity("weave") in stage.engine.containers
    assert result.code == 0


@pytest.mark.parametrize("status", ["paused", "restarting"])
def test_a_router_in_between_is_told_apart_from_one_that_runs(stage: Stage, status: str) -> None:
    stage.running("weave", labels=OURS)
    stage.engine.containers[identity("weave")].status = status
    result = stage.weave("launch")
    assert (result.code, result.err) == (1, f"container weave is {status}; stop it first: weave stop\n")


@pytest.mark.parametrize(
    ("words", "env", "password"),
    [
        (["--password", "x"], {}, "x"),
        ([], {"WEAVE_PASSWORD": "x"}, "x"),
        ([], {"WEAVE_PASSWORD": ""}, None),
        ([], {}, None),
        (["--no-password"], {"WEAVE_PASSWORD": "x"}, ""),
    ],
)
def test_the_password_is_none_of_the_router_s_arguments(
    words: list[str], env: dict[str, str], password: str | None
) -> None:
    plan = parse([*words, "--trusted-subnets", "10.0.0.0/8"], env)
    assert plan.password == password
    assert "x" not in plan.arguments
    assert plan.arguments[-2:] == ("--trusted-subnets", "10.0.0.0/8")
    assert "'x'" not in repr(plan)


def test_launch_puts_the_password_into_the_router_s_state_before_its_start(stage: Stage, life: threading.Event) -> None:
    result = stage.weave("launch", env={"WEAVE_PASSWORD": "hunter2"})
    assert result.code == 0, result
    assert "WARNING: the password is weak" in result.err
    (archive,) = [each for each in stage.engine.requests if each.path.endswith("/archive")]
    assert archive.query == {"path": constants.ROUTER_STATE}
    with tarfile.open(fileobj=io.BytesIO(archive.body)) as tar:
        (member,) = tar.getmembers()
        assert (member.name, member.mode, member.uid) == (passwords.FILE, 0o600, 0)
        content = tar.extractfile(member)
        assert content is not None
        assert content.read() == passwords.packed("hunter2")
    paths = [each.path for each in stage.engine.requests]
    assert paths.index(archive.path) < paths.index(archive.path.replace("/archive", "/start"))
    for request in stage.engine.requests:
        if request is not archive:
            assert b"hunter2" not in request.body


def test_the_image_is_that_of_the_container_it_runs_in(stage: Stage, tmp_path: Path) -> None:
    stage.running("executor", image="my/weave:7")
    stage.engine.images["my/weave:7"] = {"Id": "sha256:1"}
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"1 2 3:4 /var/lib/docker/containers/{identity('executor')}/hostname /etc/hostname rw - ext4 /dev/a rw\n"
    )
    host = Host({})
    assert router_container.own_image(host, mounts) == "my/weave:7"
    mounts.write_text("1 2 3:4 / / rw - ext4 /dev/a rw\n")
    assert router_container.own_image(host, mounts) == constants.DEFAULT_IMAGE
    host.close()


def test_launch_starts_a_resident_executor_of_its_own_image_and_replaces_an_older_one(
    stage: Stage, life: threading.Event
) -> None:
    stage.running(constants.RESIDENT_CONTAINER, image="older", labels={constants.ROLE_LABEL: "resident"})
    assert stage.weave("launch").code == 0
    (found,) = (each for each in stage.engine.containers.values() if each.name == constants.RESIDENT_CONTAINER)
    assert (found.status, found.config) == (
        "running",
        {
            "Image": constants.DEFAULT_IMAGE,
            "Cmd": ["--resident", constants.DEFAULT_IMAGE],
            "Env": ["PROCFS=/hostproc"],
            "Labels": {constants.ROLE_LABEL: "resident"},
            "OpenStdin": True,
            "HostConfig": {
                "Binds": [f"{constants.DOCKER_SOCKET}:{constants.DOCKER_SOCKET}", "/proc:/hostproc"],
                "LogConfig": {"Type": "none"},
                "NetworkMode": "host",
                "Privileged": True,
                "RestartPolicy": {"Name": "always"},
            },
        },
    )


def test_the_resident_executor_has_a_terminal_on_podman(stage: Stage, life: threading.Event) -> None:
    stage.engine.podman = True
    assert stage.weave("launch").code == 0
    (found,) = (each for each in stage.engine.containers.values() if each.name == constants.RESIDENT_CONTAINER)
    assert (found.config["OpenStdin"], found.config["Tty"]) == (True, True)


@pytest.mark.parametrize("words", [["launch", "--no-resident"], ["stop"], ["reset"]])
def test_without_a_resident_one_that_there_was_goes(stage: Stage, life: threading.Event, words: list[str]) -> None:
    stage.running(constants.RESIDENT_CONTAINER, labels={constants.ROLE_LABEL: "resident"})
    assert stage.weave(*words).code == 0
    assert constants.RESIDENT_CONTAINER not in {each.name for each in stage.engine.containers.values()}


@pytest.mark.parametrize("words", [["launch"], ["stop"], ["reset"]])
def test_somebody_elses_container_of_that_name_is_left_alone(
    stage: Stage, life: threading.Event, words: list[str]
) -> None:
    stage.running(constants.RESIDENT_CONTAINER)
    result = stage.weave(*words)
    assert result.code == 0
    assert stage.engine.containers[identity(constants.RESIDENT_CONTAINER)].status == "running"
    said = "another container is called weave-exec; rename or remove it\n"
    assert result.err.endswith(said) == (words == ["launch"])
