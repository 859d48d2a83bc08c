"""An explanation says what is sent, for everybody to read, and what it says of the host is true."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.host.stage import Stage
from tests.net.kernel import Space
from tests.transcript.commands import COMMANDS, TYPED
from tests.transcript.test_recordings import RECORDED
from weave_http import constants
from weave_http.addresses import parse_ip
from weave_http.commands import Caller
from weave_http.engine import connect
from weave_http.engine.version import NEWEST, version_text
from weave_http.engine.wire.contract import Request
from weave_http.net.bridge import random_mac
from weave_http.operations import parse as parse_operation
from weave_http.router.data.kernel import Kernel
from weave_http.router.data.overlay import Overlay
from weave_http.router.data.plan import Reach, Way
from weave_http.router.store import Store
from weave_http.run_args import parse
from weave_http.transcript import Stage as Rehearsed
from weave_http.transcript.docker_line import docker_run, wrapped
from weave_http.transcript.host_steps import host_steps
from weave_http.transcript.host_steps.devices import bridge_steps, guard_step, peer_step, vxlan_step
from weave_http.transcript.host_steps.step import HostStep
from weave_http.transcript.lesson import Lesson, lesson
from weave_http.transcript.page import as_html
from weave_http.transcript.prose import _folded, as_markdown, as_text
from weave_http.transcript.rehearsal import rehearse
from weave_http.transcript.routes import route_of


def play(name: str, *, cold: bool = True) -> Callable[[Rehearsed], object]:
    def run(stage: Rehearsed) -> None:
        with connect(stage.endpoint, watch=lambda _: stage) as engine:
            COMMANDS[name](Caller(engine, stage.stdout, stage.stderr, {"WEAVE_PASSWORD": "hunter2"}, cold=cold))

    return run


def told(name: str, *, show_secrets: bool = False) -> Lesson:
    return lesson(TYPED[name].split(), play(name), show_secrets=show_secrets)


@pytest.mark.parametrize("name", TYPED)
def test_every_call_is_told_in_its_order_and_has_a_name_in_dockers_documentation(name: str) -> None:
    requests = rehearse(play(name), version_text(NEWEST)).requests
    calls = [call for chapter in told(name).chapters for call in chapter.calls]
    assert [call.route for call in calls] == [route_of(request) for request in requests]
    assert [call.line.split()[0] for call in calls] == [request.method for request in requests]
    assert all(call.text.endswith(".") and call.link.endswith(f"operation/{call.route.name}") for call in calls)


@pytest.mark.parametrize("name", ["attach with options", "ps", "dns-remove"])
def test_the_warm_way_is_told_as_one_call_with_its_frames_and_the_same_steps(name: str) -> None:
    told_warm = lesson(TYPED[name].split(), play(name, cold=False))
    (chapter,) = told_warm.chapters
    (call,) = chapter.calls
    assert (chapter.title, call.route.name) == ("The resident executor", "ContainerAttach")
    assert [line[:9] for line in call.body] == ['> {"call"', '< {"ready', '> {"go": ', '< {"end":']
    assert chapter.steps == told(name).chapters[-1].steps
    assert all(len(line) <= 80 for line in as_text(told_warm))
    assert "hunter2" not in "\n".join([*as_text(told_warm), *as_html(told_warm)])


@pytest.mark.parametrize("name", TYPED)
def test_a_text_fits_into_80_columns(name: str) -> None:
    assert [line for line in as_text(told(name)) if len(line) > 80] == []


@pytest.mark.parametrize("name", TYPED)
def test_no_secret_is_told_unless_asked_for(name: str) -> None:
    for render in (as_text, as_markdown, as_html):
        assert "hunter2" not in "\n".join(render(told(name)))
    if name != "setup":
        assert "hunter2" in "\n".join(as_text(told(name, show_secrets=True)))


def test_markdown_has_a_heading_a_chapter_and_closes_what_it_opens() -> None:
    lines = list(as_markdown(told("run")))
    assert lines[0] == "# `weave run --without-dns 10.2.1.1/24 --name c1 busybox sh`"
    assert [line for line in lines if line.startswith("## ")] == [
        "## Which version do we speak?",
        "## What does the image start?",
        "## Weave's own image",
        "## The waiter's volume",
        "## Your container",
        "## The executor's life",
    ]
    assert sum(line.strip().startswith("```") for line in lines) % 2 == 0


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_the_command_line_explains_a_command_without_a_daemon(form: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "weave_http", "-H", "unix:///nowhere", "explain", "--format", form),
            *("run", "--without-dns", "10.2.1.1/24", "-e", "DB_TOKEN=hunter2", "busybox"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "ContainerCreate" in done.stdout
    assert "DB_TOKEN=********" in done.stdout
    assert (done.stderr, "hunter2" in done.stdout) == ("", False)


def test_what_is_made_up_is_said() -> None:
    assert told("run").made_up == (
        f"Nothing was sent; these stand for what a daemon would say: v{version_text(NEWEST)} (the newest version that "
        "weave knows), container ids (c0ffee…), image ids (1a6e…), what stands in <…>."
    )
    assert "c0ffee" in told("ps").made_up
    assert "1a6e" not in told("ps").made_up


@pytest.mark.parametrize("recording", RECORDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_answers_that_are_told_are_those_that_engines_gave(recording: Path) -> None:
    for exchange in json.loads(recording.read_text())["exchanges"]:
        asked, answer = exchange["request"], exchange["answer"]
        route = route_of(Request(asked["method"], asked["path"]))
        assert answer["status"] >= 400 or re.search(rf"\b{answer['status']}\b", route.answer), route.name


def test_a_long_query_is_folded_before_one_of_its_parts() -> None:
    line = f"POST /v1.55/containers/{'a' * 12}/attach?stream=1&stdin=1&stdout=1&stderr=1"
    assert list(_folded([line], "       ")) == [
        f"       POST /v1.55/containers/{'a' * 12}/attach?stream=1&stdin=1&stdout=1",
        "           &stderr=1",
    ]
    assert "".join(part[4:] if number else part for number, part in enumerate(_folded(["x" * 200], ""))) == "x" * 200


LINES = (
    "--name c1 -h web -e A=1 -e B=it's -l x=y -v /data -v /a:/b:ro --dns 10.0.0.1 --restart on-failure:2 -it busybox",
    "-p 8080:80 -p 127.0.0.1:53:53/udp -p 443 --privileged --entrypoint /bin/sh busybox -e",
)


@pytest.mark.parametrize("line", LINES)
def test_the_docker_line_of_a_create_call_makes_the_same_call(line: str) -> None:
    request = parse(["-d", *line.split()])
    words = docker_run(request.config, request.name or "", throw_away=False)
    assert words[:3] == ["docker", "run", "-d"]
    assert parse(words[2:]) == request
    assert shlex.split(" ".join(wrapped(words, 60)).replace("\\ ", " ")) == words


# -- what is said of the host ----------------------------------------------------------------------------


@pytest.fixture
def spaces() -> Iterator[Callable[[], Space]]:
    """Makes network namespaces."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Space())


def state(space: Space) -> dict[str, Any]:
    """What can be seen of the network in a namespace, without what differs from one to the next."""
    links = {}
    for link in json.loads(space.run("ip -d -j addr show")):
        kept = {key: link.get(key) for key in ("mtu", "master", "flags")}
        kept["flags"] = sorted(set(kept["flags"]) - {"LOWER_UP", "NO-CARRIER"})
        info = link.get("linkinfo", {})
        data = info.get("info_data", {})
        kept["kind"] = info.get("info_kind")
        kept["data"] = {
            key: data.get(key) for key in ("forward_delay", "stp_state", "id", "port", "learning", "ageing")
        }
        kept["alias"] = link.get("ifalias")
        kept["generated"] = link.get("inet6_addr_gen_mode")
        kept["addresses"] = [
            (each["local"], each["prefixlen"], each.get("broadcast"))
            for each in link["addr_info"]
            if each["scope"] != "link"
        ]
        name = "vethweNAMESPACE" if "vethwe" in link["ifname"] else link["ifname"]
        settings = space.run(
            f"cd /proc/sys/net/ipv4; grep . neigh/{link['ifname']}/* conf/{link['ifname']}/promote_secondaries || true;"
            f"cd ../ipv6/conf/{link['ifname']}; grep . disable_ipv6 accept_ra autoconf accept_redirects"
        )
        kept["settings"] = settings.replace(link["ifname"], name)
        links[name] = kept
    return {
        "links": links,
        "routes": space.run("ip route show | sed 's/ linkdown//'"),
        "routes of IPv6": space.run(
            "ip -6 route show table all | grep -E '^multicast.*metric 128|proto static' || true"
        ),
        "rules": [line for line in space.run("iptables-nft-save; ip6tables-nft-save").splitlines() if line[0] in "-*"],
        "flood": sorted(line for line in space.run("bridge fdb show").splitlines() if "00:00:00:00:00:00" in line),
    }


def by_hand(steps: Iterable[HostStep], pid: int = 0, *, tolerant: bool = False) -> str:
    """Return what an explanation says as a script; programs that leave no trace in a namespace are left out."""
    tools = f'docker() {{ echo {pid}; }}; curl() {{ :; }}; arping() {{ :; }}; iptables() {{ iptables-nft "$@"; }}'
    tools += '; ip6tables() { ip6tables-nft "$@"; }'
    lines = [line.replace("nsenter -t $pid -n arping", "arping") for step in steps for line in step.lines]
    return "\n".join([tools, "set +e" if tolerant else "", *lines])


def obey(space: Space, steps: list[HostStep], pid: int = 0, *, tolerant: bool = False) -> None:
    """Do by hand, in a namespace, what an explanation says."""
    space.run(by_hand(steps, pid, tolerant=tolerant))


def underlay(space: Space) -> Space:
    space.run("ip link add eth0 type veth peer name lan; ip link set eth0 up; ip link set lan up")
    return space


@pytest.mark.parametrize(
    "detached", [[], ["10.2.1.1/24"], ["fd00:2::1/64", "10.2.1.2/24", "10.2.1.1/24", "10.2.3.1/31"]]
)
def test_attach_and_detach_come_to_the_lines_that_explain_prints(
    spaces: Callable[[], Space], detached: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.fake_engine import FakeEngine

    attached = ["10.2.1.1/24", "10.2.1.2/24", "10.2.3.1/31", "fd00:2::1/64"]
    real, explained = underlay(spaces()), underlay(spaces())
    monkeypatch.setattr(constants, "DOCKER_SOCKET", str(tmp_path / "d.sock"))
    with FakeEngine(tmp_path / "d.sock") as engine:
        stage = Stage(real, engine, spaces)
        inside = stage.container("c1")
        assert stage.weave("attach", *attached, "c1").code == 0
        if detached:
            assert stage.weave("detach", *detached, "c1").code == 0
    other = spaces()
    obey(explained, host_steps(parse_operation(["attach", *attached, "c1"]), {}), other.pid)
    if detached:
        obey(explained, host_steps(parse_operation(["detach", *detached, "c1"]), {}), other.pid)
    assert state(explained) == state(real)
    assert state(other) == state(inside)


def test_launch_comes_to_the_lines_that_explain_prints(spaces: Callable[[], Space], tmp_path: Path) -> None:
    real, explained = underlay(spaces()), underlay(spaces())

    async def route() -> None:
        reached = Reach({"a peer": Way("a peer", parse_ip("192.0.2.1"))})
        overlay = Overlay(Kernel(random_mac(), 6784), Store(tmp_path), lambda now: reached)
        await overlay.start()
        running = asyncio.create_task(overlay.run())
        overlay.changed()
        async with asyncio.timeout(10):
            while not overlay.destinations:
                await asyncio.sleep(0.01)
        running.cancel()

    real.call(lambda: asyncio.run(route()))
    steps = [*bridge_steps("router", "1450"), guard_step(6783), vxlan_step(6784, "1450")]
    obey(explained, [*steps, peer_step("192.0.2.1")])
    assert state(explained) == state(real)
    shown = [line for step in host_steps(parse_operation(["launch", "10.0.0.1"]), {}) for line in step.lines]
    assert all(line in shown for step in steps for line in step.lines)


EXPOSED = (
    ["10.2.1.254/24"],
    ["fd00:2::9/64", "10.2.1.254/24"],
    ["10.2.1.254/24", "10.2.1.253/24", "10.2.2.254/24", "--without-masquerade"],
)


@pytest.mark.parametrize("words", EXPOSED)
@pytest.mark.parametrize("hidden", [False, True])
def test_expose_and_hide_come_to_the_lines_that_explain_prints(
    spaces: Callable[[], Space], words: list[str], hidden: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.fake_engine import FakeEngine

    real, explained = underlay(spaces()), underlay(spaces())
    monkeypatch.setattr(constants, "DOCKER_SOCKET", str(tmp_path / "d.sock"))
    cidrs = [word for word in words if "/" in word]
    with FakeEngine(tmp_path / "d.sock") as engine:
        stage = Stage(real, engine, spaces)
        assert stage.weave("expose", *words).code == 0
        if hidden:
            assert stage.weave("hide", *cidrs).code == 0
    obey(explained, [*bridge_steps("router", "1450"), *host_steps(parse_operation(["expose", *words]), {})])
    if hidden:
        # Rules that are not there are no matter; by hand the shell would stop at them.
        steps = host_steps(parse_operation(["hide", *cidrs]), {})
        obey(explained, steps, tolerant=True)
    assert state(explained) == state(real)


def test_reset_comes_to_the_lines_that_explain_prints(spaces: Callable[[], Space]) -> None:
    explained, fresh, inside = underlay(spaces()), underlay(spaces()), spaces()
    obey(explained, host_steps(parse_operation(["attach", "10.2.1.1/24", "c1"]), {}), inside.pid)
    obey(explained, [guard_step(6783), vxlan_step(6784, "1450"), peer_step("192.0.2.1")])
    obey(explained, host_steps(parse_operation(["expose", "10.2.1.254/24", "fd00:2::9/64"]), {}))
    obey(explained, host_steps(parse_operation(["reset"]), {}))
    assert {**state(explained), "rules": None} == {**state(fresh), "rules": None}
    assert "WEAVE" not in str(state(explained)["rules"])


# -- the page in a browser -------------------------------------------------------------------------------

CHECK = """<script>
addEventListener("load", () => {
  const wrong = [];
  document.querySelectorAll("details").forEach(one => one.open = true);
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) wrong.push("page is too wide");
  document.querySelectorAll("pre, p, h1, h2, li").forEach(one => {
    if (one.scrollWidth > one.clientWidth + 1) wrong.push("overflow: " + one.textContent.slice(0, 40)); });
  const picture = document.querySelector("svg"), frame = picture.viewBox.baseVal;
  const texts = [...picture.querySelectorAll("text")], boxes = texts.map(one => one.getBBox());
  boxes.forEach((box, index) => {
    if (box.x < 0 || box.x + box.width > frame.width || box.y + box.height > frame.height)
      wrong.push("outside: " + texts[index].textContent);
    boxes.slice(0, index).forEach(other => {
      if (box.x < other.x + other.width && other.x < box.x + box.width &&
          box.y + 3 < other.y + other.height && other.y + 3 < box.y + box.height)
        wrong.push("overlap: " + texts[index].textContent); });
    const previous = texts[index].previousElementSibling;
    if (previous.tagName === "rect" && box.width > previous.getBBox().width)
      wrong.push("too long: " + texts[index].textContent);
  });
  const asked = performance.getEntriesByType("resource").map(one => one.name);
  document.title = JSON.stringify({wrong, asked, texts: texts.length});
});
</script>"""


@pytest.mark.programs
@pytest.mark.parametrize("name", ["run", "launch", "reset", "setup"])
@pytest.mark.parametrize("width", [1200, 500])
def test_the_page_looks_right_in_a_browser_and_asks_nothing_of_a_network(name: str, width: int, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.fail("there is no chromium: .ci/setup-tools installs it for make test")
    page = tmp_path / "page.html"
    text = "\n".join(as_html(told(name)))
    assert not re.search(r"<(script|link|img|iframe)|@import|url\((?!#)", text)
    page.write_text(text.replace("</head>", f"{CHECK}</head>"))
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --dump-dom"
    )
    done = subprocess.run(
        [
            browser,
            *flags.split(),
            f"--window-size={width},900",
            f"--user-data-dir={tmp_path / 'profile'}",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    found = re.search(r"<title>(.*?)</title>", done.stdout)
    assert found, done.stdout[:500]
    seen = json.loads(found[1])
    assert (seen["wrong"], seen["asked"]) == ([], [])
    assert seen["texts"] > 5
