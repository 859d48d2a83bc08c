"""Weave's network and the Docker Engine API, as a library.

    import os
    from weave_http import open_caller, operations, perform

    with open_caller(os.environ) as caller:
        print(perform(caller, operations.Status()).out)      # an operation: its exit code, and what it said
        for container in caller.engine.containers.list():    # any call of the Docker Engine API
            print(container["Id"])

`operations` has what can be asked of a host, as values; `perform` has it done; `run_args.parse` makes of docker run's
arguments what `commands.run_container` takes; and the rest is the client. Each name is imported when it is asked for
first: importing `weave_http` costs nothing.
"""

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` for it would cost milliseconds
if TYPE_CHECKING:  # `as` says to them that a name is offered
    from weave_http import commands as commands
    from weave_http import operations as operations
    from weave_http import run_args as run_args
    from weave_http.commands.caller import Caller as Caller
    from weave_http.commands.fleet import Fleet as Fleet
    from weave_http.commands.opening import open_caller as open_caller
    from weave_http.commands.opening import open_fleet as open_fleet
    from weave_http.commands.perform import perform as perform
    from weave_http.engine import AttachedOutput as AttachedOutput
    from weave_http.engine import ByteStream as ByteStream
    from weave_http.engine import Created as Created
    from weave_http.engine import Credentials as Credentials
    from weave_http.engine import Endpoint as Endpoint
    from weave_http.engine import Engine as Engine
    from weave_http.engine import ExitStatus as ExitStatus
    from weave_http.engine import ObjectStream as ObjectStream
    from weave_http.engine import PendingExit as PendingExit
    from weave_http.engine import PendingExits as PendingExits
    from weave_http.engine import Ping as Ping
    from weave_http.engine import Progress as Progress
    from weave_http.engine import Session as Session
    from weave_http.engine import TLSFiles as TLSFiles
    from weave_http.engine import connect as connect
    from weave_http.engine import copy_image as copy_image
    from weave_http.engine import docker_credentials as docker_credentials
    from weave_http.engine import resolve_endpoint as resolve_endpoint
    from weave_http.engine.errors import APIError as APIError
    from weave_http.engine.errors import Conflict as Conflict
    from weave_http.engine.errors import EndpointError as EndpointError
    from weave_http.engine.errors import InvalidReference as InvalidReference
    from weave_http.engine.errors import NotFound as NotFound
    from weave_http.engine.errors import ProtocolError as ProtocolError
    from weave_http.engine.errors import StreamError as StreamError
    from weave_http.engine.errors import TimedOut as TimedOut
    from weave_http.engine.errors import TLSFailure as TLSFailure
    from weave_http.engine.errors import TransportError as TransportError
    from weave_http.engine.errors import Unreachable as Unreachable
    from weave_http.engine.errors import VersionError as VersionError
    from weave_http.errors import EngineError as EngineError
    from weave_http.errors import ExitCode as ExitCode
    from weave_http.errors import HostError as HostError
    from weave_http.errors import SandboxError as SandboxError
    from weave_http.errors import UsageError as UsageError
    from weave_http.errors import WeaveError as WeaveError
    from weave_http.operations.outcome import Outcome as Outcome

__version__ = "0.1.0"

_HOMES = {
    "weave_http.commands": (),
    "weave_http.commands.caller": ("Caller",),
    "weave_http.commands.fleet": ("Fleet",),
    "weave_http.commands.opening": ("open_caller", "open_fleet"),
    "weave_http.commands.perform": ("perform",),
    "weave_http.engine": (
        *("AttachedOutput", "ByteStream", "Created", "Credentials", "Endpoint", "Engine", "ExitStatus"),
        *("ObjectStream", "PendingExit", "PendingExits", "Ping", "Progress", "Session", "TLSFiles"),
        *("connect", "copy_image", "docker_credentials", "resolve_endpoint"),
    ),
    "weave_http.engine.errors": (
        *("APIError", "Conflict", "EndpointError", "InvalidReference", "NotFound", "ProtocolError", "StreamError"),
        *("TLSFailure", "TimedOut", "TransportError", "Unreachable", "VersionError"),
    ),
    "weave_http.errors": ("EngineError", "ExitCode", "HostError", "SandboxError", "UsageError", "WeaveError"),
    "weave_http.operations": (),
    "weave_http.operations.outcome": ("Outcome",),
    "weave_http.run_args": (),
}
"""Where each name is to be found; what is said above to type checkers again, for the import system."""


if not TYPE_CHECKING:  # or every name would be there for them
    from weave_http.lazy import lazy_names

    __getattr__ = lazy_names(__name__, _HOMES)

__all__ = ["__version__", "commands", "operations", "run_args"]
__all__ += [name for names in _HOMES.values() for name in names]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
