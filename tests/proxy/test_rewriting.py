"""What is changed of a create body, of exec-create and of inspect; which calls those are."""

from typing import Any

import pytest

from weave_http.addresses import parse_cidr
from weave_http.errors import UsageError
from weave_http.operations.create_body import Names
from weave_http.proxy.rewriting import check, created, exec_waiting, inspected
from weave_http.proxy.routes import Call, call_of, shown
from weave_http.proxy.settings import Settings, settings_of
from weave_http.run_args import RunArgumentError

IMAGE = {"Config": {"Entrypoint": ["/sbin/tini"], "Cmd": ["serve"]}}
NAMES = Names("172.17.0.1", "weave.local")


def made(body: dict[str, Any], name: str = "", settings: Settings | None = None) -> dict[str, Any]:
    return created(check(body), name, IMAGE, "holder", NAMES, settings or Settings())


def test_the_waiter_comes_first_and_the_rest_of_the_body_stays() -> None:
    body = {"Image": "i", "Env": ["A=1"], "HostConfig": {"Memory": 1, "VolumesFrom": ["x"]}, "Unheard": {"of": 1}}
    changed = created(check(body), "", IMAGE, "holder", None, Settings())
    assert changed["Entrypoint"] == ["/w/w", "/sbin/tini"]
    assert changed["Cmd"] == ["serve"]
    assert changed["HostConfig"] == {"Memory": 1, "VolumesFrom": ["x", "holder:ro"]}
    assert (changed["Env"], changed["Unheard"]) == (["A=1"], {"of": 1})


def test_a_command_may_be_one_text() -> None:
    assert made({"Entrypoint": "/bin/x", "Cmd": None})["Entrypoint"] == ["/w/w", "/bin/x"]
    assert exec_waiting({"Cmd": "ls"}) == {"Cmd": ["/w/w", "ls"]}
    assert exec_waiting({"Cmd": ["/w/w", "ls"]}) == {"Cmd": ["/w/w", "ls"]}
    assert exec_waiting({}) == {}


@pytest.mark.parametrize("body", [[], None, "x", {"HostConfig": []}, {"Env": {"A": "1"}}, {"Labels": ["a=b"]}])
def test_a_body_that_makes_no_container_is_refused(body: Any) -> None:
    with pytest.raises(RunArgumentError):
        check(body)


def test_a_name_makes_a_hostname_with_the_domain_of_the_names() -> None:
    named = made({}, "web")
    assert (named["Hostname"], named["Domainname"]) == ("web", "weave.local")
    assert named["HostConfig"]["Dns"] == ["172.17.0.1"]
    assert named["HostConfig"]["DnsSearch"] == ["."]
    bare = made({})
    assert "Hostname" not in bare
    assert bare["HostConfig"]["DnsSearch"] == ["weave.local"]
    own = made({"Hostname": "db", "HostConfig": {"Dns": ["9.9.9.9"], "DnsSearch": ["corp"]}}, "web")
    assert (own["Hostname"], own.get("Domainname")) == ("db", None)
    assert (own["HostConfig"]["Dns"], own["HostConfig"]["DnsSearch"]) == (["172.17.0.1", "9.9.9.9"], ["corp"])
    assert "Hostname" not in made({}, "w" * 60)
    in_one = created(check({}), "web", IMAGE, "holder", NAMES, Settings(), in_one=True)
    assert (in_one["Hostname"], in_one.get("Domainname")) == ("web.weave.local", None)


def test_a_hostname_is_made_of_a_label_or_by_an_expression() -> None:
    settings = settings_of(
        {
            "hostname-from-label": "name",
            "hostname-match": r"^aws-(\d+)-(?P<kind>.*)$",
            "hostname-replacement": "${kind}$1",
        }
    )
    assert made({"Labels": {"name": "aws-7-db"}}, "x", settings)["Hostname"] == "db7"
    assert made({}, "aws-8-web", settings)["Hostname"] == "web8"
    assert made({}, "plain", settings)["Hostname"] == "plain"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hostname-match": "("}, "--hostname-match"),
        ({"hostname-match": "a", "hostname-replacement": "$1"}, "has no group 1"),
        ({"hostname-replacement": "${x}"}, "has no group x"),
    ],
)
def test_an_expression_that_makes_no_sense_is_refused(values: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        settings_of(values)
    assert said in str(raised.value)


def test_inspect_shows_the_addresses_of_the_network() -> None:
    engines = {"IPAddress": "172.17.0.2", "IPPrefixLen": 16, "NetworkID": "n"}
    found = {"Id": "1", "HostConfig": {"NetworkMode": "default"}, "NetworkSettings": {"Networks": {"bridge": engines}}}
    shown = inspected(found, "aa:bb:cc:dd:ee:ff", [parse_cidr("10.2.1.1/24"), parse_cidr("10.3.0.1/16")])
    settings = shown["NetworkSettings"]
    assert (settings["IPAddress"], settings["IPPrefixLen"], settings["Bridge"]) == ("10.2.1.1", 24, "weave")
    assert settings["SecondaryIPAddresses"] == [{"Addr": "10.3.0.1", "PrefixLen": 16}]
    assert settings["Networks"]["bridge"]["IPAddress"] == "10.2.1.1"
    assert settings["Networks"]["bridge"]["NetworkID"] == "n"
    assert engines["IPAddress"] == "172.17.0.2"
    assert inspected(found, "", []) == found
    on_podman = {**found, "HostConfig": {"NetworkMode": "bridge"}, "NetworkSettings": {"Networks": {"podman": engines}}}
    shown = inspected(on_podman, "aa:bb:cc:dd:ee:ff", [parse_cidr("10.2.1.1/24")])
    assert shown["NetworkSettings"]["Networks"]["podman"]["IPAddress"] == "10.2.1.1"


@pytest.mark.parametrize(
    ("method", "target", "call"),
    [
        ("POST", "/v1.41/containers/create?name=web&platform=", Call("create", "web")),
        ("POST", "/containers/create", Call("create", "")),
        ("POST", "//v1.41//containers/create?name=%2Fweb", Call("create", "web")),
        ("POST", "/v1.41/containers/abc/start", Call("start", "abc")),
        ("POST", "/v1.41/containers/abc/restart?t=0", Call("restart", "abc")),
        ("POST", "/v1.41/containers/abc/exec", Call("exec", "abc")),
        ("GET", "/v1.41/containers/abc/json?size=1", Call("inspect", "abc")),
        ("GET", "/v1.41/containers/json", None),
        ("POST", "/v1.41/exec/abc/start", None),
        ("POST", "/v1.41/containers/abc/attach?stream=1", None),
        ("DELETE", "/v1.41/containers/abc", None),
        ("GET", "/v1.41/containers/create", None),
        ("POST", "/session", None),
    ],
)
def test_four_kinds_of_calls_are_looked_at(method: str, target: str, call: Call | None) -> None:
    assert call_of(method, target) == call


LONG = "0123456789ab" + "c" * 52


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("/v1.41/_ping", "GET /v1.41/_ping"),
        (f"/containers/{LONG}/json", "GET /containers/0123456789ab/json"),
        (f"/wait?condition=next-exit&id={LONG}", "GET /wait?condition=next-exit&id=0123456789ab"),
        ("/attach?stderr=1&stdin=1&stdout=1&stream=1&more=1", "GET /attach?stderr=1&stdin=1&stdout=1&stream=1&…"),
        ("/build?buildargs=%7B%22TOKEN%22%3A%22abc%22%7D&t=a:1", "GET /build?buildargs=…&t=a:1"),
        ("/build?remote=https%3A%2F%2Fme%3Apass%40h%2F", "GET /build?remote=…"),
    ],
)
def test_a_call_is_shown_in_a_line_without_what_may_be_secret(target: str, line: str) -> None:
    assert shown("GET", target, 50) == line
