"""Capabilities, security options, namespaces, kernel settings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from weave_http.run_args.draft import Draft
from weave_http.run_args.kinds import full_pair
from weave_http.run_args.wrong import BadValue

ALL = "ALL"
NO_NEW_PRIVILEGES = "no-new-privileges"
UNMASKED = "systempaths=unconfined"
_NO_FILES = frozenset({"unconfined", "builtin"})
"""Values of `seccomp=` that are no files."""
_STRING_OR_BLANKS = re.compile(r'("(?:\\.|[^"\\])*")|[ \t\r\n]+')
_SYSCTLS = frozenset(f"kernel.{name}" for name in ("sem", "shm_rmid_forced", "msgmax", "msgmnb", "msgmni")) | frozenset(
    f"kernel.{name}" for name in ("shmall", "shmmax", "shmmni")
)
_SYSCTL_PREFIXES = ("net.", "fs.mqueue.")


def capability(text: str) -> str:
    """Return a capability in capitals, with `CAP_`; which ones there are is the kernel's to say."""
    name = text.upper()
    return name if name == ALL or name.startswith("CAP_") else f"CAP_{name}"


def build_capabilities(draft: Draft) -> None:
    """Put capabilities into `CapAdd` and `CapDrop`: sorted, each once."""
    for name, key in (("cap-add", "CapAdd"), ("cap-drop", "CapDrop")):
        if names := draft.texts(name):
            draft.host[key] = sorted(set(names))


def security_option(text: str) -> str:
    """Check `key=value`, `key:value` or `no-new-privileges`."""
    if text != NO_NEW_PRIVILEGES and "=" not in text and ":" not in text:
        raise BadValue("expected key=value")
    return text


def build_security(draft: Draft) -> None:
    """Put options into `SecurityOpt`, with the content of a seccomp profile instead of its file."""
    options = [found for found in draft.each("security-opt", lambda text: _option(draft, text)) if found]
    if options:
        draft.host["SecurityOpt"] = options
    if UNMASKED in draft.texts("security-opt"):
        draft.host["MaskedPaths"] = []
        draft.host["ReadonlyPaths"] = []


def _option(draft: Draft, text: str) -> str:
    if text == UNMASKED:
        return ""
    key, _, value = text.partition("=" if "=" in text else ":")
    if key != "seccomp" or value in _NO_FILES:
        return text
    return f"seccomp={_compact(draft.around.files.read(value))}"


def _compact(profile: bytes) -> str:
    """Return a JSON document without blanks, otherwise as it was."""
    try:
        text = profile.decode()
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadValue("the profile is no JSON") from error
    return _STRING_OR_BLANKS.sub(lambda match: match[1] or "", text)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def mode(*words: str, container: bool = False) -> Callable[[str], str]:
    """Return what reads the mode of a namespace.

    Args:
        words: what it may be, beside nothing.
        container: or `container:ID`.
    """

    def read(text: str) -> str:
        if text and text not in words and not (container and text.startswith("container:") and text[10:]):
            expected = [*words, *(["container:ID"] if container else [])]
            raise BadValue(f"expected {' or '.join(expected)}")
        return text

    return read


def sysctl(text: str) -> tuple[str, str]:
    """Return name and value of a kernel setting that belongs to a namespace."""
    name, value = full_pair(text)
    if name not in _SYSCTLS and not name.startswith(_SYSCTL_PREFIXES):
        raise BadValue("containers can only have settings of net.*, fs.mqueue.* and kernel's IPC")
    return name, value


# -- back from a body -------------------------------------------------------------------------------------


def profiles(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the seccomp profiles of a body, by the file names that `security_options` gives them."""
    found = {
        text.partition("=")[2]: None
        for text in (body.get("HostConfig") or {}).get("SecurityOpt") or ()
        if text.startswith("seccomp={")
    }
    return {f"seccomp{number or ''}.json": profile for number, profile in enumerate(found)}


def security_options(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield options as `--security-opt` takes them, with a file name in place of a seccomp profile."""
    host = body.get("HostConfig") or {}
    names = {profile: name for name, profile in profiles(body).items()}
    for text in host.get("SecurityOpt") or ():
        key, equals, value = text.partition("=")
        yield f"{key}={names[value]}" if equals and key == "seccomp" and value in names else text
    if host.get("MaskedPaths") == [] and host.get("ReadonlyPaths") == []:
        yield UNMASKED
