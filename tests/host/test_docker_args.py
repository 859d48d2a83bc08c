"""`WEAVE_DOCKER_ARGS`: what is merged into the router's create call, and what can't be."""

from __future__ import annotations

from typing import Any

import pytest

from weave_http.errors import HostError
from weave_http.host.docker_args import merged

IMAGE = "weave:1"
BODY: dict[str, Any] = {
    "Image": IMAGE,
    "Cmd": ["--router"],
    "Env": ["PROCFS=/hostproc", "A=1"],
    "Labels": {"role": "router"},
    "HostConfig": {"Binds": ["/proc:/hostproc", "db:/weavedb"], "NetworkMode": "host", "Privileged": True},
}


def test_nothing_adds_nothing() -> None:
    assert merged(BODY, " ", IMAGE, {}) == BODY


def test_lists_grow_and_all_else_is_replaced() -> None:
    line = "-e B='x y' -e A=2 -e C -l x=y -v /a:/b -v /else:/weavedb:ro --dns 10.0.0.1 -h router --restart no -t"
    body = merged(BODY, line, IMAGE, {"C": "3"})
    assert body["Env"] == ["PROCFS=/hostproc", "B=x y", "A=2", "C=3"]
    assert body["Labels"] == {"role": "router", "x": "y"}
    assert (body["Image"], body["Cmd"], body["Hostname"], body["Tty"]) == (IMAGE, ["--router"], "router", True)
    host = body["HostConfig"]
    assert host["Binds"] == ["/proc:/hostproc", "/a:/b", "/else:/weavedb:ro"]
    assert (host["Dns"], host["RestartPolicy"]["Name"], host["Privileged"]) == (["10.0.0.1"], "no", True)
    assert host["NetworkMode"] == "host"
    assert BODY["HostConfig"]["Binds"] == ["/proc:/hostproc", "db:/weavedb"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-e 'A", 'WEAVE_DOCKER_ARGS: no closing quotation in "-e \'A"'),
        ("--frobnicate", "WEAVE_DOCKER_ARGS: "),
        ("-e", "WEAVE_DOCKER_ARGS: -e needs a value"),
        ("busybox", "WEAVE_DOCKER_ARGS: 'busybox' is no option"),
        ("--name x", "WEAVE_DOCKER_ARGS: the router's name can't be given there; set WEAVE_CONTAINER_NAME"),
        ("--dns nowhere", "WEAVE_DOCKER_ARGS: invalid "),
    ],
)
def test_what_docker_would_not_take_is_refused_in_one_line(line: str, reason: str) -> None:
    with pytest.raises(HostError) as caught:
        merged(BODY, line, IMAGE, {})
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)
