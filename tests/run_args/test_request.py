"""Options of `docker run` in the body of the create call."""

from pathlib import PurePosixPath
from typing import Any

import pytest

from weave_http.run_args import parse
from weave_http.run_args.grammar import RunArgumentError


def config(line: str, **environ: str) -> Any:
    return parse(line.split(), environ=environ, directory=PurePosixPath("/home/me")).config


def test_an_image_alone_sends_nothing_else() -> None:
    assert config("busybox") == {"Image": "busybox"}


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
    assert request.config == {"Image": "image"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "needs an image"),
        ("--memory 1g image", "--memory"),
        ("--network host image", "--network"),
        ("-d=false image", "always detaches"),
        ("-e =x image", "invalid environment variable"),
        ("-l =x image", "invalid label"),
        ("-v a:b:c:d image", "invalid volume"),
        ("-v :/b image", "invalid volume"),
        ("--dns nowhere image", "invalid IP address"),
        ("--restart :3 image", "invalid restart policy"),
        ("--restart always:x image", "invalid restart policy"),
        ("-p 99999 image", "invalid port"),
        ("-p 80/icmp image", "invalid proto"),
        ("-p 1-2:3-5 image", "invalid ranges"),
        ("-p 9-8:1-2 image", "invalid port range"),
        ("-p x:80 image", "invalid port"),
        ("-p 1.2.3:80:80 image", "invalid IP address"),
    ],
)
def test_what_makes_no_request_is_refused_with_dockers_exit_code(line: str, reason: str) -> None:
    with pytest.raises(RunArgumentError, match=reason) as caught:
        parse(line.split())
    assert caught.value.exit_code == 125
