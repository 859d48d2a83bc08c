"""A daemon's address: what was typed → an `Endpoint`."""

from __future__ import annotations

import os

from weave_http import constants
from weave_http.engine.errors import EndpointError
from weave_http.hints import Literal
from weave_http.records import dataclass

PORT = 2375
"""Where no port is given, with TLS or without, as with docker."""
TLS_PORT = 2376
"""Where TLS is asked for and nothing else is given."""
DEFAULT_HOST = "127.0.0.1"
_MAX_SOCKET_PATH = 107
"""Bytes of a unix socket's path that fit into `sockaddr_un`."""


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
