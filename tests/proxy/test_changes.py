"""What is done beside calls, when several of them come at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from tests.proxy.test_connection import FakeHome
from weave_http.proxy.changes import Changes
from weave_http.proxy.settings import settings_of


class Host:
    """A visit: counts who has the waiter's container made at the same time."""

    def __init__(self) -> None:
        self.engine: Any = SimpleNamespace(images=SimpleNamespace(inspect=lambda _: {"Config": {"Cmd": ["sh"]}}))
        self.making = self.most = 0
        self._lock = threading.Lock()

    def waiter(self) -> str:
        with self._lock:
            self.making += 1
            self.most = max(self.most, self.making)
        time.sleep(0.02)
        with self._lock:
            self.making -= 1
        return "weavevolumes-1"


class Home(FakeHome):
    """A home where that is visited."""

    def __init__(self) -> None:
        super().__init__()
        self.host = Host()
        self.near.close()
        self.daemon.close()

    @contextmanager
    def visit(self) -> Iterator[Any]:
        yield self.host


def test_creates_at_once_wait_for_the_one_that_makes_the_waiter_s_container() -> None:
    home = Home()
    changes = Changes(home, settings_of({"without-dns": True}))
    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda name: changes.create(b'{"Image": "i"}', name), "abcdefgh"))
    assert home.host.most == 1
    for made in bodies:
        assert json.loads(made or b"")["HostConfig"]["VolumesFrom"] == ["weavevolumes-1:ro"]
