from __future__ import annotations

from tests.host.stage import Stage, identity

A, B = "10.2.1.1/24", "10.3.1.1/16"


def _mac(text: str) -> str:
    return text.split()[2]


def test_nothing_is_printed_on_a_host_without_weave(stage: Stage) -> None:
    stage.container("c1")
    result = stage.weave("ps")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_a_line_is_id_mac_and_addresses_after_one_for_the_bridge(stage: Stage) -> None:
    c1 = stage.container("c1")
    stage.container("c2")
    stage.stopped("c3")
    stage.weave("attach", A, B, "c1")
    stage.host.run("ip addr add 10.2.1.254/24 dev weave")
    bridge = _mac(stage.host.run("ip -br link show weave"))
    guest = _mac(c1.run("ip -br link show ethwe"))
    assert stage.weave("ps").out == f"weave:expose {bridge} 10.2.1.254/24\n{identity('c1')[:12]} {guest} {A} {B}\n"


def test_a_bridge_without_address_has_a_line_of_two_words(stage: Stage) -> None:
    stage.container("c1")
    stage.weave("attach", A, "c1")
    stage.weave("detach", A, "c1")
    (line,) = stage.weave("ps").out.splitlines()
    assert line == f"weave:expose {_mac(stage.host.run('ip -br link show weave'))}"


def test_only_those_named_are_printed_and_one_that_there_is_not_is_told(stage: Stage) -> None:
    for name, cidr in (("c1", "10.2.1.1/24"), ("c2", "10.2.1.2/24")):
        stage.container(name)
        stage.weave("attach", cidr, name)
    stage.container("plain")
    stage.container("onhost", stage.host)
    stage.container("dead").die()
    stage.stopped("stopped")
    result = stage.weave("ps", "c2", "nope", "plain", "onhost", "dead", "stopped", "weave:expose", identity("c1"))
    assert (result.code, result.err) == (1, "no such container: nope; docker ps lists those that run\n")
    items = [line.split()[0] for line in result.out.splitlines()]
    assert items == [identity("c2")[:12], "weave:expose", identity("c1")[:12]]


def test_containers_on_the_host_s_own_network_are_not_looked_into(stage: Stage) -> None:
    stage.container("c1")
    stage.running("router")
    stage.engine.containers[identity("router")].config["HostConfig"] = {"NetworkMode": "host"}
    assert stage.weave("ps").code == 0
    looked = [call for call in stage.engine.calls() if call.endswith("/json") and call != "GET /containers/json"]
    assert looked == [f"GET /containers/{identity('c1')}/json"]
