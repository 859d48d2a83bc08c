"""Options of `docker run` in the body of the create call."""

import json
import shlex
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.run_args.lines import lines
from weave_http.run_args import CreateRequest, LocalFiles, RunArgumentError, parse
from weave_http.run_args.option import Option
from weave_http.run_args.table import OPTIONS
from weave_http.run_args.wrong import BadValue

HERE = PurePosixPath("/home/me")


class Desk:
    """Files in memory."""

    def __init__(self, **files: str) -> None:
        self.files = files

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise BadValue("not there")
        return self.files[path].encode()

    def exists(self, path: str) -> bool:
        return path in self.files

    def docker_config(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads(self.files.get("config", "{}"))
        return config


def request(line: str, **settings: Any) -> CreateRequest:
    return parse(shlex.split(line), **{"directory": HERE, **settings})


def config(line: str, **environ: str) -> Any:
    return request(line, environ=environ).config


def test_an_image_alone_sends_nothing_but_what_is_listened_to() -> None:
    assert config("busybox") == {"Image": "busybox", "AttachStdout": True, "AttachStderr": True, "HostConfig": {}}
    assert config("-d busybox") == {"Image": "busybox", "HostConfig": {}}


def test_words_after_the_image_belong_to_the_container() -> None:
    assert config("busybox sh -c ls")["Cmd"] == ["sh", "-c", "ls"]


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("-h web", "Hostname", "web"),
        ("-it", "Tty", True),
        ("-it", "OpenStdin", True),
        ("--entrypoint /bin/x", "Entrypoint", ["/bin/x"]),
        ("--entrypoint=", "Entrypoint", [""]),
        ("-l a=1 -l b -l a=2", "Labels", {"a": "2", "b": ""}),
        ("-e A=1 -e B=2 -e A=3", "Env", ["B=2", "A=3"]),
        ("-e HOME -e NOWHERE", "Env", ["HOME=/me", "NOWHERE"]),
        ("-v /data", "Volumes", {"/data": {}}),
        ("-p 80", "ExposedPorts", {"80/tcp": {}}),
    ],
)
def test_an_option_sets_its_field(line: str, key: str, value: object) -> None:
    assert config(f"{line} image", HOME="/me")[key] == value


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("--privileged", "Privileged", True),
        ("--dns 8.8.8.8 --dns ::1", "Dns", ["8.8.8.8", "::1"]),
        ("--restart on-failure:3", "RestartPolicy", {"Name": "on-failure", "MaximumRetryCount": 3}),
        ("--restart always", "RestartPolicy", {"Name": "always", "MaximumRetryCount": 0}),
        ("-v /a:/b -v /a:/b -v n:/c:ro", "Binds", ["/a:/b", "n:/c:ro"]),
        ("-v ./x/../y:/b", "Binds", ["/home/me/y:/b"]),
        ("-v ../z:/b", "Binds", ["/home/z:/b"]),
    ],
)
def test_an_option_sets_its_field_of_the_host(line: str, key: str, value: object) -> None:
    assert config(f"{line} image")["HostConfig"][key] == value


@pytest.mark.parametrize(
    ("published", "bindings"),
    [
        ("80", {"80/tcp": [{"HostIp": "", "HostPort": ""}]}),
        ("8080:80/UDP", {"80/udp": [{"HostIp": "", "HostPort": "8080"}]}),
        ("127.0.0.1::80", {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}),
        ("[::1]:8080:80", {"80/tcp": [{"HostIp": "::1", "HostPort": "8080"}]}),
        ("::1:8080:80", {"80/tcp": [{"HostIp": "::1", "HostPort": "8080"}]}),
        (
            "8000-8001:9000-9001",
            {
                "9000/tcp": [{"HostIp": "", "HostPort": "8000"}],
                "9001/tcp": [{"HostIp": "", "HostPort": "8001"}],
            },
        ),
        ("8000-8010:80", {"80/tcp": [{"HostIp": "", "HostPort": "8000-8010"}]}),
    ],
)
def test_published_ports(published: str, bindings: object) -> None:
    body = config(f"-p {published} image")
    assert body["HostConfig"]["PortBindings"] == bindings
    assert set(body["ExposedPorts"]) == set(body["HostConfig"]["PortBindings"])


def test_the_name_is_not_in_the_body() -> None:
    request = parse(["--name", "c1", "image"])
    assert request.name == "c1"
    assert "c1" not in str(request.config)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "there is no image"),
        ("''", "there is no image"),
        ("--memory 1x image", "invalid value '1x' for -m, --memory: invalid suffix"),
        ("-e =x image", "-e, --env: the variable has no name"),
        ("-l =x image", "-l, --label: a label's key is one word"),
        ("-v a:b:c:d image", "-v, --volume: too many colons"),
        ("-v :/b image", "-v, --volume: an empty part"),
        ("--dns nowhere image", "--dns: expected an IP address"),
        ("--restart :3 image", "--restart: expected name"),
        ("-p 99999 image", "-p, --publish: invalid port"),
        ("-p 80/icmp image", "invalid protocol"),
        ("-p 1-2:3-5 image", "ranges of host and container differ"),
        ("-p 9-8:1-2 image", "invalid port range"),
        ("-d -a stdin image", "--attach and --detach exclude each other"),
        ("--rm --restart always image", "--rm and --restart exclude each other"),
        ("--no-healthcheck --health-retries 3 image", "--no-healthcheck and the --health-"),
        ("--network a --network host image", "--network: a user-defined network"),
        ("--cidfile there image", "--cidfile: there is 'there' already"),
        ("--env-file none image", "invalid value 'none' for --env-file: not there"),
        ("--cpu-count 1 image", "--cpu-count is for daemons on windows, and this one runs on linux"),
        ("--name a\udcffb image", "no UTF-8"),
        ("-e ODD image", "--env ODD: its value is no UTF-8"),
        ("--name 'a\nb' --bogus image", "--bogus"),
        ("--memory 'a\nb' image", r"'a\\nb' for -m, --memory"),
        ("'--bo\ngus' image", r"unknown option --'bo\\ngus'"),
    ],
)
def test_what_makes_no_request_is_refused_in_one_line_with_dockers_exit_code(line: str, reason: str) -> None:
    with pytest.raises(RunArgumentError, match=reason) as caught:
        request(line, files=Desk(there=""), environ={"ODD": "\udcff"})
    assert caught.value.exit_code == 125
    assert str(caught.value).isprintable()


def test_help_is_no_failure() -> None:
    with pytest.raises(RunArgumentError) as caught:
        request("--help --privileged")
    assert caught.value.exit_code == 0


def test_what_is_not_the_bodys_is_in_the_request() -> None:
    made = request(
        "--platform arm64 --pull never -q --sig-proxy=false --detach-keys a,ctrl-b --cidfile f --kernel-memory 5m image"
    )
    assert (made.platform, made.pull, made.quiet, made.sig_proxy) == ("linux/arm64", "never", True, False)
    assert (made.detach, made.detach_keys, made.cidfile) == (False, "a,ctrl-b", "f")
    assert made.warnings == ("--kernel-memory is ignored: no daemon limits it any more",)
    assert request("-d --pull= image").pull == "never"
    assert request("-d image").detach


def test_defaults_come_from_the_environment_and_dockers_configuration() -> None:
    desk = Desk(config='{"detachKeys": "ctrl-x"}')
    made = request("image", environ={"DOCKER_DEFAULT_PLATFORM": "linux/amd64"}, files=desk)
    assert (made.platform, made.detach_keys) == ("linux/amd64", "ctrl-x")
    given = request("--platform= --detach-keys a image", environ={"DOCKER_DEFAULT_PLATFORM": "linux/amd64"}, files=desk)
    assert (given.platform, given.detach_keys) == (None, "a")
    with pytest.raises(RunArgumentError, match="--platform"):
        request("image", environ={"DOCKER_DEFAULT_PLATFORM": "*"})


def test_a_platform_of_this_machine() -> None:
    assert request("--platform linux image", machine="aarch64").platform == "linux/arm64"
    assert request("--platform linux image", machine="armv7l").platform == "linux/arm"


def test_proxies_of_the_daemon_are_in_the_environment_unless_given() -> None:
    proxies = {"default": {"httpProxy": "http://p"}, "tcp://h:1": {"noProxy": "n", "ftpProxy": ""}}
    desk = Desk(config=json.dumps({"proxies": proxies}))
    assert request("-e http_proxy=mine -e A=1 image", files=desk).config["Env"] == [
        "HTTP_PROXY=http://p",
        "http_proxy=mine",
        "A=1",
    ]
    assert request("image", files=desk, daemon="tcp://h:1").config["Env"] == ["NO_PROXY=n", "no_proxy=n"]
    assert "Env" not in request("image", files=Desk(config='{"proxies": 5}')).config


def test_a_relative_path_is_the_callers_and_a_remote_daemon_gets_a_warning() -> None:
    line = "-v ./x:/y -v /z:/z --mount type=bind,src=.,dst=/b image"
    made = request(line, remote=True)
    assert made.config["HostConfig"]["Binds"] == ["/home/me/x:/y", "/z:/z"]
    assert made.config["HostConfig"]["Mounts"][0]["Source"] == "/home/me"
    assert made.warnings == (
        "--volume: ./x is /home/me/x here, and that of the Docker host will be mounted",
        "--mount: . is /home/me here, and that of the Docker host will be mounted",
    )
    assert request(line).warnings == ()


def test_a_request_can_be_detached_later() -> None:
    assert request("-it image sh").detached() == request("-dit image sh")
    assert request("-a stdin image").detached() == request("-d image")


def test_options_of_windows_are_for_daemons_on_windows() -> None:
    line = "--cpu-count 2 --cpu-percent 50 --io-maxbandwidth 1m --io-maxiops 5 --device class/X image"
    host = request(line, os_type="windows").config["HostConfig"]
    assert host == {
        "CpuCount": 2,
        "CpuPercent": 50,
        "IOMaximumBandwidth": 1 << 20,
        "IOMaximumIOps": 5,
        "Devices": [{"PathOnHost": "class/X"}],
    }
    with pytest.raises(RunArgumentError, match="--use-api-socket"):
        request("--use-api-socket image", os_type="windows")


def test_the_socket_is_mounted_and_credentials_stay_here() -> None:
    made = request("--use-api-socket image")
    socket = "/var/run/docker.sock"
    assert made.config["HostConfig"]["Mounts"] == [{"Type": "bind", "Source": socket, "Target": socket}]
    assert "credentials" in made.warnings[0]


@pytest.mark.parametrize(
    ("line", "path", "value"),
    [
        ("--init=false", ("HostConfig", "Init"), False),
        ("--stop-timeout 0", ("StopTimeout",), 0),
        ("--memory-swappiness 0", ("HostConfig", "MemorySwappiness"), 0),
        ("--security-opt systempaths=unconfined", ("HostConfig", "MaskedPaths"), []),
        ("--entrypoint ''", ("Entrypoint",), [""]),
    ],
)
def test_a_zero_that_means_something_is_sent(line: str, path: tuple[str, ...], value: object) -> None:
    body: Any = request(f"{line} image").config
    for step in path:
        body = body[step]
    assert body == value
    assert path[-1] not in json.dumps(request("image").config)


def test_zeros_that_mean_nothing_are_not_sent() -> None:
    line = (
        "-m 0 --cpus 0 --privileged=false -h '' --restart '' --pids-limit 0 --memory-swappiness -1 --ip '' "
        "--cidfile '' --health-interval 0 --no-healthcheck=false --init --rm=false image"
    )
    assert request(line).config == {**request("image").config, "HostConfig": {"Init": True}}


def test_what_we_read_otherwise_than_docker_28() -> None:
    """See docs/run-arguments.md for the reasons."""
    assert config("-v a:/b image")["HostConfig"]["Binds"] == ["a:/b"]
    assert config("--mac-address 0242.AC11.0002 image")["NetworkingConfig"]["EndpointsConfig"] == {
        "default": {"MacAddress": "02:42:ac:11:00:02"}
    }
    assert config("--mount type=bind,src=/a,dst=/b,bind-create-src image")["HostConfig"]["Mounts"][0][
        "BindOptions"
    ] == {"CreateMountpoint": True}
    for line in ("-m 99999999p", "--ip nowhere", "-p 1-2-3", "-p 80/tcp/x", "-v a:b:c:d", "--cpus 0x1p-1"):
        with pytest.raises(RunArgumentError):
            config(f"{line} image")


def test_files_are_read_here(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("A=1\n")
    (tmp_path / "config.json").write_text('{"detachKeys": "ctrl-x"}')
    files = LocalFiles({"DOCKER_CONFIG": str(tmp_path)}, tmp_path)
    made = request("--env-file env --cidfile new image", files=files)
    assert (made.config["Env"], made.detach_keys) == (["A=1"], "ctrl-x")
    for line, reason in (("--cidfile env", "there is 'env' already"), ("--env-file .", "Is a directory")):
        with pytest.raises(RunArgumentError, match=reason):
            request(f"{line} image", files=files)
    assert LocalFiles({"HOME": "/nowhere"}).docker_config() == {}


ANY_WORD = st.text(max_size=8) | st.text('-:=/,.0123456789ab" \n\t\x00\ud800', max_size=10)


@settings(max_examples=500, derandomize=True)
@given(words=st.lists(lines({option.name for option in OPTIONS}).flatmap(st.sampled_from) | ANY_WORD, max_size=8))
def test_whatever_is_typed_is_a_request_or_one_line(words: list[str]) -> None:
    try:
        body = parse(words).config
    except RunArgumentError as error:
        assert str(error).isprintable(), words  # noqa: PT017
        return
    json.dumps(body).encode()


@settings(max_examples=500, derandomize=True)
@given(option=st.sampled_from(OPTIONS), value=ANY_WORD)
def test_whatever_the_value_is_it_is_taken_or_refused_by_the_options_name(option: Option, value: str) -> None:
    try:
        parse([f"--{option.name}={value}", "image"])
    except RunArgumentError as error:
        named = option.name in str(error) or "no UTF-8" in str(error)
        assert named or option.name == "help"
