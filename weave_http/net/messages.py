"""pyroute2's rtnetlink message classes, without the rest of pyroute2.

Importing the package runs its `__init__`, which imports every protocol it knows and asyncio: 0.2 s, more than the
whole of an attach. The classes that say how a message is laid out take 20 ms. So while they are imported, an empty
module stands in for the package; it is gone afterwards, and an `import pyroute2` elsewhere works as ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from types import ModuleType

from weave_http.errors import HostError

__all__ = ["ifaddrmsg", "ifinfmsg", "ndmsg", "nsidmsg", "rtmsg"]


@contextmanager
def _package_left_alone(name: str) -> Iterator[None]:
    if name in sys.modules:
        yield
        return
    spec = PathFinder.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise HostError(f"Python package {name} is missing", hint="install weave-http[host]")
    stand_in = ModuleType(name)
    stand_in.__path__ = spec.submodule_search_locations
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        del sys.modules[name]


with _package_left_alone("pyroute2"):
    from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    from pyroute2.netlink.rtnl.ndmsg import ndmsg
    from pyroute2.netlink.rtnl.nsidmsg import nsidmsg
    from pyroute2.netlink.rtnl.rtmsg import rtmsg
