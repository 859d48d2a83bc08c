"""For all tests: what each needs, Ctrl-C means Ctrl-C, and how long an example takes is no failure.

What a test needs beside Python is said by a marker (pyproject.toml lists them), and a test is never skipped for want of
it: `make test` runs all but those marked `long`, `make test-long` runs these, and `make test-quick` those without any.
Most markers follow from the fixtures of a test.

A shell starts what runs in the background with SIGINT ignored, nohup with SIGHUP, and programs inherit that. On a busy
machine any example of hypothesis may be slow.
"""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
FILES = {
    "cli/test_docker_connects_alike.py": "programs",  # docker
    "engine/test_docker_credentials_alike.py": "programs",  # docker
    "router/addresses/test_model.py": "programs",  # spin, gcc
    "run_args/test_docker_agrees.py": "programs",  # docker
    "transcript/test_formats.py": "programs",  # curl
    "transcript/test_script.py": "programs",  # curl, jq
    "transcript/test_script_of_run.py": "programs",  # curl, jq
    "transcript/test_two_daemons.py": "programs",  # curl, jq
    "local/test_process.py": "kernel",
    "local/test_resident.py": "kernel",
    "cli/test_completion.py": "slow",
    "engine/test_contract.py": "slow",
    "engine/test_failures_as_seen.py": "slow",
    "engine/test_interactive.py": "slow",
    "engine/test_interrupts.py": "slow",
    "transcript/test_recordings.py": "slow",
}
"""File below tests/ → marker of all its tests."""
NEEDS = {
    "spaces": "kernel",  # network namespaces
    "stage": "kernel",
    "routed": "kernel",
    "waiting": "kernel",
    "waiter": "programs",  # gcc
    "ssh": "programs",
    "server_of_ssh": "programs",
    "own_sandbox": "hosts",
}
"""Fixture → marker of the tests that use it."""

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the markers that its file, its fixtures and its parameters imply; put what waits long first.

    Files are shared out in their order: at the end, when a process has none left, the others should soon be done.
    """
    items.sort(key=lambda item: item.path.parent != TESTS / "hosts")
    for item in items:
        if marker := FILES.get(item.path.relative_to(TESTS).as_posix()):
            item.add_marker(marker)
        for name in {NEEDS[name] for name in getattr(item, "fixturenames", ()) if name in NEEDS}:
            item.add_marker(name)
        if "sshd" in getattr(getattr(item, "callspec", None), "params", {}).values():
            item.add_marker("programs")
