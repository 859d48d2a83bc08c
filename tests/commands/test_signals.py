"""What becomes of a signal, by the policy in force; and none is lost between two of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from unittest.mock import patch

import pytest

from tests.commands.conftest import Desk
from tests.fake_engine import Recorded, Reply, Run
from weave_http import constants
from weave_http.commands import perform
from weave_http.commands import signals as module
from weave_http.commands.executor import execute
from weave_http.commands.signals import (
    ENDING,
    Handing,
    Holding,
    Interrupted,
    Repeating,
    Signals,
    Undoing,
    Unheard,
    all_signals,
)
from weave_http.operations import parse


@pytest.fixture
def signals() -> Iterator[Signals]:
    """Signals that are listened to."""
    own = Signals()
    with own.listening():
        yield own


def send(number: signal.Signals = signal.SIGINT, times: int = 1) -> None:
    for _ in range(times):
        os.kill(os.getpid(), number)


def test_without_a_policy_the_first_one_is_raised(signals: Signals) -> None:
    with pytest.raises(Interrupted) as caught:
        send(signal.SIGTERM)
    assert caught.value.exit_code == 143


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("wait", [lambda: SimpleQueue[None]().get(timeout=60), lambda: time.sleep(60)])
def test_one_that_does_not_break_off_a_wait_of_the_main_thread_ends_it_all_the_same(wait: Callable[[], None]) -> None:
    def send_here() -> None:
        time.sleep(0.1)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    thread = threading.Thread(target=send_here)
    thread.start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        wait()
    assert time.monotonic() - began < 30
    thread.join()


def test_handlers_are_as_before_when_nobody_listens_any_more() -> None:
    numbers = [*ENDING, signal.SIGURG]
    before = [signal.getsignal(number) for number in numbers], signal.set_wakeup_fd(-1), threading.active_count()
    with Signals().listening():
        pass
    after = [signal.getsignal(number) for number in numbers], signal.set_wakeup_fd(-1), threading.active_count()
    assert after == before


@pytest.mark.usefixtures("signals")
def test_one_that_comes_in_the_midst_of_an_import_is_raised_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_half.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhole = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    imported = []

    def use() -> None:
        imported.append(import_module("imported_half").whole)
        time.sleep(5)

    with pytest.raises(Interrupted):
        use()
    assert imported == [True]


def test_undoing_notes_the_first_and_raises_the_second(signals: Signals) -> None:
    with signals.under(Undoing()):
        send()
        assert signals.waiting == signal.SIGINT
        with pytest.raises(Interrupted):
            signals.check()
        with pytest.raises(Interrupted):
            send()


def test_holding_notes_any_number_unless_they_go_on_for_long(signals: Signals) -> None:
    with signals.under(Holding()):
        send(times=10)
        assert signals.waiting == signal.SIGINT
        with patch.object(module, "SECONDS", 0.0), pytest.raises(Interrupted):
            send()


def test_repeating_sends_until_its_end_and_raises_the_second(signals: Signals) -> None:
    sent: list[int] = []
    with patch.object(module, "GRACE_SECONDS", 0.0), patch.object(module, "RESEND_SECONDS", 0.01):
        with signals.under(Repeating(sent.append)):
            send(signal.SIGHUP)
            while len(sent) < 3:
                time.sleep(0.01)
            with pytest.raises(Interrupted):
                send(signal.SIGHUP)
        count = len(sent)
        time.sleep(0.05)
    assert set(sent) == {signal.SIGHUP}
    assert len(sent) == count


def test_repeating_begins_with_what_was_noted_before(signals: Signals) -> None:
    sent: list[int] = []
    with signals.under(Undoing()):
        send()
        with patch.object(module, "GRACE_SECONDS", 0.0), signals.under(Repeating(sent.append)):
            while not sent:
                time.sleep(0.01)
    assert sent[0] == signal.SIGINT


def test_handing_hands_each_on_once_in_order_with_what_was_noted_before(signals: Signals) -> None:
    sent: list[int] = []
    before = signal.getsignal(signal.SIGUSR1)
    with signals.under(Undoing()):
        send(signal.SIGTERM)
        signals.become(Handing(sent.append, all_signals()))
        send(signal.SIGUSR1)
        send(signal.SIGINT)
    assert sent == [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT]
    assert signal.getsignal(signal.SIGUSR1) == before


def test_handing_gives_up_where_nobody_hears(signals: Signals) -> None:
    hanging = threading.Event()

    def send_to_nobody(_number: int) -> None:
        hanging.wait()

    handing = Handing(send_to_nobody, all_signals())
    with pytest.raises(Unheard), signals.under(handing), patch.object(module, "SECONDS", 0.0):
        send(times=3)
    hanging.set()


def test_the_policy_before_is_in_force_again_after_an_inner_one(signals: Signals) -> None:
    with signals.under(Undoing()):
        with signals.under(Holding()):
            signals.become(Undoing())
        send()
        assert signals.waiting == signal.SIGINT
    with pytest.raises(Interrupted):
        send()


def test_without_listening_signals_are_pythons(capfd: pytest.CaptureFixture[str]) -> None:
    own = Signals()
    with own.under(Undoing()), pytest.raises(KeyboardInterrupt):
        send()
    with own.under(Handing(lambda number: None, all_signals())):
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


@pytest.mark.parametrize("line", ["ps", "run 10.2.1.1/24 busybox sh"])
def test_two_signals_during_create_leave_no_container(desk: Desk, line: str) -> None:
    """The answer has the only name that there is for the container, so it must be heard."""
    desk.fake.images["busybox"] = {"Id": "sha256:" + "2" * 64}
    create = desk.fake._create

    def interrupted(request: Recorded, reply: Reply) -> None:
        if line == "ps" or request.json["Image"] == "busybox":
            for _ in range(2):
                send()
                time.sleep(0.05)
        create(request, reply)

    desk.fake.on("POST", "/containers/create", interrupted)
    with desk.caller.signals.listening(), pytest.raises(Interrupted) as caught:
        perform(desk.caller, parse(line.split()))
    assert caught.value.exit_code == 130
    names = [each.name for each in desk.fake.containers.values()]
    assert [name for name in names if not name.startswith(constants.WAITER_VOLUMES)] == []


def test_a_signal_during_the_removal_does_not_break_it_off(desk: Desk) -> None:
    delete = desk.fake._remove

    def interrupted(request: Recorded, reply: Reply) -> None:
        send(times=2)
        time.sleep(0.05)
        delete(request, reply)

    desk.fake.on("DELETE", r"/containers/[^/]+", interrupted)
    desk.fake.program = lambda config: Run([(1, b"x\n")])
    with desk.caller.signals.listening(), pytest.raises(Interrupted):
        execute(desk.caller, ["ps"])
    assert desk.fake.containers == {}
