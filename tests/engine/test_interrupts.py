"""Ctrl-C at any moment leaves no connection and no descriptor behind."""

from __future__ import annotations

import gc
import random
import signal
import sys
import threading
import time

import pytest

from tests.descriptors import descriptors
from tests.engine.conftest import Wire
from tests.engine.test_contract import eventually
from tests.fake_engine import Recorded, Reply


def interrupt_after(seconds: float) -> threading.Timer:
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(seconds, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    return timer


def busy_until_interrupted(wire: Wire, seconds: float) -> None:
    timer = interrupt_after(seconds)
    try:
        with wire.engine() as engine:
            # An interrupt in a destructor is lost: the interpreter drops it.
            deadline = time.monotonic() + seconds + 5
            while time.monotonic() < deadline:
                engine.system.info()
                with engine.containers.logs("c1", tty=True) as output:
                    next(output)
            raise KeyboardInterrupt
    finally:
        timer.join()


def test_an_interrupt_while_the_daemon_hangs(wire: Wire) -> None:
    def hang(_request: Recorded, reply: Reply) -> None:
        reply.wait(wire.fake.closing)

    wire.fake.on("POST", "/containers/c1/start", hang)
    before = descriptors()
    with wire.engine() as engine:
        engine.system.info()
        timer = interrupt_after(0.1)
        with pytest.raises(KeyboardInterrupt):
            engine.containers.start("c1")
        timer.join()
        assert eventually(lambda: wire.fake.open_connections <= wire.kept(2))
        assert engine.system.info()["ID"] == "FAKE"
    gc.collect()
    assert eventually(lambda: descriptors() <= before)


def test_an_interrupt_while_a_stream_is_read(wire: Wire) -> None:
    before = descriptors()
    with wire.engine() as engine:
        engine.system.info()
        timer = interrupt_after(0.1)
        with pytest.raises(KeyboardInterrupt), engine.system.events() as events:
            next(events)
        timer.join()
        assert eventually(lambda: wire.fake.open_connections <= wire.kept(2))
    assert eventually(lambda: descriptors() <= before)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_interrupts_at_random_moments(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    # A socket that is interrupted between its making and its keeping is closed by the interpreter, with a warning; that
    # may be interrupted in its turn, and goes nowhere then.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)

    def log(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/vnd.docker.raw-stream")
        for _ in range(3):
            reply.more(b"line\n")
        reply.end()

    wire.fake.on("GET", "/containers/c1/logs", log)
    chance = random.Random(6784)
    before = descriptors()
    for _ in range(60):
        with pytest.raises(KeyboardInterrupt):
            busy_until_interrupted(wire, chance.uniform(0.001, 0.03))

    def none_is_left() -> bool:
        gc.collect()
        return descriptors() <= before

    assert eventually(none_is_left)
