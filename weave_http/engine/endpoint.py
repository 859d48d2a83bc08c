"""Which Docker daemon is meant: the rules of the docker command line, as a pure function.

The order is docker's own: `--context` → `-H/--host` → `DOCKER_HOST` → `DOCKER_CONTEXT` → `currentContext` of the
docker configuration → the default socket. An `Endpoint` remembers which of them it came from, because "connection
refused" helps nobody who does not know that a forgotten variable chose the address.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from weave_http import constants
from weave_http.docker_config import FindHome, ReadFile, Warn, config_dir, home_of_user, silent
from weave_http.engine.address import (
    DEFAULT_HOST,
    TLS_PORT,
    Endpoint,
    TLSFiles,
    parse_host,
    unix_endpoint,
)
from weave_http.engine.errors import EndpointError
from weave_http.records import replace


def read_file(path: str) -> bytes | None:
    """Return the content of a file, or None when it does not exist.

    Raises:
        EndpointError: it exists and can't be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise EndpointError(f"{path} can't be read: {error.strerror}") from error


def use_tls(where: str) -> str:
    """Return what to do where a daemon wants TLS; a context has files of its own, which no variable changes.

    Args:
        where: an endpoint with its source.
    """
    return f"{_GIVE_FILES}ca=…,cert=…,key=…" if _CONTEXT in where else "set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"


def use_no_tls(where: str) -> str:
    """Return what to do where a daemon does not speak TLS; see `use_tls`."""
    return "needs a context without TLS files" if _CONTEXT in where else "needs DOCKER_TLS_VERIFY unset"


def tls_folder(where: str) -> str:
    """Return where the TLS files are that are in use; see `use_tls`."""
    return "the context" if _CONTEXT in where else "DOCKER_CERT_PATH"


_CONTEXT = "(context "
_GIVE_FILES = "give the context its TLS files: docker context update NAME --docker host=tcp://…,"


def tls_files(
    environ: Mapping[str, str],
    *,
    tls: bool | None,
    tls_verify: bool | None,
    ca: str | None,
    cert: str | None,
    key: str | None,
    read: ReadFile,
    home: FindHome,
) -> TLSFiles | None:
    """Return the TLS settings that flags and environment ask for, or None for plain HTTP.

    As in docker, `--tlsverify=false` and `DOCKER_TLS` mean TLS without a check of the daemon's certificate, and the
    client's default certificate and key are left out when one of their files is missing. A file that is given as an
    empty text is none: the system's authorities, or no certificate.
    """
    verify = bool(environ.get("DOCKER_TLS_VERIFY")) if tls_verify is None else tls_verify
    if not (verify or tls or tls_verify is not None or (tls is None and environ.get("DOCKER_TLS"))):
        return None
    directory = environ.get("DOCKER_CERT_PATH") or config_dir(environ, home)
    for path, option in ((ca, "--tlscacert"), (cert, "--tlscert"), (key, "--tlskey")):
        if path and read(path) is None:
            raise EndpointError(f"{option} names {path}, which does not exist", hint="give the path of a PEM file")

    def chosen(path: str | None, name: str) -> str:
        if path is not None:
            return path
        path = os.path.join(directory, name)
        return path if read(path) is not None else ""

    if verify and ca is None:
        ca = os.path.join(directory, "ca.pem")
        if read(ca) is None:
            raise EndpointError(
                f"TLS is to be verified, but there is no {ca}",
                hint="DOCKER_CERT_PATH names the directory with ca.pem, cert.pem and key.pem",
            )
    pair = chosen(cert, "cert.pem"), chosen(key, "key.pem")
    if not all(pair):
        if cert or key:
            have, lack = ("certificate", "--tlskey") if cert else ("key", "--tlscert")
            raise EndpointError(f"{cert or key} is a client {have} without its other half", hint=f"give {lack} as well")
        pair = "", ""
    return TLSFiles(verify, (ca or "") if verify else "", *pair)


def resolve_endpoint(
    environ: Mapping[str, str],
    *,
    host: str | None = None,
    context: str | None = None,
    config: str | None = None,
    tls: bool | None = None,
    tls_verify: bool | None = None,
    tls_ca: str | None = None,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    read: ReadFile = read_file,
    home: FindHome = home_of_user,
    warn: Warn = silent,
) -> Endpoint:
    """Find the daemon that the user means, as the docker command line would.

    Args:
        environ: the environment (`DOCKER_HOST`, `DOCKER_CONTEXT`, `DOCKER_CONFIG`, `DOCKER_TLS`, `DOCKER_TLS_VERIFY`,
            `DOCKER_CERT_PATH`, `DOCKER_API_VERSION`, `HOME`).
        host: `-H/--host`; an empty one is the default socket.
        context: `--context`.
        config: `--config`, the directory of the docker configuration with its contexts, instead of `DOCKER_CONFIG`. As
            with docker it is not where the TLS files are that belong to no context.
        tls, tls_verify, tls_ca, tls_cert, tls_key: `--tls`, `--tlsverify`, `--tlscacert`, `--tlscert`, `--tlskey`;
            None where the flag was not given. They don't apply to contexts, which carry their own.
        read: returns a file's content, or None when it is missing.
        home: returns the user's home directory; asked where `HOME` is not set.
        warn: takes one line about a docker configuration that is of no use. As with docker, that is no failure.

    Raises:
        EndpointError: nothing usable is named; the message says where it was named.
    """
    from weave_http.engine import contexts

    if host is not None and context:
        raise EndpointError("--host and --context contradict each other", hint="give one of them")
    directory = config or config_dir(environ, home)
    chosen = contexts.choose(environ, directory, host=host, context=context, read=read, warn=warn)
    if chosen is not None:
        name, reason = chosen
        endpoint = contexts.load(directory, name, reason, read)
    else:
        text, source = (host, "--host") if host is not None else (environ.get("DOCKER_HOST"), "DOCKER_HOST")
        files = {"ca": tls_ca, "cert": tls_cert, "key": tls_key}
        wanted = tls_files(environ, tls=tls, tls_verify=tls_verify, **files, read=read, home=home)
        empty = ", as --host is empty" if host is not None else ""
        if text and text.strip():
            endpoint = parse_host(text, source, wanted)
        elif wanted:
            # docker's own default once TLS is asked for and no host is given.
            endpoint = Endpoint("tcp", host=DEFAULT_HOST, port=TLS_PORT, tls=wanted, source=f"default with TLS{empty}")
        else:
            endpoint = unix_endpoint(constants.DOCKER_SOCKET, f"default socket{empty}")
    return replace(endpoint, api_version=environ.get("DOCKER_API_VERSION", ""))
