"""Options that are not the body's: what is done around the create call."""

from __future__ import annotations

import re

from weave_http.run_args.draft import Draft
from weave_http.run_args.wrong import BadValue, RunArgumentError

PULL = ("always", "missing", "never")
SOCKET = "/var/run/docker.sock"
_CONTROL = re.compile(r"ctrl-[a-z@\[\\\]^_]")


def pull(text: str) -> str:
    """Return when to pull; nothing means never."""
    if text and text not in PULL:
        raise BadValue(f"expected {', '.join(PULL)}")
    return text or "never"


def key_codes(text: str) -> bytes:
    """Return the bytes that keys send which leave a container running.

    Args:
        text: comma list of single characters, `DEL` and `ctrl-X`, X being a small letter or one of `@[\\]^_`; or
            nothing.

    Raises:
        BadValue: not of that form.
    """
    codes = bytearray()
    for key in text.split(",") if text else ():
        if _CONTROL.fullmatch(key):
            codes.append(ord(key[-1].upper()) - ord("@"))
        elif key == "DEL":
            codes.append(0x7F)
        elif len(key) == 1 and key.isascii():
            codes += key.encode()
        else:
            raise BadValue(f"unknown key {key!r}; expected keys like ctrl-p,ctrl-q or a")
    return bytes(codes)


def detach_keys(text: str) -> str:
    """Check a list of keys; see `key_codes`."""
    key_codes(text)
    return text


def build_cidfile(draft: Draft) -> None:
    """Name the file for the container's id, which must not be there yet."""
    path = draft.given["cidfile"]
    if not path:
        return
    if draft.around.files.exists(path):
        raise RunArgumentError(f"--cidfile: there is {path!r} already", hint="remove it, or its container still runs")
    draft.host["ContainerIDFile"] = path


def build_api_socket(draft: Draft) -> None:
    """Mount the Docker host's socket; the registries' credentials stay where they are."""
    if not draft.given["use-api-socket"]:
        return
    if draft.around.os_type == "windows":
        raise RunArgumentError("--use-api-socket: a Windows daemon has no socket")
    draft.host.setdefault("Mounts", []).append({"Type": "bind", "Source": SOCKET, "Target": SOCKET})
    draft.warnings.append("--use-api-socket: credentials for registries are not copied into the container")


def build_kernel_memory(draft: Draft) -> None:
    """Say that it means nothing any more."""
    draft.warnings.append("--kernel-memory is ignored: no daemon limits it any more")
