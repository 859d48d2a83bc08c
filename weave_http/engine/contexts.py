"""Docker contexts: named endpoints in the docker configuration, as `docker context` writes them.

The store is `contexts/meta/<sha256 of the name>/meta.json` with `Endpoints.docker.Host` and `.SkipTLSVerify`; TLS files
lie in `contexts/tls/<the same>/docker/{ca,cert,key}.pem`. Files are read through a function, so that tests need none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from weave_http.engine.endpoint import Endpoint, ReadFile, TLSFiles, config_dir, parse_host
from weave_http.engine.errors import EndpointError

_DEFAULT = "default"
"""The context that is no context: the host by flag or variable, else the default socket."""


def choose(
    environ: Mapping[str, str], *, host: str | None, context: str | None, read: ReadFile
) -> tuple[str, str] | None:
    """Return name and origin of the context to use, or None when a host or the default socket is meant.

    Raises:
        EndpointError: the docker configuration is not readable as JSON.
    """
    if context:
        return None if context == _DEFAULT else (context, "--context")
    if host is not None or environ.get("DOCKER_HOST"):
        return None
    name = environ.get("DOCKER_CONTEXT")
    if name:
        return None if name == _DEFAULT else (name, "DOCKER_CONTEXT")
    path = os.path.join(config_dir(environ), "config.json")
    name = _object(read(path), path).get("currentContext", "")
    if not isinstance(name, str) or name in ("", _DEFAULT):
        return None
    return name, f"currentContext in {path}"


def load(environ: Mapping[str, str], name: str, reason: str, read: ReadFile) -> Endpoint:
    """Return the endpoint of a context.

    Args:
        name: the context's name.
        reason: what named it, as `DOCKER_CONTEXT`.

    Raises:
        EndpointError: there is no such context, or it holds no docker endpoint.
    """
    from hashlib import sha256

    directory, digest = config_dir(environ), sha256(name.encode()).hexdigest()
    source = f"context {name!r}, from {reason}"
    path = os.path.join(directory, "contexts", "meta", digest, "meta.json")
    content = read(path)
    if content is None:
        raise EndpointError(f"there is no docker context {name!r} ({reason})", hint="docker context ls lists them")
    endpoints = _object(content, path).get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    host = docker.get("Host") if isinstance(docker, dict) else None
    if not isinstance(docker, dict) or not isinstance(host, str) or not host:
        raise EndpointError(
            f"the docker context {name!r} ({reason}) names no docker endpoint", hint=f"look into {path}"
        )
    files = {
        part: found if read(found) is not None else ""
        for part in ("ca", "cert", "key")
        for found in [os.path.join(directory, "contexts", "tls", digest, "docker", f"{part}.pem")]
    }
    skip = docker.get("SkipTLSVerify") is True
    tls = TLSFiles(verify=not skip, **files) if skip or any(files.values()) else None
    return parse_host(host, source, tls)


def _object(content: bytes | None, path: str) -> dict[str, Any]:
    if content is None or not content.strip():
        return {}
    try:
        value = json.loads(content)
    except ValueError as error:
        raise EndpointError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise EndpointError(f"{path} holds no JSON object")
    return value
