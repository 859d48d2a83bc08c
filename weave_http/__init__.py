"""Weave's network and the Docker Engine API, as a library.

    import os
    from weave_http import commands, open_caller

    with open_caller(os.environ) as caller:
        commands.status(caller)                              # a weave command: prints, returns its exit code
        for container in caller.engine.containers.list():    # any call of the Docker Engine API
            print(container["Id"])

`commands` has the weave commands as functions, `run_args.parse` makes of docker run's arguments what
`commands.run` takes, and the rest is the client. Each name is imported when it is asked for first: importing
`weave_http` costs nothing.
"""

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` for it would cost milliseconds
if TYPE_CHECKING:
    from weave_http import commands, run_args
    from weave_http.commands.caller import Caller
    from weave_http.commands.opening import open_caller
    from weave_http.engine import (
        AttachedOutput,
        ByteStream,
        Created,
        Credentials,
        Endpoint,
        Engine,
        ExitStatus,
        ObjectStream,
        Ping,
        Progress,
        Session,
        TLSFiles,
        Waiter,
        Waits,
        connect,
        copy_image,
        docker_credentials,
        resolve_endpoint,
    )
    from weave_http.engine.errors import (
        APIError,
        Conflict,
        EndpointError,
        InvalidReference,
        NotFound,
        ProtocolError,
        StreamError,
        TimedOut,
        TLSFailure,
        TransportError,
        Unreachable,
        VersionError,
    )
    from weave_http.errors import EngineError, ExitCode, HostError, SandboxError, UsageError, WeaveError

__version__ = "0.1.0"

_HOMES = {
    "weave_http.commands": (),
    "weave_http.commands.caller": ("Caller",),
    "weave_http.commands.opening": ("open_caller",),
    "weave_http.engine": (
        *("AttachedOutput", "ByteStream", "Created", "Credentials", "Endpoint", "Engine", "ExitStatus"),
        *("ObjectStream", "Ping", "Progress", "Session", "TLSFiles", "Waiter", "Waits"),
        *("connect", "copy_image", "docker_credentials", "resolve_endpoint"),
    ),
    "weave_http.engine.errors": (
        *("APIError", "Conflict", "EndpointError", "InvalidReference", "NotFound", "ProtocolError", "StreamError"),
        *("TLSFailure", "TimedOut", "TransportError", "Unreachable", "VersionError"),
    ),
    "weave_http.errors": ("EngineError", "ExitCode", "HostError", "SandboxError", "UsageError", "WeaveError"),
    "weave_http.run_args": (),
}
"""Where each name is to be found; what is said above to type checkers again, for the import system."""

__all__ = [
    "APIError",
    "AttachedOutput",
    "ByteStream",
    "Caller",
    "Conflict",
    "Created",
    "Credentials",
    "Endpoint",
    "EndpointError",
    "Engine",
    "EngineError",
    "ExitCode",
    "ExitStatus",
    "HostError",
    "InvalidReference",
    "NotFound",
    "ObjectStream",
    "Ping",
    "Progress",
    "ProtocolError",
    "SandboxError",
    "Session",
    "StreamError",
    "TLSFailure",
    "TLSFiles",
    "TimedOut",
    "TransportError",
    "Unreachable",
    "UsageError",
    "VersionError",
    "Waiter",
    "Waits",
    "WeaveError",
    "__version__",
    "commands",
    "connect",
    "copy_image",
    "docker_credentials",
    "open_caller",
    "resolve_endpoint",
    "run_args",
]


if not TYPE_CHECKING:  # or every name would be there for them
    from weave_http.lazy import lazy_names

    __getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
