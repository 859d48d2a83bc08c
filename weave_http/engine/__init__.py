"""The Docker Engine API client.

    from weave_http.engine import connect, resolve_endpoint

    with connect(resolve_endpoint(os.environ)) as engine:
        for container in engine.containers.list(all=True):
            print(container["Id"])

Importing it imports no HTTP library; that happens with the first call.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from weave_http.engine.client import Engine
    from weave_http.engine.connecting import connect, local_engine
    from weave_http.engine.containers import Created
    from weave_http.engine.copying import copy_image
    from weave_http.engine.credentials import Credentials, docker_credentials
    from weave_http.engine.endpoint import Endpoint, TLSFiles, resolve_endpoint
    from weave_http.engine.interactive import Session
    from weave_http.engine.objects import ByteStream, ObjectStream, Progress
    from weave_http.engine.output import AttachedOutput, ExitStatus, Waiter, Waits
    from weave_http.engine.system import Ping
    from weave_http.engine.wire.base import Concurrent, Duplex, Hijacker, Patience, Request, Response, Transport

_HOMES = {
    "weave_http.engine.client": ("Engine",),
    "weave_http.engine.connecting": ("connect", "local_engine"),
    "weave_http.engine.containers": ("Created",),
    "weave_http.engine.copying": ("copy_image",),
    "weave_http.engine.credentials": ("Credentials", "docker_credentials"),
    "weave_http.engine.endpoint": ("Endpoint", "TLSFiles", "resolve_endpoint"),
    "weave_http.engine.interactive": ("Session",),
    "weave_http.engine.objects": ("ByteStream", "ObjectStream", "Progress"),
    "weave_http.engine.output": ("AttachedOutput", "ExitStatus", "Waiter", "Waits"),
    "weave_http.engine.system": ("Ping",),
    "weave_http.engine.wire.base": (
        *("Concurrent", "Duplex", "Hijacker", "Patience", "Request", "Response", "Transport"),
    ),
}
"""Where each name is to be found."""

__all__ = [
    "AttachedOutput",
    "ByteStream",
    "Concurrent",
    "Created",
    "Credentials",
    "Duplex",
    "Endpoint",
    "Engine",
    "ExitStatus",
    "Hijacker",
    "ObjectStream",
    "Patience",
    "Ping",
    "Progress",
    "Request",
    "Response",
    "Session",
    "TLSFiles",
    "Transport",
    "Waiter",
    "Waits",
    "connect",
    "copy_image",
    "docker_credentials",
    "local_engine",
    "resolve_endpoint",
]

if not TYPE_CHECKING:
    from weave_http.lazy import lazy_names

    __getattr__ = lazy_names(__name__, _HOMES)
