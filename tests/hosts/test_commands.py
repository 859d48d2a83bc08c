"""Weave's commands as its documentation has them, on a real engine: words in; output, messages and exit code out.

Some are typed twice: from afar, and on the host itself, where `weave --local` does the same by hand. The others are
typed from afar only: what is not warm is that same container then, `weave --local` in it, made by plain calls.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.hosts.conftest import CACHE, GATEWAY
from tests.hosts.host import GUEST, Done, Host, eventually
from weave_http import __version__, constants
from weave_http.records import dataclass

CIDR, OTHER = "10.2.1.1/24", "10.2.1.2/24"
MAC = r"([0-9a-f]{2}:){5}[0-9a-f]{2}"
UNKNOWN = ("o such container", "nobody")
"""In what Docker and Podman each say of a container `nobody`."""


@dataclass(frozen=True)
class Weave:
    """Types `weave` commands about one host.

    Args:
        host: which one.
        local: on the host itself, in a container that was started by hand.
    """

    host: Host
    local: bool

    def try_(self, line: str, *more: str, **environ: str) -> Done:
        """Run a line, and words after it that need no splitting, whatever comes of it."""
        words = [*shlex.split(line), *more]
        if not self.local:
            return self.host.try_weave(*words, **environ)
        variables = " ".join(f"-e {shlex.quote(f'{key}={value}')}" for key, value in environ.items())
        return self.host.try_shell(
            "docker run --rm --privileged --net=host -v /var/run/docker.sock:/var/run/docker.sock -v /proc:/hostproc"
            f" -e PROCFS=/hostproc {variables} {constants.DEFAULT_IMAGE} --local {shlex.join(words)}"
        )

    def __call__(self, line: str, *more: str, **environ: str) -> str:
        """Run a line that must work without a word on stderr; return its output."""
        done = self.try_(line, *more, **environ)
        assert (done.returncode, done.stderr) == (0, ""), (line, done)
        return done.stdout

    def refuses(self, line: str, *reasons: str, code: int = 1, **environ: str) -> None:
        """Run a line that must fail with one line on stderr, which gives the reasons, and nothing on stdout."""
        done = self.try_(line, **environ)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), (line, done)
        assert done.stderr.startswith("weave: "), (line, done)
        for reason in reasons:
            assert reason in done.stderr, (line, reason, done.stderr)


@pytest.fixture
def host(used: Host) -> Host:
    """A host that may have the bridge of the test before."""
    return used


@pytest.fixture(params=["remote", pytest.param("local", marks=pytest.mark.long)])
def weave(request: pytest.FixtureRequest, host: Host) -> Weave:
    """Weave, from afar and on the host itself."""
    return Weave(host, local=request.param == "local")


from_afar = pytest.mark.parametrize("weave", ["remote"], indirect=True)
"""A test that is made from afar only."""
both_ways = pytest.mark.parametrize("weave", ["remote", "local"], indirect=True)
"""A test that `make test` makes in both ways, too."""


# -- the router ------------------------------------------------------------------------------------------


@both_ways
def test_launch_prints_the_routers_id_and_stop_nothing(weave: Weave) -> None:
    identity = weave("launch")
    assert re.fullmatch(r"[0-9a-f]{64}\n", identity)
    assert weave.host.shell("docker inspect -f '{{.Id}}' weave") == identity
    weave.refuses("launch", "weave is already running; stop it first: weave stop", code=3)
    assert weave("stop") == ""
    assert weave.host.shell("docker inspect -f '{{.State.Status}}' weave") == "exited\n"
    assert weave.host.shell("docker logs weave 2>&1")
    done = weave.try_("stop")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Weave is not running.\n")
    weave.host.sandbox.engine_restart(weave.host.name)
    assert weave.host.shell("docker inspect -f '{{.State.Status}}' weave") == "exited\n"


@from_afar
def test_launch_after_a_crash_makes_room_but_not_for_a_strangers_container(weave: Weave) -> None:
    first = weave("launch --no-restart")
    weave.host.kill_router()
    weave.host.shell("docker wait weave")
    assert weave("launch") != first
    weave.host.shell("docker pause weave")
    weave.refuses("launch", "container weave is paused")
    weave.host.shell("docker unpause weave")
    weave("stop")
    weave.host.shell("docker rm weave")
    weave.host.start("weave")
    image = weave.host.shell("docker inspect -f '{{.Config.Image}}' weave").strip()
    assert image.endswith(GUEST)
    weave.refuses("launch", f"found another running container named weave, of image {image}", code=2)


@from_afar
def test_launch_takes_flags_of_0_10_and_of_2_x(weave: Weave) -> None:
    done = weave.try_(
        "launch -nickname one -port=7000 -connlimit 5 -debug --no-discovery -wait 20 --no-fastdp 10.9.9.9"
    )
    assert done.returncode == 0, done
    assert [line.partition(" is ignored")[0] for line in done.stderr.splitlines()] == [
        "WARNING: --wait",
        "WARNING: --no-fastdp",
    ]
    status = weave("status")
    assert "(one)\n" in status
    assert "PeerDiscovery: disabled" in status
    assert json.loads(weave("report"))["Router"]["Port"] == 7000
    assert weave("status targets") == "10.9.9.9\n"
    assert "DEBUG" in weave.host.shell("docker logs weave 2>&1") or "--log-level debug" in weave.host.shell(
        "docker inspect -f '{{join .Args \" \"}}' weave"
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("--password ''", "the password is empty"),
        ("--password-file /none", "can't read the password in /none"),
        ("--trusted-subnets 10.0.0.1/8", "invalid --trusted-subnets"),
        ("--expect-npc", "--expect-npc can't be had"),
        ("--frobnicate", "unknown option '--frobnicate'"),
        ("--port", "option '--port' needs a value"),
        ("--resume 10.9.9.9", "leave out either it or the peers"),
        ("a/b", "invalid peer 'a/b'"),
        ("--http-addr 0.0.0.0:6784", "invalid --http-addr"),
    ],
)
def test_launch_refuses_what_it_can_not_do_and_leaves_nothing(host: Host, words: str, reason: str) -> None:
    Weave(host, local=False).refuses(f"launch {words}", reason)
    assert host.shell("docker ps -aq") == ""


@from_afar
def test_a_cidr_before_the_peers_is_warned_of_and_ignored_as_in_0_10(weave: Weave) -> None:
    done = weave.try_("launch 10.2.0.1/16 10.9.9.9")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done
    assert done.stderr.startswith("WARNING: 10.2.0.1/16 is ignored")
    assert weave("status targets") == "10.9.9.9\n"


@from_afar
def test_launch_goes_on_with_the_last_targets_only_when_asked_to(weave: Weave) -> None:
    weave("launch 10.9.9.8")
    weave("connect 10.9.9.9")
    weave("stop")
    weave("launch --resume")
    assert weave("status targets") == "10.9.9.8\n10.9.9.9\n"
    weave("stop")
    weave("launch")
    assert weave("status targets") == ""


@from_afar
def test_docker_arguments_for_the_router_come_on_top(weave: Weave) -> None:
    weave("launch", WEAVE_DOCKER_ARGS="-e A='b c' --label team=net --restart no")
    log = json.loads(weave.host.shell("docker inspect -f '{{json .HostConfig.LogConfig}}' weave"))
    assert log["Type"] not in ("json-file", "local") or log["Config"] == {"max-file": "3", "max-size": "10m"}
    form = "{{json .Config.Env}} {{.Config.Labels.team}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Privileged}}"
    said = weave.host.shell(f"docker inspect -f '{form}' weave")
    assert '"A=b c"' in said
    assert said.endswith(" net no true\n")
    weave("stop")
    weave.refuses("launch", "WEAVE_DOCKER_ARGS: ", WEAVE_DOCKER_ARGS="--frobnicate")
    weave.refuses("launch", "set WEAVE_CONTAINER_NAME", WEAVE_DOCKER_ARGS="--name x")
    assert weave.host.shell("docker ps -a --format '{{.Names}}'") == "weave\n"


def test_variables_keep_their_meaning(weave: Weave) -> None:
    variables = {"WEAVE_CONTAINER_NAME": "net", "WEAVE_PORT": "7000", "WEAVE_HTTP_ADDR": "127.0.0.1:7784"}
    weave("launch", WEAVE_MTU="1400", **variables)
    weave.host.start("box")
    assert weave(f"attach {CIDR} box", **variables) == "10.2.1.1\n"
    assert "mtu 1400" in weave.host.inside("box", "ip link show ethwe")
    report = json.loads(weave("report", **variables))
    assert (report["Router"]["Port"], list(report["Attachments"].values())) == (7000, [[CIDR]])
    weave.refuses("status", "no router answers at 127.0.0.1:6784")
    weave.host.shell("docker restart -t 0 box")
    assert eventually(lambda: CIDR in weave("ps box"))
    assert weave("stop", **variables) == ""


@from_afar
def test_connect_and_forget_take_several_peers_and_none_beside_a_bad_one(weave: Weave) -> None:
    weave.refuses("connect 10.9.9.9", "no router answers at 127.0.0.1:6784; start one: weave launch")
    weave("launch 10.9.9.1")
    assert weave("connect 10.9.9.2 10.9.9.3:7000") == ""
    weave.refuses("connect nowhere.invalid 10.9.9.4", "nowhere.invalid does not resolve")
    weave.refuses("connect a/b 10.9.9.5", "invalid peer 'a/b'")
    assert weave("status targets").split() == ["10.9.9.1", "10.9.9.2", "10.9.9.3:7000"]
    assert weave("forget 10.9.9.1 10.9.9.3 unknown") == ""
    assert weave("status targets").split() == ["10.9.9.2", "10.9.9.3:7000"]
    assert weave("connect --replace 10.9.9.6") == ""
    assert weave("status targets") == "10.9.9.6\n"


# -- containers ------------------------------------------------------------------------------------------


def test_start_and_restart_print_the_name_as_given(weave: Weave) -> None:
    identity = weave.host.shell(f"docker create --name box --stop-signal KILL {GUEST} sleep 3600").strip()
    assert weave(f"start {CIDR} box") == "box\n"
    assert weave("ps box").split()[2:] == [CIDR]
    assert weave(f"start {CIDR} {OTHER} {identity[:12]}") == f"{identity[:12]}\n"
    assert weave("ps box").split()[2:] == [CIDR, OTHER]
    assert weave(f"restart -- {OTHER} box" if not weave.local else f"restart {OTHER} box") == "box\n"
    assert weave("ps box").split()[2:] == [OTHER]


@from_afar
def test_a_container_that_can_not_be_attached_is_not_left_running(weave: Weave) -> None:
    weave.host.shell(f"docker create --name net --stop-signal KILL --net=host {GUEST} sleep 3600")
    weave.host.shell(f"docker create --name brief {GUEST} true")
    weave.refuses(f"start {CIDR} net", "container net uses the host's network (--net=host)")
    weave.refuses(f"start {CIDR} nobody", *UNKNOWN)
    assert weave.try_(f"start {CIDR} brief").returncode == 1
    assert weave.host.shell("docker ps -q") == ""
    # Podman's service may hold the namespace of one that has ended, and without a router nobody looks.
    assert weave.host.has_podman or "vethwe" not in weave.host.left_overs()


@pytest.mark.usefixtures("fresh")
@both_ways
def test_what_weaves_documentation_says_of_attach_and_detach(weave: Weave) -> None:
    weave.host.start("box")
    weave.host.start("net", "--net=host")
    weave.host.start("stopped")
    weave.host.shell("docker stop -t 0 stopped")
    for command in ("attach", "detach"):
        weave.refuses(f"{command} {CIDR} net", "net uses the host's network (--net=host)")
        weave.refuses(f"{command} {CIDR} stopped", "container stopped not running")
        weave.refuses(f"{command} {CIDR} nobody", *UNKNOWN)
        weave.refuses(f"{command} {CIDR} box {OTHER}", f"'{OTHER}'")
        weave.refuses(f"{command} box", "no router answers at 127.0.0.1:6784")
        weave.refuses(f"{command} net:default box", "no router answers at 127.0.0.1:6784")
    weave.refuses(f"detach {CIDR} box", "failure during network configuration for container box")
    assert "vethwe" not in weave.host.left_overs()
    assert weave(f"attach {CIDR} box") == "10.2.1.1\n"
    assert weave(f"attach {CIDR} box") == "10.2.1.1\n"
    assert weave(f"attach {OTHER} box") == "10.2.1.2\n"
    assert weave("ps box").split()[2:] == [CIDR, OTHER]
    assert weave("detach 10.9.9.9/24 box") == ""
    assert weave(f"detach {CIDR} box") == "10.2.1.1\n"
    assert weave("ps box").split()[2:] == [OTHER]
    assert weave(f"detach {OTHER} box") == "10.2.1.2\n"
    assert weave("ps box") == ""


@from_afar
def test_the_later_way_to_write_addresses_answers_as_the_later_version_does(weave: Weave) -> None:
    weave.host.start("box")
    assert weave(f"attach ip:{CIDR} {OTHER} box") == "10.2.1.1 10.2.1.2\n"
    assert weave("ps box").split()[2:] == [CIDR, OTHER]
    assert weave(f"detach ip:{CIDR} 10.9.9.9/24 box") == "10.2.1.1\n"


@from_afar
def test_attach_writes_names_into_the_containers_hosts_file(weave: Weave) -> None:
    weave.host.start("web", "-h", "web.weave.local")
    engines_own = weave.host.shell("docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web")
    assert engines_own.strip() in weave.host.inside("web", "cat /etc/hosts").split()
    for _ in range(2):
        line = f"attach {CIDR} --without-dns --rewrite-hosts --add-host db:10.0.0.1 --no-multicast-route web"
        assert weave(line) == "10.2.1.1\n"
    hosts = weave.host.inside("web", "cat /etc/hosts")
    assert [line.split() for line in hosts.splitlines()[-4:-1]] == [
        ["#", "weave:", "begin"],
        ["10.2.1.1", "web.weave.local", "web"],
        ["10.0.0.1", "db"],
    ]
    assert engines_own.strip() not in hosts.split()
    assert weave.host.inside("web", "ping -c 1 -W 1 web.weave.local").startswith("PING web.weave.local (10.2.1.1)")
    assert "224.0.0.0/4" not in weave.host.inside("web", "ip route")
    weave(f"attach {OTHER} --add-host=x:10.0.0.2 web")
    assert weave.host.inside("web", "tail -n 4 /etc/hosts").split()[:2] == ["10.2.1.1", "web.weave.local"]


def test_run_prints_the_id_and_leaves_nothing_when_it_fails(weave: Weave) -> None:
    identity = weave(f"run --without-dns {CIDR} {OTHER} --name box -e A=1 {GUEST} sleep 3600").strip()
    assert weave.host.shell("docker inspect -f '{{.Id}}' box").strip() == identity
    assert weave("ps box").split()[2:] == [CIDR, OTHER]
    weave.refuses(f"run --without-dns {CIDR} --name box {GUEST} sleep 3600", "already in use", code=125)
    weave.refuses(f"run --without-dns {GUEST} sleep 3600", "no router answers at 127.0.0.1:6784")
    listed = weave.host.shell("docker ps -a --no-trunc --format '{{.ID}} {{.Names}}'").splitlines()
    assert [line.split()[0] for line in listed if constants.WAITER_VOLUMES not in line] == [identity]


# -- lists -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("fresh")
def test_ps_has_a_line_for_each_container_on_the_network(weave: Weave) -> None:
    assert weave("ps") == ""
    one, two = weave.host.start("one"), weave.host.start("two")
    weave.host.start("three")
    weave(f"attach {CIDR} 10.2.2.1/24 one")
    weave(f"attach {OTHER} two")
    lines = weave("ps").splitlines()
    assert re.fullmatch(rf"weave:expose {MAC}", lines[0])
    assert {line.split()[0] for line in lines[1:]} == {one[:12], two[:12]}
    assert re.fullmatch(rf"{one[:12]} {MAC} {CIDR} 10.2.2.1/24\n", weave("ps one"))
    weave.refuses("ps nobody three", "no such container: nobody")
    some = weave.try_("ps two nobody one")
    assert (some.returncode, [line.split()[0] for line in some.stdout.splitlines()]) == (1, [two[:12], one[:12]])
    entries = json.loads(weave("ps --format json"))
    assert [" ".join([entry["ID"], entry["MAC"], *entry["Addresses"]]) for entry in entries] == lines


def test_status_is_framed_and_its_sections_are_lines(weave: Weave) -> None:
    for section in ("", "targets", "connections", "peers"):
        weave.refuses(f"status {section}", "no router answers at 127.0.0.1:6784; start one: weave launch")
    weave("launch 10.9.9.9")
    text = weave("status")
    assert text.startswith(f"\n        Version: {__version__}")
    assert text.endswith("\n\n")
    assert re.search(rf"\n +Name: {MAC}\(host1\)\n", text)
    assert re.fullmatch(rf"{MAC}\(host1\)\n", weave("status peers"))
    assert re.fullmatch(r"-> 10\.9\.9\.9:6783 +(connecting|retrying|failed|waiting).*\n", weave("status connections"))
    assert json.loads(weave("status targets --format json")) == ["10.9.9.9"]
    assert json.loads(weave("status --format json"))["Router"]["NickName"] == "host1"
    assert [peer["NickName"] for peer in json.loads(weave("status peers --format json"))] == ["host1"]
    weave.refuses("status nonsense", "unknown section 'nonsense'")


@from_afar
def test_report_is_json_or_what_a_template_makes_of_it(weave: Weave) -> None:
    weave.refuses("report", "no router answers at 127.0.0.1:6784")
    weave("launch 10.9.9.8 10.9.9.9")
    report = json.loads(weave("report"))
    assert (report["Ready"], report["Version"]) == (True, __version__)
    assert weave("report -f", "{{.Router.NickName}} {{.Router.Port}}") == "host1 6783\n"
    assert weave("report -f", "{{range .Router.Targets}}{{.}};{{end}}") == "10.9.9.8;10.9.9.9;\n"
    assert json.loads(weave("report -f", "{{json .Router.Targets}}")) == report["Router"]["Targets"]
    weave.refuses("report -f '{{.Nope}}'", "template: can't evaluate field Nope")
    weave.refuses("report -f '{{'", "template: unclosed action")


# -- the others ------------------------------------------------------------------------------------------


@from_afar
def test_commands_that_have_nothing_to_do_say_so_beside(weave: Weave) -> None:
    for command, code in (("env", 0), ("config", 1), ("prime", 1)):
        done = weave.try_(command)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done
        assert done.stderr.startswith("weave: " if code else f"weave {command}: ")


@from_afar
def test_rmpeer_has_nothing_to_take_over(weave: Weave) -> None:
    weave.refuses("rmpeer host2", "no router answers")
    weave("launch")
    assert weave("rmpeer host2 00:00:00:00:00:02") == (
        "0 IPs taken over from host2\n0 IPs taken over from 00:00:00:00:00:02\n"
    )


def test_a_peer_that_is_gone_for_good_gets_no_more_data_after_rmpeer(trio: list[Host]) -> None:
    one, two, _ = trio
    two.weave("launch")
    one.weave("launch", two.address)
    flood = "bridge fdb show dev vxlan-6784 | grep 00:00:00:00:00:00 || true"
    assert eventually(lambda: two.address in one.shell(flood))
    name = two.shell("cat /sys/class/net/weave/address").strip()
    one.weave("forget", two.address)
    two.shell("docker update --restart no weave")
    two.kill_router()
    assert eventually(lambda: "established" not in one.weave("status", "connections"))
    assert two.address in one.shell(flood)
    assert one.weave("rmpeer", name) == f"0 IPs taken over from {name}\n"
    assert eventually(lambda: two.address not in one.shell(flood))


@both_ways
def test_help_and_version(weave: Weave) -> None:
    text = weave("help")
    for command in ("launch", "attach", "status", "rmpeer"):
        assert command in text
    assert "PEER" in weave("help forget")
    script = "" if weave.local else f"weave script {__version__}\n"
    assert weave("version") == f"{script}weave {__version__}\n"
    done = weave.try_("help nonsense")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@pytest.mark.usefixtures("fresh")
@from_afar
def test_the_commands_that_scripts_use(weave: Weave) -> None:
    weave.refuses("bridge-type", "there is no bridge weave")
    assert weave("create-bridge") == ""
    assert weave("create-bridge") == ""
    assert weave("bridge-type") == "bridge\n"
    assert weave("docker-bridge-ip") == f"{GATEWAY}\n"
    weave.refuses("docker-bridge-ip", "there is no interface nodocker", DOCKER_BRIDGE="nodocker")


@from_afar
@pytest.mark.parametrize("command", ["launch-router", "launch-proxy", "stop-plugin", "setup-cni"])
def test_a_command_of_another_version_says_what_there_is_instead(weave: Weave, command: str) -> None:
    weave.refuses(command, f"weave: {command} is no command of this version; ")


def test_setup_by_hand_finds_the_image_in_place(host: Host) -> None:
    assert host.weave("setup", "--from", str(CACHE / "weave.tar")) == f"{constants.DEFAULT_IMAGE}\n"


def completed(host: Host, line: str, **environ: str) -> list[str]:
    """What a shell offers at the end of a line."""
    words = line.split(" ")
    done = subprocess.run(
        [sys.executable, "-m", "weave_http"],
        env=host.environ(_WEAVE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), **environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.split()


def test_a_shell_completes_containers_and_peers_from_the_daemon(host: Host) -> None:
    host.start("web")
    host.start("wiki")
    host.shell(f"docker create --name worn {GUEST} true")
    assert completed(host, f"weave attach {CIDR} w") == ["web", "wiki"]
    assert completed(host, f"weave start {CIDR} wo") == ["worn"]
    assert completed(host, "weave ps web wi") == ["wiki"]
    assert completed(host, "weave forget ") == []
    host.weave("launch", "10.9.9.8", "10.9.9.9")
    before = host.shell("docker ps -aq")
    assert completed(host, "weave forget 10.9.9.") == ["10.9.9.8", "10.9.9.9"]
    assert host.shell("docker ps -aq") == before
    assert completed(host, "weave -H unix:///nowhere forget ", HOME=os.environ.get("HOME", "/")) == []


def test_another_image_takes_the_same_call_for_every_command(host: Host) -> None:
    image = "registry.invalid/elses/weaveexec:7"
    host.shell(f"docker tag {constants.DEFAULT_IMAGE} {image}")
    other = {"EXEC_IMAGE": image}
    try:
        host.weave("launch", **other)
        assert host.shell("docker inspect -f '{{.Config.Image}}' weave") == f"{image}\n"
        assert "host1" in host.weave("status", **other)
        host.weave("stop", **other)
    finally:
        host.shell(f"docker rm -f weave 2>/dev/null; docker rmi {image}")
