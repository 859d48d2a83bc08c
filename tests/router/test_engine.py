"""What the router asks the engine of its host."""

from pathlib import Path
from typing import Any

import pytest

from tests.fake_engine import FakeContainer, FakeEngine
from weave_http.router.engine import default_gateway, is_running


def test_whether_a_container_runs_is_asked_of_the_engine(tmp_path: Path) -> None:
    socket = tmp_path / "d.sock"
    with FakeEngine(socket) as fake:
        for number, status in ((1, "running"), (2, "exited")):
            fake.containers[f"c{number}"] = FakeContainer(f"c{number}", f"c{number}", {}, status)
        assert [is_running(each, str(socket)) for each in ("c1", "c2", "c3")] == [True, False, False]
    assert not is_running("c1", str(socket))


@pytest.mark.parametrize(
    ("ranges", "gateway"),
    [
        ([{"Subnet": "10.88.0.0/16", "Gateway": "10.88.0.1"}], "10.88.0.1"),
        ([{"Subnet": "fd00::/64", "Gateway": "fd00::1"}, {"Gateway": "172.17.0.1"}], "172.17.0.1"),
        ([{"Subnet": "172.17.0.0/16"}], ""),
        (None, ""),
    ],
)
def test_the_default_network_s_gateway(tmp_path: Path, ranges: Any, gateway: str) -> None:
    socket = tmp_path / "d.sock"
    with FakeEngine(socket) as fake:
        assert default_gateway(str(socket)) == "", "there is no such network"
        fake.on("GET", "/networks/bridge", lambda _request, reply: reply.json({"IPAM": {"Config": ranges}}))
        assert default_gateway(str(socket)) == gateway
    assert default_gateway(str(socket)) == "", "nobody answers"
