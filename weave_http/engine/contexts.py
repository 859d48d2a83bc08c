"""Docker contexts: named endpoints in the docker configuration, as `docker context` writes them.

The store is `contexts/meta/<sha256 of the name>/meta.json` with `Endpoints.docker.Host` and `.SkipTLSVerify`; TLS files
lie in `contexts/tls/<the same>/docker/{ca,cert,key}.pem`. Files are read through a function, so that tests need none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from weave_http import docker_config
from weave_http.docker_config import ReadFile, Warn, field
from weave_http.engine.address import Endpoint, TLSFiles, parse_host
from weave_http.engine.errors import EndpointError
from weave_http.records import replace

_DEFAULT = "default"
"""The context that is no context: the host by flag or variable, else the default socket."""
_PLAIN_PORT, _TLS_PORT = 80, 443
"""Where a context's `tcp://` goes that has no port: docker takes it for a web server's address there."""


def choose(
    environ: Mapping[str, str], directory: str, *, host: str | None, context: str | None, read: ReadFile, warn: Warn
) -> tuple[str, str] | None:
    """Return name and origin of the context to use, or None when a host or the default socket is meant.

    Args:
        directory: of the docker configuration.
    """
    if context:
        return None if context == _DEFAULT else (context, "--context")
    if host is not None or environ.get("DOCKER_HOST"):
        return None
    name = environ.get("DOCKER_CONTEXT")
    if name:
        return None if name == _DEFAULT else (name, "DOCKER_CONTEXT")
    path = docker_config.config_file(directory)
    name = field(docker_config.load(directory, read, warn), "currentContext") or ""
    if not isinstance(name, str):
        warn(f"currentContext in {path} is no text; going on without it")
        return None
    return (name, f"currentContext in {path}") if name and name != _DEFAULT else None


def load(directory: str, name: str, reason: str, read: ReadFile) -> Endpoint:
    """Return the endpoint of a context.

    Args:
        directory: of the docker configuration.
        name: the context's name.
        reason: what named it, as `DOCKER_CONTEXT`.

    Raises:
        EndpointError: there is no such context, or it holds no docker endpoint.
    """
    from hashlib import sha256

    digest = sha256(name.encode(errors="surrogatepass")).hexdigest()
    source = f"context {name!r}, from {reason}"
    path = os.path.join(directory, "contexts", "meta", digest, "meta.json")
    content = read(path)
    if content is None:
        raise EndpointError(f"there is no docker context {name!r} ({reason})", hint="docker context ls lists them")
    try:
        endpoints = field(docker_config.parsed(content), "Endpoints")
    except ValueError as error:
        raise EndpointError(f"{path} {error}", hint=f"it should be the docker context {name!r} ({reason})") from error
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    host = field(docker, "Host")
    if host is None or host == "":
        host = "unix://"  # the default socket, as with docker
    if not isinstance(docker, dict) or not isinstance(host, str):
        raise EndpointError(
            f"the docker context {name!r} ({reason}) names no docker endpoint", hint=f"look into {path}"
        )
    files = {
        part: found if read(found) is not None else ""
        for part in ("ca", "cert", "key")
        for found in [os.path.join(directory, "contexts", "tls", digest, "docker", f"{part}.pem")]
    }
    skip = field(docker, "SkipTLSVerify") is True
    tls = TLSFiles(verify=not skip, **files) if skip or any(files.values()) else None
    if tls and not (tls.cert and tls.key):
        tls = replace(tls, cert="", key="")
    return parse_host(host, source, tls, port=_TLS_PORT if tls else _PLAIN_PORT)


def names(directory: str, read: ReadFile) -> list[str]:
    """Return the names of all contexts that the docker configuration has, sorted; what is no context is left out.

    Args:
        directory: of the docker configuration.
        read: returns a file's content, or None when it is missing.
    """
    folder = os.path.join(directory, "contexts", "meta")
    try:
        entries = os.listdir(folder)
    except OSError:
        return []
    found = []
    for entry in entries:
        try:
            name = field(docker_config.parsed(read(os.path.join(folder, entry, "meta.json")) or b""), "Name")
        except ValueError:
            continue
        if isinstance(name, str) and name:
            found.append(name)
    return sorted(found)
