"""What the router asks the engine of its host."""

import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.fake_engine import FakeContainer, FakeEngine
from weave_http.addresses import parse_ip
from weave_http.router.engine import default_gateway, engine_socket, is_running


def test_whether_a_container_runs_is_asked_of_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "d.sock"
    with FakeEngine(path) as fake:
        for number, status in ((1, "running"), (2, "exited")):
            fake.containers[f"c{number}"] = FakeContainer(f"c{number}", f"c{number}", {}, status)
        assert [is_running(each, str(path)) for each in ("c1", "c2", "c3")] == [True, False, False]
    assert not is_running("c1", str(path))


@pytest.mark.parametrize(
    ("ranges", "gateway"),
    [
        ([{"Subnet": "10.88.0.0/16", "Gateway": "10.88.0.1"}], "10.88.0.1"),
        ([{"Subnet": "fd00::/64", "Gateway": "fd00::1"}, {"Gateway": "172.17.0.1"}], "172.17.0.1"),
        ([{"Subnet": "172.17.0.0/16"}], None),
        (None, None),
    ],
)
def test_the_default_network_s_gateway(tmp_path: Path, ranges: Any, gateway: str | None) -> None:
    path = tmp_path / "d.sock"
    with FakeEngine(path) as fake:
        assert default_gateway(str(path)) is None, "there is no such network"
        fake.on("GET", "/networks/bridge", lambda _request, reply: reply.json({"IPAM": {"Config": ranges}}))
        assert default_gateway(str(path)) == (gateway and parse_ip(gateway))
    assert default_gateway(str(path)) is None, "nobody answers"


def test_a_socket_that_leads_nowhere_any_more_makes_way_for_the_hosts_own_path() -> None:
    with TemporaryDirectory() as folder:  # a socket's path is short
        _try_paths(Path(folder))


def _try_paths(tmp_path: Path) -> None:
    root = tmp_path / "proc" / "1" / "root"
    (root / "run").mkdir(parents=True)
    (root / "var").mkdir()
    (root / "var" / "run").symlink_to("/run")
    mounted = tmp_path / "mounted"
    environ = {"PROCFS": str(tmp_path / "proc")}
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(mounted))
    where = str(mounted)
    assert engine_socket(where, environ) == where, "nobody answers anywhere"
    host_path = root / mounted.relative_to("/")
    host_path.parent.mkdir(parents=True)
    with FakeEngine(host_path):
        assert engine_socket(where, environ) == str(host_path)
        assert engine_socket(where, {}) == where
        mounted.unlink()
        with FakeEngine(mounted):
            assert engine_socket(where, environ) == where, "the mounted one is the first choice"
    with FakeEngine(root / "run" / "weave-test-engine.sock"):
        assert engine_socket("/var/run/weave-test-engine.sock", environ) == f"{root}/run/weave-test-engine.sock"
