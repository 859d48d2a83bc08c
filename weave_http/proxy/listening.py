"""Where the router's proxy listens beside its unix socket: TCP addresses, and how TLS is spoken there. Pure.

Whoever speaks to the Docker API rules its host. So clients have to show a certificate, unless they can only be of this
host, or it was said twice that they need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weave_http.addresses import IP
from weave_http.errors import HostError, UsageError
from weave_http.records import dataclass

FLAGS = ("tls", "tlsverify", "tlscacert", "tlscert", "tlskey", "no-detect-tls", "insecure")
"""The flags of `weave launch` that say how TLS is spoken where `-H` says."""
_FILES = ("tlscacert", "tlscert", "tlskey")


@dataclass(frozen=True, slots=True)
class Files:
    """What TLS is spoken with, as paths.

    Args:
        cert: the certificate.
        key: its key.
        ca: the authority whose certificates clients have to show; empty for clients that show none.
    """

    cert: str
    key: str
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the proxy listens by TCP.

    Args:
        addresses: and ports.
        tls: whether TLS is spoken, None for whatever the daemon does.
        verify: whether clients have to show a certificate.
        ca: path on the host of the authority's certificate; empty for the daemon's.
        cert: of the certificate; empty for the daemon's.
        key: of its key; empty for the daemon's.
        insecure: whether anybody may connect.
    """

    addresses: tuple[tuple[IP, int], ...] = ()
    tls: bool | None = None
    verify: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""
    insecure: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing of the daemon's is needed."""
        return self.tls is False or bool(self.tls and self.cert and self.key and (self.ca or not self.verify))


NOWHERE = Listening()


def listening_of(values: Mapping[str, Any]) -> Listening:
    """Return what flags say.

    Args:
        values: by the flags' names, `H` and `FLAGS`; what is not in it is as by default.

    Raises:
        UsageError: they don't go together.
    """
    addresses = tuple(values.get("H") or ())
    if addresses and not values.get("proxy", True):
        raise UsageError("-H has no effect with --proxy=false", hint="leave out one of them")
    given = [f"--{name}" for name in FLAGS if values.get(name)]
    if given and not addresses:
        raise UsageError(f"{given[0]} has no effect without an address", hint="expected -H tcp://ADDRESS:PORT as well")
    ca, cert, key = (values.get(name) or "" for name in _FILES)
    if bool(cert) != bool(key):
        raise UsageError("--tlscert and --tlskey go together")
    verify = bool(values.get("tlsverify") or ca)
    asked = verify or bool(values.get("tls") or cert)
    made = Listening(
        addresses,
        tls=True if asked else False if values.get("no-detect-tls") else None,
        verify=verify,
        ca=ca,
        cert=cert,
        key=key,
        insecure=bool(values.get("insecure")),
    )
    if asked and values.get("no-detect-tls") and not made.whole:
        wanted = "--tlscacert, --tlscert and --tlskey" if verify else "--tlscert and --tlskey"
        raise UsageError("with --no-detect-tls the daemon's files are not looked for", hint=f"expected {wanted}")
    return made


def decided(asked: Listening, daemons: Files | None) -> Files | None:
    """Return what TLS is spoken with; None for plain TCP.

    Args:
        asked: what flags say.
        daemons: what the daemon speaks TLS with; None if it does not, or was not looked at.

    Raises:
        HostError: a file is not known, or clients would need no certificate though strangers may be among them.
    """
    files = None
    if asked.tls or (asked.tls is None and daemons is not None):
        theirs = daemons or Files("", "")
        ca = (asked.ca or theirs.ca) if asked.verify or not asked.tls else ""
        files = Files(asked.cert or theirs.cert, asked.key or theirs.key, ca)
        if not (files.cert and files.key and (files.ca or not asked.verify)):
            raise HostError(
                "the daemon's command line and daemon.json name no TLS files to take",
                hint="expected --tlscacert, --tlscert and --tlskey",
            )
    reachable = [address for address, _ in asked.addresses if not address.is_loopback]
    if reachable and not (files and files.ca) and not asked.insecure:
        raise HostError(
            f"whoever reaches {reachable[0]} would rule this host, as the Docker API asks for no certificate there",
            hint="expected --tlsverify with its files, or an address of the loopback interface, or --insecure",
        )
    return files


def warning(asked: Listening, files: Files | None) -> str:
    """Return a line for those who asked for something risky; empty for all others."""
    if not asked.addresses or (files and files.ca):
        return ""
    where = ", ".join(url(*each) for each in asked.addresses)
    return f"WARNING: {where} asks for no certificate: whoever reaches it rules this host, as root does"


def url(address: IP, port: int) -> str:
    """Return where the proxy listens, as docker's `-H` has it."""
    return f"tcp://[{address}]:{port}" if address.version == 6 else f"tcp://{address}:{port}"
