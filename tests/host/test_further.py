"""The commands that need little: report, prime, rmpeer, env, config, help, the internal ones, those that are gone."""

from __future__ import annotations

import json

import pytest

from tests.host.stage import FakeRouter, Stage
from weave_http.host.template import LONGEST
from weave_http.operations import NAMES, operations
from weave_http.operations.plain import GONE

REPORT = {"Router": {"Targets": ["h1"], "Connections": [{"State": "failed"}], "Peers": [{"Name": "aa"}]}}


def test_the_report_is_the_routers(stage: Stage, router: FakeRouter) -> None:
    router.answers["GET /report"] = (200, '{\n    "Ready": true\n}\n')
    assert stage.weave("report").out == '{\n    "Ready": true\n}\n'
    for words in ("-f", "{{.Ready}}"), ("--format={{.Ready}}",), ("-f={{.Ready}}",):
        assert stage.weave("report", *words).out == "true\n"


def test_a_bad_template_is_one_line(stage: Stage, router: FakeRouter) -> None:
    router.answers["GET /report"] = (200, "{}")
    result = stage.weave("report", "-f", "{{")
    assert (result.code, result.out, result.err) == (1, "", "template: unclosed action, expected }}\n")


def test_a_template_may_be_as_long_as_it_may_be(stage: Stage, router: FakeRouter) -> None:
    router.answers["GET /report"] = (200, json.dumps({"VersionCheck": {"Enabled": False}}))
    long = "x" * (LONGEST - 40)
    assert stage.weave("report", "-f", long + "{{.VersionCheck.Enabled}}").out == f"{long}false\n"
    result = stage.weave("report", "-f", "x" * (LONGEST + 1))
    assert (result.code, result.err) == (1, f"the template is longer than {LONGEST} characters\n")


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ((), REPORT),
        (("targets",), ["h1"]),
        (("connections",), [{"State": "failed"}]),
        (("peers",), [{"Name": "aa"}]),
    ],
)
def test_status_in_json_is_the_report_or_a_part_of_it(
    stage: Stage, router: FakeRouter, words: tuple[str, ...], value: object
) -> None:
    router.answers["GET /report"] = (200, json.dumps(REPORT))
    for arguments in ((*words, "--format", "json"), ("--format=json", *words)):
        result = stage.weave("status", *arguments)
        assert (result.code, json.loads(result.out), result.err) == (0, value, "")


def test_a_part_that_the_report_has_not_is_told(stage: Stage, router: FakeRouter) -> None:
    router.answers["GET /report"] = (200, json.dumps({"Router": {}}))
    result = stage.weave("status", "peers", "--format", "json")
    assert (result.code, result.out, result.err) == (1, "", "the router has no peers to tell of\n")


def test_ps_in_json_has_the_same_as_its_lines(stage: Stage) -> None:
    for number, name in enumerate(("c1", "c2"), start=1):
        stage.container(name)
        stage.weave("attach", f"10.2.1.{number}/24", f"10.2.2.{number}/24", name)
    stage.container("c3")
    lines = stage.weave("ps").out.splitlines()
    assert len(lines) == 3
    entries = json.loads(stage.weave("ps", "--format", "json").out)
    assert [" ".join([entry["ID"], entry["MAC"], *entry["Addresses"]]) for entry in entries] == lines
    assert json.loads(stage.weave("ps", "--format=json", "c3", "nobody", "").out) == []


def test_peers_that_are_gone_have_left_nothing_to_take_over(stage: Stage, router: FakeRouter) -> None:
    for peer in ("host2", "aa:00:00:00:00:01"):
        router.answers[f"DELETE /peer/{peer}"] = (200, f"0 IPs taken over from {peer}\n")
    result = stage.weave("rmpeer", "host2", "aa:00:00:00:00:01")
    assert (result.code, result.err) == (0, "")
    assert result.out == "0 IPs taken over from host2\n0 IPs taken over from aa:00:00:00:00:01\n"


def test_one_bad_peer_has_all_refused(stage: Stage, router: FakeRouter) -> None:
    for words in ("connect", "h1", "a/b", "h3"), ("forget", "h1", "h2:0"):
        result = stage.weave(*words)
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert result.err.startswith(f"invalid peer {words[2]!r}; expected")
    assert router.calls == []


def test_env_and_config_say_why_there_is_no_proxy(stage: Stage) -> None:
    env, config = stage.weave("env"), stage.weave("config")
    assert (env.code, env.out, config.code, config.out) == (0, "", 1, "")
    assert env.err.startswith("weave env: ")
    for result in (env, config):
        assert "the Docker API is served nowhere on this host; weave launch does it" in result.err
        assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("comes_by", "printed"),
    [
        ({}, "unix:///var/run/weave/weave.sock"),
        ({"PROXY_HOST": "docker.example"}, "tcp://docker.example:12375"),
        ({"PROXY_HOST": "fd00::7"}, "tcp://[fd00::7]:12375"),
    ],
)
def test_env_and_config_print_the_address_that_is_reached(
    stage: Stage, router: FakeRouter, comes_by: dict[str, str], printed: str
) -> None:
    router.answers["GET /proxyaddrs"] = (200, "unix:///var/run/weave/weave.sock\ntcp://0.0.0.0:12375\n")
    assert stage.weave("config", env=comes_by).out == f"-H={printed}\n"
    assert stage.weave("env", env=comes_by).out == f"export DOCKER_HOST={printed}\n"


def test_prime_needs_a_router(stage: Stage) -> None:
    result = stage.weave("prime")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)


def test_help_lists_the_commands_or_one(stage: Stage) -> None:
    result = stage.weave("help")
    assert (result.code, result.err) == (0, "")
    assert [line.split()[1] for line in result.out.splitlines()] == list(NAMES)
    for operation in operations():
        usage, about = stage.weave("help", operation.name).out.splitlines()
        assert (usage, about.startswith(operation.summary)) == (
            f"weave {operation.name} {operation.usage()}".rstrip(),
            True,
        )
    assert stage.weave("help", "frobnicate").code == 1


def test_a_bridge_can_be_had_without_a_router(stage: Stage) -> None:
    result = stage.weave("bridge-type")
    assert (result.code, result.out, result.err) == (1, "", "there is no bridge weave; make it: weave launch\n")
    for _ in range(2):
        result = stage.weave("create-bridge")
        assert (result.code, result.out, result.err) == (0, "", "")
    assert stage.host.links() == ["weave"]
    assert stage.weave("bridge-type").out == "bridge\n"
    assert "WEAVE-FORWARD" in stage.host.run("iptables-nft-save -t filter")


def test_the_dockers_bridge_has_an_address(stage: Stage) -> None:
    result = stage.weave("docker-bridge-ip")
    hint = "DOCKER_BRIDGE names the engine's bridge\n"
    assert (result.code, result.err) == (1, f"there is no interface docker0, or it has no address; {hint}")
    network = {"IPAM": {"Config": [{"Subnet": "10.88.0.0/16", "Gateway": "10.88.0.1"}]}}
    stage.engine.on("GET", "/networks/bridge", lambda _request, reply: reply.json(network))
    assert stage.weave("docker-bridge-ip").out == "10.88.0.1\n"
    stage.host.run("ip link add br7 type bridge; ip link set br7 up")
    env = {"DOCKER_BRIDGE": "br7"}
    assert stage.weave("docker-bridge-ip", env=env).err.startswith("there is no interface br7, or it has no address")
    stage.host.run("ip addr add 172.30.0.1/16 dev br7; ip addr add 172.31.0.1/16 dev br7")
    assert stage.weave("docker-bridge-ip", env=env).out == "172.30.0.1\n"


@pytest.mark.parametrize("name", GONE)
def test_a_command_that_is_gone_says_what_there_is_instead(stage: Stage, name: str) -> None:
    result = stage.weave(name, "--any", "words")
    assert (result.code, result.out) == (1, "")
    assert result.err == f"{name} is no command of this version; {GONE[name]}\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("report", "x"), "unexpected argument 'x'; expected: weave report [-f TEMPLATE]"),
        (("setup", "x"), "unexpected argument 'x'; expected: weave setup"),
        (("report", "-f"), "option '-f' needs a value"),
        (("ps", "--format", "yaml"), "unknown format 'yaml'; expected text or json; expected: weave ps"),
        (("ps", "--all"), "unknown option '--all'"),
        (("status", "--format"), "option '--format' needs a value"),
        (("status", "proxy"), "unknown section 'proxy'"),
        (("rmpeer",), "no peer given; expected: weave rmpeer PEER…"),
        (("prime", "x"), "unexpected argument 'x'; expected: weave prime"),
        (("env", "x"), "unexpected argument 'x'"),
        (("config", "x"), "unexpected argument 'x'"),
        (("create-bridge", "x"), "unexpected argument 'x'"),
        (("bridge-type", "x"), "unexpected argument 'x'"),
        (("docker-bridge-ip", "x"), "unexpected argument 'x'"),
        (("help", "ps", "x"), "unexpected argument 'x'"),
    ],
)
def test_usage_errors_are_one_line(stage: Stage, words: tuple[str, ...], line: str) -> None:
    result = stage.weave(*words)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith(line), result.err
