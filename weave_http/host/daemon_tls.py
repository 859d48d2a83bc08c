"""With what the host's daemon speaks TLS, by its command line and its daemon.json, as Weave 2.x finds it out.

The daemon's process and its files are found through the host's /proc; nothing has to be mounted for that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from weave_http.errors import HostError
from weave_http.hints import TYPE_CHECKING, Any
from weave_http.host.host_files import inside
from weave_http.proxy.listening import Files, Listening, decided
from weave_http.records import replace

if TYPE_CHECKING:
    import ssl

_DAEMON = "dockerd"
_CONFIG = "/etc/docker/daemon.json"
_SWITCHES = ("tls", "tlsverify")
_VALUES = ("tlscacert", "tlscert", "tlskey", "config-file")
_DEFAULTS = {"tlscacert": "ca.pem", "tlscert": "cert.pem", "tlskey": "key.pem"}
_OFF = frozenset({"0", "f", "F", "false", "FALSE", "False"})


def files_for(asked: Listening, procfs: str) -> Files | None:
    """Return what TLS is spoken with where the proxy listens by TCP, as paths for this process; None for plain TCP.

    Args:
        asked: what flags say.
        procfs: the host's /proc.

    Raises:
        HostError: a file is not known, or strangers would rule the host.
    """
    if not asked.addresses:
        return None
    root = Path(procfs, "1", "root")
    ca, cert, key = (str(inside(root, path)) if path else "" for path in (asked.ca, asked.cert, asked.key))
    given = replace(asked, ca=ca, cert=cert, key=key)
    return decided(given, None if given.whole else daemons_files(Path(procfs)))


def context_of(files: Files) -> ssl.SSLContext:
    """Return an SSL context for the proxy. Raises `HostError`: a file can't be used."""
    from weave_http.engine.wire.tls import server_context  # with ssl, which the resident executor has no use for

    for path in filter(None, (files.ca, files.cert, files.key)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise HostError(f"TLS file {path}: {error.strerror}") from error
    try:
        return server_context(files.cert, files.key, files.ca)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise HostError(f"TLS files {files.cert} and {files.key} can't be used: {reason}") from error


def daemons_files(procfs: Path) -> Files | None:
    """Return with what the host's daemon speaks TLS, as paths for this process; None if it does not.

    Args:
        procfs: the host's /proc.
    """
    for process in _daemons(procfs):
        with suppress(OSError):
            root = process / "root"
            words = _strings(process / "cmdline")
            variables = dict(word.split("=", 1) for word in _strings(process / "environ") if "=" in word)
            said = flags_of(words[1:])
            config = inside(root, str(said.get("config-file", _CONFIG)))
            return _files(_document(config) | said, variables, root)
    return None


def flags_of(words: Sequence[str]) -> dict[str, Any]:
    """Return those of a daemon's flags that say how it speaks TLS.

    Args:
        words: of its command line, without its name.
    """
    said: dict[str, Any] = {}
    rest = list(words)
    while rest:
        name, equals, text = rest.pop(0).partition("=")
        name = name.removeprefix("--")
        if name in _SWITCHES:
            said[name] = text not in _OFF
        elif name in _VALUES and (equals or rest):
            said[name] = text if equals else rest.pop(0)
    return said


def _files(said: Mapping[str, Any], variables: Mapping[str, str], root: Path) -> Files | None:
    """Return the files that a daemon's flags and variables mean; None if it speaks no TLS."""
    # As dockerd has it, to say `tlsverify` at all is to ask for TLS.
    if not said.get("tls") and "tlsverify" not in said:
        return None
    folder = variables.get("DOCKER_CERT_PATH") or str(PurePosixPath(variables.get("HOME") or "/root", ".docker"))
    ca, cert, key = (
        str(inside(root, str(said.get(name) or PurePosixPath(folder, default)))) for name, default in _DEFAULTS.items()
    )
    return Files(cert, key, ca if said.get("tlsverify") else "")


def _daemons(procfs: Path) -> Iterator[Path]:
    """Yield the folders of the host's own daemons in its /proc; those of containers have PIDs of another namespace."""
    host = (procfs / "1" / "ns" / "pid").stat().st_ino
    for process in procfs.glob("[0-9]*"):
        with suppress(OSError):
            words = _strings(process / "cmdline")
            if words and PurePosixPath(words[0]).name == _DAEMON and (process / "ns" / "pid").stat().st_ino == host:
                yield process


def _strings(path: Path) -> list[str]:
    return path.read_bytes().decode(errors="replace").rstrip("\0").split("\0")


def _document(path: Path) -> dict[str, Any]:
    """Return a daemon.json; nothing if there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
