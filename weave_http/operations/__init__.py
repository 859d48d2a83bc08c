"""What can be asked of a Docker host, as values; pure, for both sides of the wire.

    from weave_http.operations import Attach, parse

    parse(["attach", "10.2.1.1/24", "web"])         # Attach(addresses=(IPv4Interface('10.2.1.1/24'),), container='web')
    Attach.parse(["10.2.1.1/24", "web"]).words()    # ['attach', '10.2.1.1/24', 'web']

Each operation is declared once, in the module that `index` names; parser, words, usage and help come from there. The
caller's side performs it (`weave_http.commands.perform`), the host's side does it (`weave_http.host.perform`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module

from weave_http.errors import UsageError
from weave_http.hints import TYPE_CHECKING
from weave_http.lazy import lazy_names
from weave_http.operations.index import MODULES, SUMMARIES

if TYPE_CHECKING:
    from weave_http.operations.diagnosis import Doctor, Ping, Rtt
    from weave_http.operations.exposing import Expose, Hide
    from weave_http.operations.joining import Attach, Detach, Restart, Start
    from weave_http.operations.launch import Launch
    from weave_http.operations.names import DnsAdd, DnsArgs, DnsLookup, DnsRemove, LaunchDns
    from weave_http.operations.operation import Operation
    from weave_http.operations.peers import Connect, Forget, Rmpeer
    from weave_http.operations.plain import (
        GONE,
        BridgeType,
        Config,
        CreateBridge,
        DockerBridgeIp,
        Env,
        Gone,
        Help,
        Prime,
        Reset,
        Setup,
        Stop,
        StopDns,
        Upgrade,
        Version,
    )
    from weave_http.operations.reading import Ps, Report, Status
    from weave_http.operations.run import Run
    from weave_http.operations.secrecy import Password

__all__ = [
    "GONE",
    "Attach",
    "BridgeType",
    "Config",
    "Connect",
    "CreateBridge",
    "Detach",
    "DnsAdd",
    "DnsArgs",
    "DnsLookup",
    "DnsRemove",
    "DockerBridgeIp",
    "Doctor",
    "Env",
    "Expose",
    "Forget",
    "Gone",
    "Help",
    "Hide",
    "Launch",
    "LaunchDns",
    "Operation",
    "Password",
    "Ping",
    "Prime",
    "Ps",
    "Report",
    "Reset",
    "Restart",
    "Rmpeer",
    "Rtt",
    "Run",
    "Setup",
    "Start",
    "Status",
    "Stop",
    "StopDns",
    "Upgrade",
    "Version",
    "asks_for_json",
    "find",
    "operations",
    "parse",
]

NAMES = tuple(SUMMARIES)
"""Their names."""


def _class_of(name: str) -> str:
    return "".join(part.title() for part in name.split("-"))


_HOMES = {f"{__name__}.{module}": tuple(map(_class_of, names)) for module, names in MODULES.items()}
_HOMES[f"{__name__}.plain"] += ("Gone", "GONE")
_HOMES[f"{__name__}.operation"] = ("Operation",)


def find(name: str) -> type[Operation] | None:
    """Return the class of the operation of that name, or None."""
    for module, names in MODULES.items():
        if name in names:
            found: type[Operation] = getattr(import_module(f"{__name__}.{module}"), _class_of(name))
            return found
    return None


def operations() -> Iterator[type[Operation]]:
    """Yield all operations."""
    for name in NAMES:
        if (operation := find(name)) is not None:
            yield operation


def parse(words: Sequence[str]) -> Operation:
    """Return the operation that words make.

    Args:
        words: its name and its arguments.

    Raises:
        UsageError: they make none.
    """
    if not words:
        raise UsageError("no command given", hint=f"expected one of {', '.join(NAMES)}")
    operation = find(words[0])
    if operation is not None:
        return operation.parse(words[1:])
    from weave_http.operations.plain import GONE, Gone

    if words[0] in GONE:
        return Gone.parse(words)
    raise UsageError(f"unknown command {words[0]!r}", hint=f"expected one of {', '.join(NAMES)}")


def asks_for_json(words: Sequence[str]) -> bool:
    """Tell whether words ask for JSON: only an operation whose answer has a form in JSON can.

    Args:
        words: its name and its arguments; they need not make sense.
    """
    if not any(word in ("json", "--format=json") for word in words):
        return False
    operation = find(words[0])
    if operation is None or not any(part.field == "json" for part in operation.parts):
        return False
    from itertools import pairwise, takewhile

    own = list(takewhile(lambda word: word != "--", words))
    return "--format=json" in own or ("--format", "json") in pairwise(own)


if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _HOMES)
