"""What is imported when: an interpreter's start is most of a short command's time."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("httpx", "requests", "requests_unixsocket", "urllib3", "http.client", "ssl", "email", "asyncio", "typer")


def loaded(code: str) -> set[str]:
    """Return which of the heavy modules are loaded after some code has run in an interpreter of its own."""
    shown = f"{code}\nimport sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", shown], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_the_client_imports_no_http_library() -> None:
    assert loaded("import weave_http.engine") == set()


def test_connecting_imports_none_before_the_first_call() -> None:
    code = "from weave_http.engine import *\nwith connect(resolve_endpoint({'HOME': '/nowhere'})): pass"
    assert loaded(code) == set()


def test_the_host_s_client_needs_none_at_all() -> None:
    code = (
        "from weave_http.engine import local_engine\n"
        "from weave_http.engine.wire.pool import WireTransport\n"
        "with local_engine('/nowhere.sock'): pass"
    )
    assert loaded(code) == set()


@pytest.mark.parametrize(
    ("module", "foreign"),
    [("by_requests", {"httpx", "asyncio", "typer"}), ("by_httpx", {"requests", "urllib3", "typer"})],
)
def test_an_adapter_imports_its_own_library_only(module: str, foreign: set[str]) -> None:
    assert not loaded(f"import weave_http.engine.wire.{module}") & foreign
