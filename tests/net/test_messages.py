from __future__ import annotations

import subprocess
import sys


def _run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_messages_imports_little_of_pyroute2() -> None:
    program = """
import sys
import weave_http.net.guest, weave_http.net.bridge
loaded = set(sys.modules)
print({"asyncio", "pyroute2", "pyroute2.iproute", "pyroute2.ndb", "typer", "httpx", "requests"} & loaded)
"""
    assert _run(program) == "set()"


def test_pyroute2_can_be_used_before_and_after() -> None:
    after = """
from weave_http.net import messages
from pyroute2 import IPRoute
with IPRoute() as kernel:
    print(kernel.link_lookup(ifname="lo"))
"""
    before = "import pyroute2\n" + after + "print(messages.ifinfmsg is pyroute2.netlink.rtnl.ifinfmsg.ifinfmsg)"
    assert _run(after) == "[1]"
    assert _run(before) == "[1]\nTrue"


def test_without_pyroute2_one_line_says_what_to_install() -> None:
    program = """
import weave_http.errors, weave_http.net
from importlib.machinery import PathFinder
real = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name == "pyroute2" else real(name, *rest)
try:
    import weave_http.net.messages
except weave_http.errors.HostError as error:
    print(error)
"""
    assert _run(program) == "Python package pyroute2 is missing; install weave-http[host]"
