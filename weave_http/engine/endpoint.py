"""Which Docker daemon is meant: the rules of the docker command line, as a pure function.

The order is docker's own: `--context` → `-H/--host` → `DOCKER_HOST` → `DOCKER_CONTEXT` → `currentContext` of the
docker configuration → the default socket. An `Endpoint` remembers which of them it came from, because "connection
refused" helps nobody who does not know that a forgotten variable chose the address.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from weave_http import constants
from weave_http.docker_config import FindHome, ReadFile, Warn, config_dir, home_of_user, silent
from weave_http.engine.errors import EndpointError

PORT = 2375
"""Where no port is given, with TLS or without, as with docker."""
TLS_PORT = 2376
"""Where TLS is asked for and nothing else is given."""
DEFAULT_HOST = "127.0.0.1"
_MAX_SOCKET_PATH = 107
"""Bytes of a unix socket's path that fit into `sockaddr_un`."""


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


@dataclass(frozen=True, slots=True)
class TLSFiles:
    """How TLS is spoken.

    Args:
        verify: whether the daemon's certificate is checked.
        ca: PEM file of the authorities to trust; empty for the system's.
        cert: PEM file of the client's certificate, or empty.
        key: PEM file of its key, or empty.
    """

    verify: bool = True
    ca: str = ""
    cert: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a daemon listens, and why we think so.

    Args:
        scheme: `unix`, `tcp` or `ssh`.
        path: the socket's path, which may be relative (unix; ssh: on the other side, empty for docker's own choice).
        host: name or address, IPv6 without brackets (tcp, ssh).
        port: port number (tcp; ssh: 0 for ssh's own choice).
        user: user name (ssh), or empty for ssh's own choice.
        base_path: what stands before every route, as `/docker`; empty as a rule (tcp).
        tls: TLS settings, or None for plain HTTP (tcp).
        source: what chose this endpoint, as `DOCKER_HOST` or `default socket`.
        api_version: API version pinned by the user (`DOCKER_API_VERSION`), or empty to negotiate.
    """

    scheme: Literal["unix", "tcp", "ssh"]
    path: str = ""
    host: str = ""
    port: int = 0
    user: str = ""
    base_path: str = ""
    tls: TLSFiles | None = None
    source: str = ""
    api_version: str = ""

    @property
    def url(self) -> str:
        """The address as `DOCKER_HOST` takes it."""
        if self.scheme == "unix":
            return f"unix://{self.path}"
        if self.scheme == "ssh":
            from urllib.parse import quote

            user, port = f"{quote(self.user)}@" if self.user else "", f":{self.port}" if self.port else ""
            return f"ssh://{user}{bracketed(self.host)}{port}{quote(self.path)}"
        return f"tcp://{bracketed(self.host)}:{self.port}{self.base_path}"

    def __str__(self) -> str:
        return f"{self.url} ({self.source})" if self.source else self.url


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL: IPv6 literals in brackets."""
    return f"[{host}]" if ":" in host else host


def unix_endpoint(path: str, source: str) -> Endpoint:
    """Return the endpoint of a unix socket.

    Raises:
        EndpointError: the path is longer than a socket address can hold.
    """
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
        raise EndpointError(
            f"the socket path of {source} is longer than {_MAX_SOCKET_PATH} bytes: {path}", hint="use a shorter path"
        )
    return Endpoint("unix", path=path, source=source)


def parse_host(text: str, source: str, tls: TLSFiles | None, *, port: int = PORT) -> Endpoint:
    """Turn the text of `-H` or `DOCKER_HOST` into an endpoint.

    Args:
        text: `unix:///path`, `tcp://host[:port][/base]`, `http(s)://…`, `ssh://[user@]host[:port][/path]`, `host`,
            `host:port`, `:port`, `[v6]:port`.
        source: where the text came from, for messages.
        tls: TLS settings that apply if it is a TCP endpoint.
        port: that of `tcp://` without one.

    Raises:
        EndpointError: the text names no endpoint.
    """
    given = text.strip()
    text = _shown(given)
    if not given.isprintable():
        raise EndpointError(f"{text!r} ({source}) is no address", hint="as in tcp://10.0.0.1:2376")
    scheme, separator, rest = given.partition("://")
    if not separator:
        scheme, rest = "tcp", given
        if (named := given.partition(":/")[0].lower()) in ("unix", "tcp", "http", "https", "ssh"):
            raise EndpointError(f"{text} ({source}) lacks a slash", hint=f"begin with {named}://")
    match scheme.lower():
        case "unix":
            return unix_endpoint(rest or constants.DOCKER_SOCKET, source)
        case "tcp":
            # As with docker, which drops it: nothing asks for a user there.
            authority, slash, path = rest.partition("/")
            return _parse_tcp(authority.rpartition("@")[2] + slash + path, text, source, tls, port)
        case "http":
            if tls:
                raise EndpointError(
                    f"{text} ({source}) is without TLS, but TLS was asked for", hint="write tcp:// or https://"
                )
            return _parse_tcp(rest, text, source, None, 80)
        case "https":
            return _parse_tcp(rest, text, source, tls or TLSFiles(), 443)
        case "ssh":
            return _parse_ssh(rest, text, source)
        case _:
            raise EndpointError(
                f"{text} ({source}) has the unknown scheme {scheme!r}",
                hint="use unix://, tcp://, http://, https:// or ssh://",
            )


def _shown(text: str) -> str:
    """Return an address for a message: without a password, or a query, which may have a token in it."""
    before, at, after = text.rpartition("@")
    scheme, separator, user = before.partition("://") if "://" in before else ("", "", before)
    if at and (":" in user or "/" in user):
        text = f"{scheme}{separator}…@{after}"
    address, mark, _ = text.partition("?")
    return f"{address}?…" if mark else text


def _parse_tcp(rest: str, text: str, source: str, tls: TLSFiles | None, default_port: int) -> Endpoint:
    authority, slash, path = rest.partition("/")
    if "@" in authority or "?" in rest or "#" in rest or " " in rest:
        raise EndpointError(
            f"{text!r} ({source}) is not HOST:PORT", hint="queries and blanks have no place in it, nor has a password"
        )
    host, port = _split_authority(authority, text, source)
    base = (slash + path).rstrip("/")
    return Endpoint(
        "tcp",
        host=host or DEFAULT_HOST,
        port=default_port if port is None else port,
        base_path=base,
        tls=tls,
        source=source,
    )


def _parse_ssh(rest: str, text: str, source: str) -> Endpoint:
    authority, slash, path = rest.partition("/")
    user, _, address = authority.rpartition("@")
    if ":" in user:
        # Not shown: it is a secret.
        raise EndpointError(f"the ssh:// address ({source}) has a password in it", hint="ssh takes keys, not passwords")
    host, port = _split_authority(address, text, source)
    path = slash + path
    if "%" in rest:
        user, path = (_decoded(part, text, source) for part in (user, path))
        host = _decoded(host, text, source, escapes=_HOST_ESCAPES)
    # A leading dash would be an option of ssh.
    if not host or any(part.startswith("-") for part in (user, host)) or any(mark in rest for mark in "?# "):
        raise EndpointError(f"{text!r} ({source}) is no ssh address", hint="as in ssh://user@host:22")
    return Endpoint("ssh", host=host, port=port or 0, user=user, path=path.rstrip("/"), source=source)


def _decoded(part: str, text: str, source: str, escapes: str = "[0-9a-fA-F]{2}") -> str:
    """Return a part of an address without percent-encoding, as docker takes it; of `unix://` it decodes none.

    Args:
        escapes: regular expression of what may stand after a percent sign.
    """
    import re
    from urllib.parse import unquote

    try:
        decoded = unquote(part, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if re.search(f"%(?!{escapes})", part) or not decoded.isprintable():
        raise EndpointError(f"{text!r} ({source}) has a percent sign that encodes nothing", hint="write %25 for one")
    return decoded


_HOST_ESCAPES = "[89a-fA-F][0-9a-fA-F]"
"""In a host only what is not ASCII may be encoded, as with docker."""


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


def _split_authority(authority: str, text: str, source: str) -> tuple[str, int | None]:
    """Split `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 literal."""
    if authority.startswith("["):
        host, bracket, tail = authority[1:].partition("]")
        if not bracket or not _is_ipv6(host) or (tail and not tail.startswith(":")):
            raise EndpointError(
                f"{text} ({source}) is not an IPv6 address in brackets", hint="as in tcp://[fd00::1]:2376"
            )
        return host, _port(tail[1:], text, source) if tail else None
    if authority.count(":") > 1:
        # Without brackets the last group could be meant as a port: only a whole address is unambiguous enough.
        if not _is_ipv6(authority):
            raise EndpointError(
                f"{text} ({source}) has too many colons", hint="put an IPv6 address into brackets: tcp://[fd00::1]:2376"
            )
        return authority, None
    host, colon, port = authority.partition(":")
    return host, _port(port, text, source) if colon else None


def _port(digits: str, text: str, source: str) -> int | None:
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 65536):
        raise EndpointError(f"{text} ({source}) has no valid port", hint="a port is a number from 1 to 65535")
    return int(digits)


def _is_ipv6(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


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
