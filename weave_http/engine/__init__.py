"""The Docker Engine API client.

    from weave_http.engine import connect, resolve_endpoint

    with connect(resolve_endpoint(os.environ)) as engine:
        for container in engine.containers.list(all=True):
            print(container["Id"])

Importing it imports no HTTP library; that happens with the first call.
"""

from weave_http.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from weave_http.engine.address import Endpoint as Endpoint
    from weave_http.engine.address import TLSFiles as TLSFiles
    from weave_http.engine.body_streams import ByteStream as ByteStream
    from weave_http.engine.body_streams import ObjectStream as ObjectStream
    from weave_http.engine.client import Engine as Engine
    from weave_http.engine.connecting import (
        connect as connect,
    )
    from weave_http.engine.connecting import (
        local_engine as local_engine,
    )
    from weave_http.engine.containers import Created as Created
    from weave_http.engine.copying import copy_image as copy_image
    from weave_http.engine.credentials import (
        Credentials as Credentials,
    )
    from weave_http.engine.credentials import (
        docker_credentials as docker_credentials,
    )
    from weave_http.engine.endpoint import resolve_endpoint as resolve_endpoint
    from weave_http.engine.exits import (
        ExitStatus as ExitStatus,
    )
    from weave_http.engine.exits import (
        PendingExit as PendingExit,
    )
    from weave_http.engine.exits import (
        PendingExits as PendingExits,
    )
    from weave_http.engine.interactive import Session as Session
    from weave_http.engine.output import AttachedOutput as AttachedOutput
    from weave_http.engine.progress import Progress as Progress
    from weave_http.engine.system import Ping as Ping
    from weave_http.engine.wire.contract import (
        Duplex as Duplex,
    )
    from weave_http.engine.wire.contract import (
        Patience as Patience,
    )
    from weave_http.engine.wire.contract import (
        Request as Request,
    )
    from weave_http.engine.wire.contract import (
        Response as Response,
    )
    from weave_http.engine.wire.contract import (
        Transport as Transport,
    )

_HOMES = {
    "weave_http.engine.body_streams": ("ByteStream", "ObjectStream"),
    "weave_http.engine.client": ("Engine",),
    "weave_http.engine.connecting": ("connect", "local_engine"),
    "weave_http.engine.containers": ("Created",),
    "weave_http.engine.copying": ("copy_image",),
    "weave_http.engine.credentials": ("Credentials", "docker_credentials"),
    "weave_http.engine.address": ("Endpoint", "TLSFiles"),
    "weave_http.engine.endpoint": ("resolve_endpoint",),
    "weave_http.engine.exits": ("ExitStatus", "PendingExit", "PendingExits"),
    "weave_http.engine.interactive": ("Session",),
    "weave_http.engine.output": ("AttachedOutput",),
    "weave_http.engine.progress": ("Progress",),
    "weave_http.engine.system": ("Ping",),
    "weave_http.engine.wire.contract": ("Duplex", "Patience", "Request", "Response", "Transport"),
}
"""Where each name is to be found."""

if not TYPE_CHECKING:  # or every name would be there for them
    from weave_http.lazy import lazy_names

    __getattr__ = lazy_names(__name__, _HOMES)
